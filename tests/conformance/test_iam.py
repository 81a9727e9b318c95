"""IAM, operation by operation, with boto3: normal behaviour, AWS's documented errors, pages, quotas."""
import datetime
import json

import pytest
from conftest import ACCOUNT, document, error_code


READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
WRITE = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}
TRUST = document({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
NO_SUCH_ENTITY, EXISTS, CONFLICT, LIMIT = ("NoSuchEntity", 404), ("EntityAlreadyExists", 409), ("DeleteConflict", 409), ("LimitExceeded", 409)
INVALID, MALFORMED = ("ValidationError", 400), ("MalformedPolicyDocument", 400)


@pytest.fixture
def iam(hearth):
    return hearth.client("iam")


def arn(resource):
    return f"arn:aws:iam::{ACCOUNT}:{resource}"


# Users

def test_users_have_paths_ids_and_tags(iam):
    user = iam.create_user(UserName="alice", Path="/people/", Tags=[{"Key": "team", "Value": "llm"}])["User"]
    assert user["Arn"] == arn("user/people/alice") and user["UserId"].startswith("AIDA") and user["Path"] == "/people/"
    assert abs((datetime.datetime.now(datetime.timezone.utc) - user["CreateDate"]).total_seconds()) < 60
    assert iam.get_user(UserName="alice")["User"]["Tags"] == [{"Key": "team", "Value": "llm"}]
    assert iam.get_user()["User"]["Arn"] == arn("root")  # root asking about itself
    listed = iam.list_users(PathPrefix="/people/")["Users"]
    assert [u["UserName"] for u in listed] == ["alice"] and "Tags" not in listed[0]
    assert iam.list_users(PathPrefix="/robots/")["Users"] == []


def test_names_of_users_differ_in_more_than_case(iam):
    iam.create_user(UserName="alice")
    assert error_code(iam.create_user, UserName="alice") == EXISTS
    assert error_code(iam.create_user, UserName="ALICE") == EXISTS
    assert error_code(iam.create_user, UserName="not a name") == INVALID
    assert error_code(iam.create_user, UserName="x" * 65) == INVALID
    assert error_code(iam.create_user, UserName="p", Path="no-slashes") == INVALID


def test_a_renamed_user_keeps_its_key_its_groups_and_its_policies(hearth, iam):
    user_id = iam.create_user(UserName="old")["User"]["UserId"]
    iam.create_user(UserName="taken")
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="old")
    iam.put_user_policy(UserName="old", PolicyName="p", PolicyDocument=document({"Effect": "Allow", "Action": "iam:GetUser", "Resource": "*"}))
    key = iam.create_access_key(UserName="old")["AccessKey"]
    assert error_code(iam.update_user, UserName="old", NewUserName="taken") == EXISTS
    iam.update_user(UserName="old", NewUserName="new", NewPath="/moved/")
    own = hearth.client("iam", key["AccessKeyId"], key["SecretAccessKey"]).get_user()["User"]
    assert (own["UserId"], own["Arn"]) == (user_id, arn("user/moved/new"))
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName="new")["Groups"]] == ["g"]
    assert error_code(iam.update_user, UserName="old", NewUserName="x") == NO_SUCH_ENTITY


def test_tags_of_users_and_roles(iam):
    iam.create_user(UserName="t")
    iam.create_role(RoleName="t", AssumeRolePolicyDocument=TRUST)
    for kind in ("user", "role"):
        name = {f"{kind.capitalize()}Name": "t"}
        tag, untag, tags = getattr(iam, f"tag_{kind}"), getattr(iam, f"untag_{kind}"), getattr(iam, f"list_{kind}_tags")
        tag(**name, Tags=[{"Key": f"k{i}", "Value": str(i)} for i in range(5)])
        tag(**name, Tags=[{"Key": "k0", "Value": "changed"}])
        untag(**name, TagKeys=["k1", "never there"])
        first = tags(**name, MaxItems=3)
        rest = tags(**name, Marker=first["Marker"])
        assert first["IsTruncated"] and not rest["IsTruncated"]
        found = {t["Key"]: t["Value"] for t in first["Tags"] + rest["Tags"]}
        assert found == {"k0": "changed", "k2": "2", "k3": "3", "k4": "4"}
        assert error_code(tag, **{f"{kind.capitalize()}Name": "none"}, Tags=[]) == NO_SUCH_ENTITY
        many = [{"Key": f"m{i}", "Value": ""} for i in range(50)]
        assert error_code(tag, **name, Tags=many) == LIMIT
        for wrong in (["k", "K"], ["aws:k"]):
            assert error_code(tag, **name, Tags=[{"Key": key, "Value": ""} for key in wrong]) == ("InvalidInput", 400)


def test_a_user_goes_only_when_nothing_hangs_on_it(iam):
    iam.create_user(UserName="u")
    iam.create_group(GroupName="g")
    policy = iam.create_policy(PolicyName="m", PolicyDocument=document(READ))["Policy"]["Arn"]
    key = {"UserName": "u", "AccessKeyId": iam.create_access_key(UserName="u")["AccessKey"]["AccessKeyId"]}
    iam.add_user_to_group(GroupName="g", UserName="u")
    iam.attach_user_policy(UserName="u", PolicyArn=policy)
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=document(READ))
    for undo, arguments in ((iam.delete_access_key, key), (iam.remove_user_from_group, {"GroupName": "g", "UserName": "u"}),
                            (iam.detach_user_policy, {"UserName": "u", "PolicyArn": policy}),
                            (iam.delete_user_policy, {"UserName": "u", "PolicyName": "p"})):
        assert error_code(iam.delete_user, UserName="u") == CONFLICT
        undo(**arguments)
    iam.delete_user(UserName="u")
    assert error_code(iam.get_user, UserName="u") == NO_SUCH_ENTITY
    assert error_code(iam.delete_user, UserName="u") == NO_SUCH_ENTITY


# Access keys

def test_access_keys(hearth, iam):
    iam.create_user(UserName="u")
    one = iam.create_access_key(UserName="u")["AccessKey"]
    two = iam.create_access_key(UserName="u")["AccessKey"]
    assert one["AccessKeyId"].startswith("AKIA") and len(one["AccessKeyId"]) == 20 and len(one["SecretAccessKey"]) == 40
    assert error_code(iam.create_access_key, UserName="u") == LIMIT
    listed = iam.list_access_keys(UserName="u")["AccessKeyMetadata"]
    assert {k["AccessKeyId"] for k in listed} == {one["AccessKeyId"], two["AccessKeyId"]}
    assert all(k["Status"] == "Active" and "SecretAccessKey" not in k for k in listed)
    page = iam.list_access_keys(UserName="u", MaxItems=1)
    assert page["IsTruncated"]
    rest = iam.list_access_keys(UserName="u", Marker=page["Marker"])["AccessKeyMetadata"]
    assert {k["AccessKeyId"] for k in page["AccessKeyMetadata"] + rest} == {one["AccessKeyId"], two["AccessKeyId"]}

    sts = hearth.client("sts", one["AccessKeyId"], one["SecretAccessKey"])
    assert sts.get_caller_identity()["Arn"] == arn("user/u")
    used = iam.get_access_key_last_used(AccessKeyId=one["AccessKeyId"])
    assert used["UserName"] == "u" and used["AccessKeyLastUsed"]["ServiceName"]
    iam.update_access_key(UserName="u", AccessKeyId=one["AccessKeyId"], Status="Inactive")
    assert error_code(sts.get_caller_identity) == ("InvalidClientTokenId", 403)
    iam.update_access_key(UserName="u", AccessKeyId=one["AccessKeyId"], Status="Active")
    sts.get_caller_identity()
    iam.delete_access_key(UserName="u", AccessKeyId=one["AccessKeyId"])
    assert error_code(sts.get_caller_identity) == ("InvalidClientTokenId", 403)
    assert error_code(iam.delete_access_key, UserName="u", AccessKeyId=one["AccessKeyId"]) == NO_SUCH_ENTITY
    assert error_code(iam.create_access_key, UserName="nobody") == NO_SUCH_ENTITY


def test_a_rename_needs_the_right_to_both_names(hearth, iam):
    iam.create_user(UserName="chief", Path="/team/")
    iam.put_user_policy(UserName="chief", PolicyName="p", PolicyDocument=document({"Effect": "Allow", "Action": "iam:UpdateUser", "Resource": arn("user/team/*")}))
    key = iam.create_access_key(UserName="chief")["AccessKey"]
    own = hearth.client("iam", key["AccessKeyId"], key["SecretAccessKey"])
    iam.create_user(UserName="ana", Path="/team/")
    own.update_user(UserName="ana", NewUserName="anna")
    for change in ({"NewPath": "/admins/"}, {"NewPath": "/"}):
        assert error_code(own.update_user, UserName="anna", **change) == ("AccessDenied", 403)
    assert iam.get_user(UserName="anna")["User"]["Arn"] == arn("user/team/anna")


# Groups

def test_groups_give_their_rights_to_their_members(hearth, iam):
    group = iam.create_group(GroupName="readers", Path="/teams/")["Group"]
    assert group["Arn"] == arn("group/teams/readers") and group["GroupId"].startswith("AGPA")
    assert error_code(iam.create_group, GroupName="readers") == EXISTS
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    own = hearth.client("iam", key["AccessKeyId"], key["SecretAccessKey"])
    assert error_code(own.list_users) == ("AccessDenied", 403)
    iam.put_group_policy(GroupName="readers", PolicyName="p", PolicyDocument=document({"Effect": "Allow", "Action": "iam:List*", "Resource": "*"}))
    iam.add_user_to_group(GroupName="readers", UserName="u")
    assert [u["UserName"] for u in own.list_users()["Users"]] == ["u"]
    assert [u["UserName"] for u in iam.get_group(GroupName="readers")["Users"]] == ["u"]
    assert [g["GroupName"] for g in iam.list_groups(PathPrefix="/teams/")["Groups"]] == ["readers"]
    assert error_code(iam.delete_group, GroupName="readers") == CONFLICT
    iam.remove_user_from_group(GroupName="readers", UserName="u")
    assert error_code(own.list_users) == ("AccessDenied", 403)
    assert error_code(iam.delete_group, GroupName="readers") == CONFLICT  # its inline policy is still there
    iam.delete_group_policy(GroupName="readers", PolicyName="p")
    iam.delete_group(GroupName="readers")
    assert error_code(iam.get_group, GroupName="readers") == NO_SUCH_ENTITY
    assert error_code(iam.add_user_to_group, GroupName="readers", UserName="u") == NO_SUCH_ENTITY


def test_a_user_is_in_ten_groups_at_most(iam):
    iam.create_user(UserName="u")
    for n in range(11):
        iam.create_group(GroupName=f"g{n}")
    for n in range(10):
        iam.add_user_to_group(GroupName=f"g{n}", UserName="u")
    assert error_code(iam.add_user_to_group, GroupName="g10", UserName="u") == LIMIT
    pages = iam.get_paginator("list_groups_for_user").paginate(UserName="u", PaginationConfig={"PageSize": 3})
    assert sorted(g["GroupName"] for page in pages for g in page["Groups"]) == sorted(f"g{n}" for n in range(10))


# Policies

@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_inline_policies(iam, kind):
    extra = {"AssumeRolePolicyDocument": TRUST} if kind == "role" else {}
    name = {f"{kind.capitalize()}Name": "e"}
    getattr(iam, f"create_{kind}")(**name, **extra)
    put, get = getattr(iam, f"put_{kind}_policy"), getattr(iam, f"get_{kind}_policy")
    listing, delete = getattr(iam, f"list_{kind}_policies"), getattr(iam, f"delete_{kind}_policy")
    for n in range(5):
        put(**name, PolicyName=f"p{n}", PolicyDocument=document(READ))
    put(**name, PolicyName="p0", PolicyDocument=document(WRITE))  # replaces
    assert get(**name, PolicyName="p0")["PolicyDocument"]["Statement"] == [WRITE]
    pages = iam.get_paginator(f"list_{kind}_policies").paginate(**name, PaginationConfig={"PageSize": 2})
    assert sorted(p for page in pages for p in page["PolicyNames"]) == [f"p{n}" for n in range(5)]
    assert error_code(get, **name, PolicyName="none") == NO_SUCH_ENTITY
    assert error_code(delete, **name, PolicyName="none") == NO_SUCH_ENTITY
    for broken in ("{", "[]", document({"Effect": "Perhaps", "Action": "*", "Resource": "*"}), document({"Effect": "Allow", "Action": "*"}),
                   document({"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": "*"})):
        assert error_code(put, **name, PolicyName="broken", PolicyDocument=broken) == MALFORMED, broken
    assert error_code(put, **name, PolicyName="big", PolicyDocument=document({**READ, "Resource": ["arn:aws:s3:::" + "b" * 60] * 200})) == LIMIT
    assert error_code(listing, **{f"{kind.capitalize()}Name": "none"}) == NO_SUCH_ENTITY
    delete(**name, PolicyName="p4")
    assert sorted(listing(**name)["PolicyNames"]) == [f"p{n}" for n in range(4)]


def test_managed_policies_and_their_versions(iam):
    created = iam.create_policy(PolicyName="data", Path="/teams/", PolicyDocument=document(READ), Description="d")["Policy"]
    policy = created["Arn"]
    assert policy == arn("policy/teams/data") and created["DefaultVersionId"] == "v1" and created["PolicyId"].startswith("ANPA")
    assert error_code(iam.create_policy, PolicyName="data", PolicyDocument=document(READ)) == EXISTS
    assert error_code(iam.create_policy, PolicyName="broken", PolicyDocument="{}") == MALFORMED
    for n in range(2, 6):
        version = iam.create_policy_version(PolicyArn=policy, PolicyDocument=document(WRITE), SetAsDefault=n == 5)["PolicyVersion"]
        assert (version["VersionId"], version["IsDefaultVersion"]) == (f"v{n}", n == 5)
    assert error_code(iam.create_policy_version, PolicyArn=policy, PolicyDocument=document(WRITE)) == LIMIT
    assert iam.get_policy(PolicyArn=policy)["Policy"]["DefaultVersionId"] == "v5"
    iam.set_default_policy_version(PolicyArn=policy, VersionId="v1")
    assert iam.get_policy_version(PolicyArn=policy, VersionId="v1")["PolicyVersion"]["Document"]["Statement"] == [READ]
    assert error_code(iam.delete_policy_version, PolicyArn=policy, VersionId="v1") == CONFLICT
    assert error_code(iam.get_policy_version, PolicyArn=policy, VersionId="v9") == NO_SUCH_ENTITY
    assert error_code(iam.set_default_policy_version, PolicyArn=policy, VersionId="v9") == NO_SUCH_ENTITY
    pages = iam.get_paginator("list_policy_versions").paginate(PolicyArn=policy, PaginationConfig={"PageSize": 2})
    assert sorted(v["VersionId"] for page in pages for v in page["Versions"]) == ["v1", "v2", "v3", "v4", "v5"]
    assert error_code(iam.delete_policy, PolicyArn=policy) == CONFLICT  # other versions are left
    for n in range(2, 6):
        iam.delete_policy_version(PolicyArn=policy, VersionId=f"v{n}")
    iam.delete_policy(PolicyArn=policy)
    assert error_code(iam.get_policy, PolicyArn=policy) == NO_SUCH_ENTITY


def test_policies_are_attached_counted_and_listed(iam):
    policy = iam.create_policy(PolicyName="data", PolicyDocument=document(READ))["Policy"]["Arn"]
    other = iam.create_policy(PolicyName="unused", PolicyDocument=document(READ))["Policy"]["Arn"]
    iam.create_user(UserName="e")
    iam.create_group(GroupName="e")
    iam.create_role(RoleName="e", AssumeRolePolicyDocument=TRUST)
    for kind in ("user", "group", "role"):
        name = {f"{kind.capitalize()}Name": "e"}
        attach, detach = getattr(iam, f"attach_{kind}_policy"), getattr(iam, f"detach_{kind}_policy")
        attach(**name, PolicyArn=policy)
        attach(**name, PolicyArn=policy)  # twice is once
        attached = getattr(iam, f"list_attached_{kind}_policies")
        assert attached(**name)["AttachedPolicies"] == [{"PolicyName": "data", "PolicyArn": policy}]
        assert attached(**name, PathPrefix="/none/")["AttachedPolicies"] == []
        assert error_code(attach, **name, PolicyArn=arn("policy/none")) == NO_SUCH_ENTITY
        assert error_code(detach, **name, PolicyArn=other) == NO_SUCH_ENTITY
    assert iam.get_policy(PolicyArn=policy)["Policy"]["AttachmentCount"] == 3
    entities = iam.list_entities_for_policy(PolicyArn=policy)
    assert (entities["PolicyUsers"][0]["UserName"], entities["PolicyGroups"][0]["GroupName"], entities["PolicyRoles"][0]["RoleName"]) == ("e", "e", "e")
    only_roles = iam.list_entities_for_policy(PolicyArn=policy, EntityFilter="Role")
    assert only_roles["PolicyRoles"] and not only_roles["PolicyUsers"] and not only_roles["PolicyGroups"]
    assert error_code(iam.delete_policy, PolicyArn=policy) == CONFLICT
    assert [p["PolicyName"] for p in iam.list_policies(Scope="Local", OnlyAttached=True)["Policies"]] == ["data"]
    assert {p["PolicyName"] for p in iam.list_policies(Scope="Local")["Policies"]} == {"data", "unused"}
    for kind in ("user", "group", "role"):
        getattr(iam, f"detach_{kind}_policy")(**{f"{kind.capitalize()}Name": "e"}, PolicyArn=policy)
    iam.delete_policy(PolicyArn=policy)


def test_policies_of_aws_are_there_and_stay(iam):
    policies = [p for page in iam.get_paginator("list_policies").paginate(Scope="AWS", PaginationConfig={"PageSize": 2}) for p in page["Policies"]]
    by_name = {p["PolicyName"]: p["Arn"] for p in policies}
    assert by_name["AdministratorAccess"] == "arn:aws:iam::aws:policy/AdministratorAccess"
    version = iam.get_policy(PolicyArn=by_name["AdministratorAccess"])["Policy"]["DefaultVersionId"]
    statement = iam.get_policy_version(PolicyArn=by_name["AdministratorAccess"], VersionId=version)["PolicyVersion"]["Document"]["Statement"]
    assert statement in ([{"Effect": "Allow", "Action": "*", "Resource": "*"}], {"Effect": "Allow", "Action": "*", "Resource": "*"})
    assert error_code(iam.delete_policy, PolicyArn=by_name["AdministratorAccess"]) == ("AccessDenied", 403)


# Roles and instance profiles

def test_roles(iam):
    role = iam.create_role(RoleName="trainer", Path="/ml/", AssumeRolePolicyDocument=TRUST, Description="d", MaxSessionDuration=7200)["Role"]
    assert role["Arn"] == arn("role/ml/trainer") and role["RoleId"].startswith("AROA")
    assert error_code(iam.create_role, RoleName="trainer", AssumeRolePolicyDocument=TRUST) == EXISTS
    assert error_code(iam.create_role, RoleName="r", AssumeRolePolicyDocument="{}") == MALFORMED
    for action in ("s3:GetObject", "*"):
        wrong = document({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": ["sts:AssumeRole", action]})
        assert error_code(iam.create_role, RoleName="r", AssumeRolePolicyDocument=wrong) == MALFORMED
    assert error_code(iam.create_role, RoleName="r", AssumeRolePolicyDocument=TRUST, MaxSessionDuration=43201) == INVALID
    iam.update_role(RoleName="trainer", Description="new", MaxSessionDuration=3600)
    found = iam.get_role(RoleName="trainer")["Role"]
    assert (found["Description"], found["MaxSessionDuration"], found["AssumeRolePolicyDocument"]) == ("new", 3600, json.loads(TRUST))
    changed = document({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"})
    iam.update_assume_role_policy(RoleName="trainer", PolicyDocument=changed)
    assert iam.get_role(RoleName="trainer")["Role"]["AssumeRolePolicyDocument"] == json.loads(changed)
    assert error_code(iam.update_assume_role_policy, RoleName="trainer", PolicyDocument="{") == MALFORMED
    assert [r["RoleName"] for r in iam.list_roles(PathPrefix="/ml/")["Roles"]] == ["trainer"]
    iam.delete_role(RoleName="trainer")
    for call, arguments in ((iam.get_role, {}), (iam.delete_role, {}), (iam.update_role, {}), (iam.update_assume_role_policy, {"PolicyDocument": TRUST})):
        assert error_code(call, RoleName="trainer", **arguments) == NO_SUCH_ENTITY


def test_a_trust_is_in_who_it_was_given_to_not_in_the_name(hearth, iam):
    def trusting(*principals):
        return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole"}]}

    def shown():
        found = iam.get_role(RoleName="reader")["Role"]["AssumeRolePolicyDocument"]
        assert [r["AssumeRolePolicyDocument"] for r in iam.list_roles()["Roles"] if r["RoleName"] == "reader"] == [found]
        assert iam.get_instance_profile(InstanceProfileName="p")["InstanceProfile"]["Roles"][0]["AssumeRolePolicyDocument"] == found
        return found

    def user(name):
        user_id = iam.create_user(UserName=name)["User"]["UserId"]
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return user_id, key["AccessKeyId"], hearth.client("sts", key["AccessKeyId"], key["SecretAccessKey"])

    assume = {"RoleArn": arn("role/reader"), "RoleSessionName": "laptop"}
    by_name = trusting(arn("user/dev"), arn("root"))
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException, match='Invalid principal in policy: "AWS":"' + arn("user/dev")):
        iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps(by_name))
    first_id, key_id, first = user("dev")
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps(by_name))
    iam.create_instance_profile(InstanceProfileName="p")
    iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="reader")
    first.assume_role(**assume)
    assert shown() == by_name

    iam.update_user(UserName="dev", NewUserName="renamed")
    first.assume_role(**assume)
    assert shown() == trusting(arn("user/renamed"), arn("root"))

    iam.delete_access_key(UserName="renamed", AccessKeyId=key_id)
    iam.delete_user(UserName="renamed")
    _, _, second = user("dev")
    assert error_code(second.assume_role, **assume) == ("AccessDenied", 403)
    assert shown() == trusting(first_id, arn("root"))
    assert error_code(iam.update_assume_role_policy, RoleName="reader", PolicyDocument=json.dumps(trusting(arn("role/nobody")))) == MALFORMED
    iam.update_assume_role_policy(RoleName="reader", PolicyDocument=json.dumps(by_name))
    second.assume_role(**assume)
    assert shown() == by_name


def test_instance_profiles_hold_one_role(iam):
    profile = iam.create_instance_profile(InstanceProfileName="p", Path="/ml/")["InstanceProfile"]
    assert profile["Arn"] == arn("instance-profile/ml/p") and profile["InstanceProfileId"].startswith("AIPA")
    assert error_code(iam.create_instance_profile, InstanceProfileName="p") == EXISTS
    for name in ("one", "two"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="one")
    assert error_code(iam.add_role_to_instance_profile, InstanceProfileName="p", RoleName="two") == LIMIT
    assert error_code(iam.add_role_to_instance_profile, InstanceProfileName="none", RoleName="two") == NO_SUCH_ENTITY
    assert [r["RoleName"] for r in iam.get_instance_profile(InstanceProfileName="p")["InstanceProfile"]["Roles"]] == ["one"]
    assert [p["InstanceProfileName"] for p in iam.list_instance_profiles_for_role(RoleName="one")["InstanceProfiles"]] == ["p"]
    assert [p["InstanceProfileName"] for p in iam.list_instance_profiles(PathPrefix="/ml/")["InstanceProfiles"]] == ["p"]
    assert error_code(iam.delete_role, RoleName="one") == CONFLICT
    assert error_code(iam.delete_instance_profile, InstanceProfileName="p") == CONFLICT
    iam.remove_role_from_instance_profile(InstanceProfileName="p", RoleName="one")
    assert error_code(iam.remove_role_from_instance_profile, InstanceProfileName="p", RoleName="one") == NO_SUCH_ENTITY
    iam.delete_instance_profile(InstanceProfileName="p")
    assert error_code(iam.get_instance_profile, InstanceProfileName="p") == NO_SUCH_ENTITY


# Pages and simulation

@pytest.mark.parametrize("operation,member,create", [
    ("list_users", "Users", lambda iam, name: iam.create_user(UserName=name)),
    ("list_groups", "Groups", lambda iam, name: iam.create_group(GroupName=name)),
    ("list_roles", "Roles", lambda iam, name: iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)),
    ("list_instance_profiles", "InstanceProfiles", lambda iam, name: iam.create_instance_profile(InstanceProfileName=name))])
@pytest.mark.parametrize("page_size", [1, 3, 1000])
def test_pages_add_up(iam, operation, member, create, page_size):
    names = [f"n{n}" for n in range(7)]
    for name in names:
        create(iam, name)
    pages = list(iam.get_paginator(operation).paginate(PaginationConfig={"PageSize": page_size}))
    assert [entity[f"{member[:-1]}Name"] for page in pages for entity in page[member]] == names
    assert all(len(page[member]) <= page_size for page in pages)
    assert error_code(getattr(iam, operation), Marker="no marker of ours")[0] in ("ValidationError", "InvalidInput")
    assert error_code(getattr(iam, operation), MaxItems=1001) == INVALID


def decisions(answer):
    return {(r["EvalActionName"], r["EvalResourceName"]): r["EvalDecision"] for r in answer["EvaluationResults"]}


def test_the_simulator_agrees_with_the_language(iam):
    bucket = "arn:aws:s3:::data/k"
    deny = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}
    conditional = {"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": "*", "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}}
    actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"]
    custom = iam.simulate_custom_policy(
        PolicyInputList=[document(READ, WRITE, deny, conditional)], ActionNames=actions, ResourceArns=[bucket],
        ContextEntries=[{"ContextKeyName": "aws:RequestedRegion", "ContextKeyType": "string", "ContextKeyValues": ["eu-central-1"]}])
    assert decisions(custom) == {("s3:GetObject", bucket): "allowed", ("s3:PutObject", bucket): "explicitDeny",
                                 ("s3:DeleteObject", bucket): "allowed", ("s3:ListBucket", bucket): "implicitDeny"}
    user = iam.create_user(UserName="u")["User"]["Arn"]
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=document(READ))
    assert decisions(iam.simulate_principal_policy(PolicySourceArn=user, ActionNames=actions[:2], ResourceArns=[bucket])) == {
        ("s3:GetObject", bucket): "allowed", ("s3:PutObject", bucket): "implicitDeny"}
    assert error_code(iam.simulate_principal_policy, PolicySourceArn=arn("user/none"), ActionNames=actions) == NO_SUCH_ENTITY
    assert error_code(iam.simulate_principal_policy, PolicySourceArn=arn("root"), ActionNames=actions) == ("InvalidInput", 400)
    assert error_code(iam.simulate_custom_policy, PolicyInputList=["{"], ActionNames=actions)[0] == "InvalidInput"


def entry(name, *values):
    return {"ContextKeyName": name, "ContextKeyType": "string", "ContextKeyValues": list(values)}


def test_the_simulator_takes_what_it_is_told(iam):
    """Entries say who asks and what tags there are; a boundary that is given stands in for the one there is; what is missing is named."""
    own_team = {"Effect": "Allow", "Action": "ec2:StopInstances", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}}
    ask = lambda *entries, **more: iam.simulate_custom_policy(  # noqa: E731
        PolicyInputList=[document(own_team)], ActionNames=["ec2:StopInstances"], ContextEntries=list(entries), **more)["EvaluationResults"][0]
    assert ask(entry("aws:ResourceTag/team", "red"), entry("aws:PrincipalTag/team", "red"))["EvalDecision"] == "allowed"
    assert ask(entry("aws:ResourceTag/team", "red"), entry("aws:PrincipalTag/team", "blue"))["EvalDecision"] == "implicitDeny"
    nothing = ask()
    assert nothing["EvalDecision"] == "implicitDeny" and sorted(nothing["MissingContextValues"]) == ["aws:principaltag/team", "aws:resourcetag/team"]
    home = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::home/${aws:username}/*"}
    home_of = lambda name: iam.simulate_custom_policy(  # noqa: E731
        PolicyInputList=[document(home)], ActionNames=["s3:GetObject"], ResourceArns=["arn:aws:s3:::home/ana/x"],
        ContextEntries=[entry("aws:username", name)])["EvaluationResults"][0]["EvalDecision"]
    assert (home_of("ana"), home_of("bob")) == ("allowed", "implicitDeny")

    user = iam.create_user(UserName="u")["User"]["Arn"]
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=document(READ, WRITE))
    bounded = iam.simulate_principal_policy(PolicySourceArn=user, ActionNames=["s3:GetObject", "s3:PutObject"],
                                            PermissionsBoundaryPolicyInputList=[document(READ)])
    assert decisions(bounded) == {("s3:GetObject", "*"): "allowed", ("s3:PutObject", "*"): "implicitDeny"}
    assert [r["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"] for r in bounded["EvaluationResults"]] == [True, False]
    assert error_code(iam.simulate_custom_policy, PolicyInputList=[document(READ)], ActionNames=["s3:GetObject"], CallerArn=arn("role/x")) == ("InvalidInput", 400)
