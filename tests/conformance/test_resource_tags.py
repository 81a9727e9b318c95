"""Conditions on the tags of resources, for every service that has taggable ones: a Deny on a tag holds, an Allow on a tag gives, and
both go by the tags a resource has when the call is made."""
import pytest
from botocore.exceptions import ClientError
from conftest import ACCOUNT, document, error_code
from conformance.instances import host_image, skip_without_instances
from conformance.served import services_with_operations

DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"}
TRUST_ACCOUNT = document({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"})
TRUST_SAGEMAKER = document({"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"})
ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def pairs(team, key="Team"):
    return [{"Key": key, "Value": team}]


class Case:
    """A kind of resource: `make` makes one of a team's; each of `calls` touches it, under what its service calls the tag."""

    def __init__(self, service, make, calls, keys=("aws:ResourceTag/team",)):
        self.service, self.make, self.calls, self.keys = service, make, calls, keys


def make_group(client, team):
    group = client.create_security_group(GroupName=team, Description="d", TagSpecifications=[{"ResourceType": "security-group", "Tags": pairs(team)}])
    return {"GroupId": group["GroupId"], "GroupName": team}


def make_key_pair(client, team):
    pair = client.create_key_pair(KeyName=team, KeyType="ed25519", TagSpecifications=[{"ResourceType": "key-pair", "Tags": pairs(team)}])
    return {"KeyName": team, "KeyPairId": pair["KeyPairId"]}


def open_port(client, group):
    client.authorize_security_group_ingress(IpPermissions=[{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}], **group)


EC2_KEYS = ("aws:ResourceTag/team", "ec2:ResourceTag/TEAM")
IAM_KEYS = ("aws:ResourceTag/team", "iam:ResourceTag/team")
SAGEMAKER_KEYS = ("aws:ResourceTag/team", "sagemaker:ResourceTag/team")
S3_KEYS = ("s3:ExistingObjectTag/team",)


def make_object(client, team):
    bucket = f"bucket-{team}"
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    # A key that ends in a star is a key like others.
    old = client.put_object(Bucket=bucket, Key="all/*", Body=b"old", Tagging=f"Team={team}")["VersionId"]
    new = client.put_object(Bucket=bucket, Key="all/*", Body=b"new", Tagging=f"Team={team}")["VersionId"]
    return {"Bucket": bucket, "Key": "all/*"}, old, new


def make_versions(client, team):
    """Only the old version is the team's."""
    made, old, _ = make_object(client, team)
    client.put_object_tagging(Tagging={"TagSet": pairs("nobody")}, **made)
    return {**made, "VersionId": old}


def make_alarm(client, team):
    client.put_metric_alarm(AlarmName=team, Namespace="N", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1.0,
                            ComparisonOperator="GreaterThanThreshold", Tags=pairs(team))
    return team


def make_dashboard(client, team):
    client.put_dashboard(DashboardName=team, DashboardBody='{"widgets":[]}', Tags=pairs(team))
    return team


def make_log_group(client, team):
    client.create_log_group(logGroupName=team, tags={"Team": team})
    client.create_log_stream(logGroupName=team, logStreamName="s")
    return team


def make_model(client, team):
    role = f"arn:aws:iam::{ACCOUNT}:role/serving"
    weights = {"S3DataSource": {"S3Uri": "s3://models/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}}
    client.create_model(ModelName=team, ExecutionRoleArn=role, PrimaryContainer={"Image": "hearth-infer", "ModelDataSource": weights}, Tags=pairs(team))
    return team


def make_endpoint_config(client, team):
    make_model(client, team)
    variant = {"VariantName": "all", "ModelName": team, "InstanceType": "ml.p5.48xlarge", "InitialInstanceCount": 1}
    client.create_endpoint_config(EndpointConfigName=team, ProductionVariants=[variant], Tags=pairs(team))
    return team


def make_endpoint(client, team):
    client.create_endpoint(EndpointName=team, EndpointConfigName=make_endpoint_config(client, team), Tags=pairs(team))
    return team


def group_arn(team):
    return f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{team}"


def alarm_arn(team):
    return f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:{team}"


CASES = {
    "security groups": Case("ec2", make_group, [
        lambda c, g: open_port(c, {"GroupId": g["GroupId"]}),
        lambda c, g: open_port(c, {"GroupName": g["GroupName"]}),
        lambda c, g: c.create_tags(Resources=[g["GroupId"]], Tags=pairs("v", "other")),
        lambda c, g: c.delete_security_group(GroupName=g["GroupName"])], EC2_KEYS),
    "key pairs": Case("ec2", make_key_pair, [
        lambda c, k: c.create_tags(Resources=[k["KeyPairId"]], Tags=pairs("v", "other")),
        lambda c, k: c.delete_key_pair(KeyPairId=k["KeyPairId"])], EC2_KEYS),
    "key pairs by name": Case("ec2", make_key_pair, [lambda c, k: c.delete_key_pair(KeyName=k["KeyName"])], EC2_KEYS),
    "users": Case("iam", lambda c, team: c.create_user(UserName=team, Path="/people/", Tags=pairs(team))["User"]["UserName"], [
        lambda c, name: c.get_user(UserName=name),
        lambda c, name: c.tag_user(UserName=name, Tags=pairs("v", "other")),
        lambda c, name: c.delete_user(UserName=name)], IAM_KEYS),
    "roles": Case("iam", lambda c, team: c.create_role(RoleName=team, AssumeRolePolicyDocument=TRUST_ACCOUNT, Tags=pairs(team))["Role"]["RoleName"], [
        lambda c, name: c.get_role(RoleName=name),
        lambda c, name: c.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(ALLOW_ALL))], IAM_KEYS),
    "policies": Case("iam", lambda c, team: c.create_policy(PolicyName=team, PolicyDocument=document(ALLOW_ALL), Tags=pairs(team))["Policy"]["Arn"], [
        lambda c, arn: c.get_policy(PolicyArn=arn),
        lambda c, arn: c.delete_policy(PolicyArn=arn)]),
    "instance profiles": Case("iam", lambda c, team: c.create_instance_profile(InstanceProfileName=team, Tags=pairs(team)) and team, [
        lambda c, name: c.get_instance_profile(InstanceProfileName=name)]),
    "roles to assume": Case("sts", lambda c, team: c.create_role(RoleName=team, AssumeRolePolicyDocument=TRUST_ACCOUNT, Tags=pairs(team))["Role"]["Arn"], [
        lambda c, arn: c.assume_role(RoleArn=arn, RoleSessionName="session")], IAM_KEYS),
    "objects": Case("s3", lambda c, team: make_object(c, team)[0], [
        lambda c, o: c.get_object(**o), lambda c, o: c.head_object(**o), lambda c, o: c.get_object_tagging(**o), lambda c, o: c.get_object_acl(**o),
        lambda c, o: c.get_object_attributes(ObjectAttributes=["ETag"], **o),
        lambda c, o: c.copy_object(CopySource=o, Bucket=o["Bucket"], Key="copy"),
        lambda c, o: c.put_object_tagging(Tagging={"TagSet": []}, **o)], S3_KEYS),
    "versions of objects": Case("s3", make_versions, [
        lambda c, o: c.get_object(**o), lambda c, o: c.get_object_tagging(**o), lambda c, o: c.delete_object_tagging(**o)], S3_KEYS),
    "alarms": Case("cloudwatch", make_alarm, [
        lambda c, name: c.describe_alarms(AlarmNames=[name]),
        lambda c, name: c.tag_resource(ResourceARN=alarm_arn(name), Tags=pairs("v", "other")),
        lambda c, name: c.delete_alarms(AlarmNames=[name])]),
    "dashboards": Case("cloudwatch", make_dashboard, [lambda c, name: c.get_dashboard(DashboardName=name)]),
    "log groups": Case("logs", make_log_group, [
        lambda c, name: c.describe_log_streams(logGroupName=name), lambda c, name: c.filter_log_events(logGroupName=name),
        lambda c, name: c.filter_log_events(logGroupIdentifier=group_arn(name)),
        lambda c, name: c.put_log_events(logGroupName=name, logStreamName="s", logEvents=[{"timestamp": 1, "message": "m"}]),
        lambda c, name: c.get_log_events(logGroupName=name, logStreamName="s"),
        lambda c, name: c.list_tags_for_resource(resourceArn=group_arn(name)),
        lambda c, name: c.tag_resource(resourceArn=group_arn(name), tags={"other": "v"}),
        lambda c, name: c.delete_log_group(logGroupName=name)]),
    "topics": Case("sns", lambda c, team: c.create_topic(Name=team, Tags=pairs(team))["TopicArn"], [
        lambda c, arn: c.publish(TopicArn=arn, Message="m"), lambda c, arn: c.publish(TargetArn=arn, Message="m"),
        lambda c, arn: c.list_tags_for_resource(ResourceArn=arn),
        lambda c, arn: c.tag_resource(ResourceArn=arn, Tags=pairs("v", "other")),
        lambda c, arn: c.delete_topic(TopicArn=arn)]),
    "models": Case("sagemaker", make_model, [lambda c, name: c.describe_model(ModelName=name.upper()), lambda c, name: c.delete_model(ModelName=name)],
                   SAGEMAKER_KEYS),
    "endpoint configurations": Case("sagemaker", make_endpoint_config, [
        lambda c, name: c.describe_endpoint_config(EndpointConfigName=name),
        lambda c, name: c.delete_endpoint_config(EndpointConfigName=name)],
        SAGEMAKER_KEYS),
    "endpoints": Case("sagemaker", make_endpoint, [lambda c, name: c.describe_endpoint(EndpointName=name), lambda c, name: c.delete_endpoint(EndpointName=name)],
                      SAGEMAKER_KEYS),
    "endpoints to call": Case("sagemaker-runtime", make_endpoint, [
        lambda c, name: c.invoke_endpoint(EndpointName=name, Body=b"{}"),
        lambda c, name: c.invoke_endpoint_with_response_stream(EndpointName=name, Body=b"{}")], SAGEMAKER_KEYS),
}


def test_every_service_tells_its_tags():
    assert {case.service for case in CASES.values()} == services_with_operations()


def denial(call, *arguments):
    """AWS's message where the call is denied; empty where it gets further, whatever comes of it."""
    try:
        call(*arguments)
    except ClientError as refused:
        error = refused.response["Error"]
        return error["Message"] if error["Code"] in DENIED else ""
    return ""


@pytest.fixture
def user_with(hearth):
    """user_with(statements, tags): a function that makes clients of a new user."""
    iam = hearth.client("iam")
    number = iter(range(100))

    def make(*statements, tags=()):
        name = f"caller{next(number)}"
        iam.create_user(UserName=name, Tags=list(tags))
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return lambda service: hearth.client(service, key["AccessKeyId"], key["SecretAccessKey"])

    return make


@pytest.fixture(params=CASES)
def case(request, hearth):
    if CASES[request.param].service.startswith("sagemaker"):
        hearth.client("iam").create_role(RoleName="serving", AssumeRolePolicyDocument=TRUST_SAGEMAKER)
    return CASES[request.param]


@pytest.fixture
def made(case, hearth):
    owner = hearth.client({"sts": "iam", "sagemaker-runtime": "sagemaker"}.get(case.service, case.service))
    return {team: case.make(owner, team) for team in ("red", "blue")}


def test_a_deny_on_a_tag_holds(case, made, user_with):
    for key in case.keys:
        deny = {"Sid": "NotRed", "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {key: "red"}}}
        client = user_with(ALLOW_ALL, deny)(case.service)
        for call in case.calls:
            # HEAD answers without a body, so without a message.
            assert "explicit deny in an identity-based policy: statement NotRed" in (message := denial(call, client, made["red"])) or message == "Forbidden"
    for call in case.calls:
        assert denial(call, client, made["blue"]) == ""


def test_an_allow_on_a_tag_gives(case, made, user_with):
    for key in case.keys:
        own = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {key: "${aws:PrincipalTag/team}"}}}
        # What is copied to is new and has no tags: that s3:PutObject is not about the team's.
        put = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}
        client = user_with(own, put, tags=pairs("blue"))(case.service)
        for call in case.calls:
            assert denial(call, client, made["red"])
    for call in case.calls:
        assert denial(call, client, made["blue"]) == ""


# What the table does not say

def condition(operator, key, value, effect="Allow", action="*"):
    return {"Effect": effect, "Action": action, "Resource": "*", "Condition": {operator: {key: value}}}


def test_a_tag_that_is_not_there_is_a_key_that_is_not_there(hearth, user_with):
    logs = hearth.client("logs")
    logs.create_log_group(logGroupName="plain")
    logs.create_log_group(logGroupName="prod", tags={"env": "prod"})
    for operator, value, plain, prod in (("StringEquals", "prod", False, True), ("StringNotEquals", "prod", True, False), ("Null", "true", True, False),
                                         ("StringEqualsIfExists", "prod", True, True), ("ForAllValues:StringEquals", "prod", True, True),
                                         ("ForAnyValue:StringEquals", "prod", False, True), ("StringLike", "*", False, True)):
        allowed = user_with(condition(operator, "aws:ResourceTag/env", value))("logs")
        not_denied = user_with(ALLOW_ALL, condition(operator, "aws:ResourceTag/env", value, "Deny"))("logs")
        for group, applies in (("plain", plain), ("prod", prod)):
            assert (denial(lambda: allowed.describe_log_streams(logGroupName=group)) == "") == applies, (operator, group)
            assert (denial(lambda: not_denied.describe_log_streams(logGroupName=group)) == "") != applies, (operator, group)


def test_a_tag_may_name_the_resource(hearth, user_with):
    """${aws:ResourceTag/…} as a variable of a Resource."""
    sns = hearth.client("sns")
    same, other = (sns.create_topic(Name=name, Tags=pairs("same", "name"))["TopicArn"] for name in ("same", "other"))
    client = user_with({"Effect": "Allow", "Action": "sns:Publish", "Resource": "arn:aws:sns:*:*:${aws:ResourceTag/name}"})("sns")
    assert denial(lambda: client.publish(TopicArn=same, Message="m")) == ""
    assert denial(lambda: client.publish(TopicArn=other, Message="m"))


def test_tags_count_as_they_are_when_the_call_is_made(hearth, user_with):
    sns = hearth.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    client = user_with(condition("StringEquals", "aws:ResourceTag/team", "${aws:PrincipalTag/team}"), tags=pairs("red"))("sns")
    publish = lambda: denial(lambda: client.publish(TopicArn=topic, Message="m"))  # noqa: E731
    assert publish()
    sns.tag_resource(ResourceArn=topic, Tags=pairs("red", "team"))
    assert publish() == ""
    # It may tag what is its team's, and so give it away.
    client.tag_resource(ResourceArn=topic, Tags=pairs("blue", "team"))
    assert publish()
    sns.untag_resource(ResourceArn=topic, TagKeys=["team"])
    assert publish()
    hearth.client("iam").tag_user(UserName="caller0", Tags=pairs("green", "TEAM"))
    sns.tag_resource(ResourceArn=topic, Tags=pairs("green", "team"))
    assert publish() == ""


def test_a_role_is_in_the_team_its_tags_or_its_session_say(hearth, user_with):
    iam, sns = hearth.client("iam"), hearth.client("sns")
    iam.create_role(RoleName="worker", Tags=pairs("red", "team"), AssumeRolePolicyDocument=document(
        {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": ["sts:AssumeRole", "sts:TagSession"]}))
    iam.put_role_policy(RoleName="worker", PolicyName="p", PolicyDocument=document(condition("StringEquals", "aws:ResourceTag/team", "${aws:PrincipalTag/team}")))
    topics = {team: sns.create_topic(Name=team, Tags=pairs(team))["TopicArn"] for team in ("red", "blue")}
    sts = user_with(ALLOW_ALL)("sts")

    def may_publish(team, **options):
        c = sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/worker", RoleSessionName="session", **options)["Credentials"]
        session = hearth.client("sns", c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])
        return denial(lambda: session.publish(TopicArn=topics[team], Message="m")) == ""

    assert may_publish("red") and not may_publish("blue")
    # AWS: a tag of the session stands over the role's, whatever its case.
    for key in ("team", "TEAM"):
        assert may_publish("blue", Tags=pairs("blue", key)) and not may_publish("red", Tags=pairs("blue", key))


def test_who_tags_what_it_makes_needs_the_right_to_tag(hearth, user_with):
    make = user_with(ALLOW_ALL, {"Effect": "Deny", "Action": ["sns:TagResource", "logs:TagResource", "cloudwatch:TagResource", "ec2:CreateTags", "iam:Tag*", "sagemaker:AddTags", "s3:PutObjectTagging"], "Resource": "*"})
    hearth.client("iam").create_role(RoleName="serving", AssumeRolePolicyDocument=TRUST_SAGEMAKER)
    hearth.client("s3").create_bucket(Bucket="bucket")
    for service, call in (("sns", lambda c: c.create_topic(Name="t", Tags=pairs("red"))), ("logs", lambda c: make_log_group(c, "g")),
                          ("cloudwatch", lambda c: make_alarm(c, "a")), ("cloudwatch", lambda c: make_dashboard(c, "d")),
                          ("ec2", lambda c: make_group(c, "g")), ("ec2", lambda c: make_key_pair(c, "k")), ("sagemaker", lambda c: make_model(c, "m")),
                          ("iam", lambda c: c.create_user(UserName="u", Tags=pairs("red"))),
                          ("iam", lambda c: c.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST_ACCOUNT, Tags=pairs("red"))),
                          ("iam", lambda c: c.create_policy(PolicyName="p", PolicyDocument=document(ALLOW_ALL), Tags=pairs("red"))),
                          ("iam", lambda c: c.create_instance_profile(InstanceProfileName="p", Tags=pairs("red"))),
                          ("s3", lambda c: c.put_object(Bucket="bucket", Key="k", Tagging="a=b"))):
        assert "explicit deny" in denial(call, make(service)), service
    assert make("sns").create_topic(Name="t")["TopicArn"]


def test_tagging_may_be_allowed_for_what_is_made_only(hearth, user_with):
    """ec2:CreateAction, AWS's way to let somebody tag what they make and nothing else."""
    ec2 = hearth.client("ec2")
    old = make_key_pair(ec2, "old")["KeyPairId"]
    make = {"Effect": "Allow", "Action": "ec2:CreateKeyPair", "Resource": "*"}
    client = user_with(make, condition("StringEquals", "ec2:CreateAction", "CreateKeyPair", action="ec2:CreateTags"))("ec2")
    assert denial(lambda: client.create_tags(Resources=[old], Tags=pairs("mine")))
    assert denial(lambda: make_key_pair(client, "new")) == ""
    assert denial(lambda: make_key_pair(user_with(make)("ec2"), "newer"))


@pytest.mark.parametrize("key", ["team", "Team"])
def test_tags_a_request_gives_are_conditions_whatever_their_case(hearth, user_with, key):
    client = user_with(ALLOW_ALL, condition("StringNotEquals", "aws:RequestTag/Team", "red", "Deny", ["sns:CreateTopic", "logs:CreateLogGroup",
                                                                                                      "cloudwatch:PutMetricAlarm", "sagemaker:CreateModel"]))
    hearth.client("iam").create_role(RoleName="serving", AssumeRolePolicyDocument=TRUST_SAGEMAKER)
    for service, make in (("sns", lambda c, team: c.create_topic(Name=team, Tags=pairs(team, key))), ("logs", make_log_group), ("cloudwatch", make_alarm),
                          ("sagemaker", make_model)):
        assert denial(make, client(service), "blue") and denial(make, client(service), "red") == "", service


def test_a_launch_is_judged_by_what_is_chosen_for_it(hearth, user_with):
    """What RunInstances leaves out, or names by its name, is a resource like what it names by id. DryRun tells without a machine."""
    ec2 = hearth.client("ec2")
    ec2.create_key_pair(KeyName="red", KeyType="ed25519", TagSpecifications=[{"ResourceType": "key-pair", "Tags": pairs("red")}])
    group = make_group(ec2, "red")
    default = ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]["GroupId"]
    subnets = [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]]
    launch = {"ImageId": host_image(ec2), "MinCount": 1, "MaxCount": 1, "DryRun": True}
    may = lambda client, **more: "denied" if denial(lambda: client.run_instances(**launch, **more)) else "allowed"  # noqa: E731

    def without(resource):
        return user_with(ALLOW_ALL, {"Effect": "Deny", "Action": "ec2:RunInstances", "Resource": f"arn:aws:ec2:*:*:{resource}"})("ec2")

    no_default = without(f"security-group/{default}")
    assert may(no_default) == "denied" == may(no_default, SecurityGroups=["default"]) == may(no_default, SecurityGroupIds=[default])
    assert may(no_default, SecurityGroups=["red"]) == "allowed"
    first_zone = without(f"subnet/{subnets[0]}")
    assert may(first_zone) == "denied" == may(first_zone, Placement={"AvailabilityZone": "us-east-1a"}) == may(first_zone, SubnetId=subnets[0])
    assert may(first_zone, Placement={"AvailabilityZone": "us-east-1b"}) == "allowed" == may(first_zone, SubnetId=subnets[1])
    not_red = user_with(ALLOW_ALL, condition("StringEquals", "ec2:ResourceTag/team", "red", "Deny"))("ec2")
    assert may(not_red) == "allowed"
    interface = {"DeviceIndex": 0, "Groups": [group["GroupId"]]}
    for more in ({"KeyName": "red"}, {"SecurityGroups": ["red"]}, {"SecurityGroupIds": [group["GroupId"]]}, {"NetworkInterfaces": [interface]}):
        assert may(not_red, **more) == "denied", more


def test_a_key_pair_goes_by_its_name_and_its_id_together(hearth, user_with):
    """Who may delete one of the two that a call names may not delete the other with it."""
    ec2 = hearth.client("ec2")
    mine, theirs = make_key_pair(ec2, "mine"), make_key_pair(ec2, "theirs")
    client = user_with({"Effect": "Allow", "Action": "ec2:DeleteKeyPair", "Resource": "arn:aws:ec2:*:*:key-pair/mine"})("ec2")
    assert denial(lambda: client.delete_key_pair(KeyName="mine", KeyPairId=theirs["KeyPairId"]))
    assert len(ec2.describe_key_pairs()["KeyPairs"]) == 2
    client.delete_key_pair(KeyPairId=mine["KeyPairId"])
    assert [k["KeyName"] for k in ec2.describe_key_pairs()["KeyPairs"]] == ["theirs"]


def test_a_resource_has_one_arn(hearth, user_with):
    """An ARN with something added, or of another region, is not another way to what a policy protects."""
    sns, logs = hearth.client("sns"), hearth.client("logs")
    topic = sns.create_topic(Name="secret")["TopicArn"]
    logs.create_log_group(logGroupName="secret", tags={"k": "v"})
    deny = {"Effect": "Deny", "Action": "*", "Resource": [topic, group_arn("secret"), group_arn("secret") + ":*"]}
    client = user_with(ALLOW_ALL, deny)("sns")
    for arn in (topic, topic + ":", topic + ":x", topic + ":x:y"):
        for call, arguments in ((client.publish, {"TopicArn": arn, "Message": "m"}), (client.get_topic_attributes, {"TopicArn": arn}),
                                (client.delete_topic, {"TopicArn": arn}), (client.list_subscriptions_by_topic, {"TopicArn": arn}),
                                (client.tag_resource, {"ResourceArn": arn, "Tags": pairs("red")}), (client.list_tags_for_resource, {"ResourceArn": arn})):
            assert error_code(call, **arguments)[0] in ("AuthorizationError", "InvalidParameter", "ResourceNotFound"), arn
    assert [t["TopicArn"] for t in sns.list_topics()["Topics"]] == [topic] and sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == []
    client = user_with(ALLOW_ALL, deny)("logs")
    for arn in (group_arn("secret"), group_arn("secret") + ":*", group_arn("secret").replace("us-east-1", "eu-west-1"),
                group_arn("secret").replace(ACCOUNT, "111111111111"), "x:log-group:secret", "secret"):
        for call, arguments in ((client.list_tags_for_resource, {}), (client.tag_resource, {"tags": {"k": "w"}}), (client.untag_resource, {"tagKeys": ["k"]})):
            assert error_code(call, resourceArn=arn, **arguments)[0] in ("AccessDeniedException", "ResourceNotFoundException", "ValidationException",
                                                                           "InvalidParameterException"), arn
    assert logs.list_tags_for_resource(resourceArn=group_arn("secret"))["tags"] == {"k": "v"}


def test_instances_and_volumes(hearth, user_with):
    skip_without_instances(hearth)
    ec2 = hearth.client("ec2")
    tags = [{"ResourceType": kind, "Tags": pairs("red")} for kind in ("instance", "volume")]
    instance = ec2.run_instances(ImageId=host_image(ec2), InstanceType="t3.nano", MinCount=1, MaxCount=1, TagSpecifications=tags)["Instances"][0]["InstanceId"]
    volume = ec2.describe_volumes()["Volumes"][0]["VolumeId"]
    calls = [lambda c: c.stop_instances(InstanceIds=[instance], DryRun=True), lambda c: c.get_console_output(InstanceId=instance),
             lambda c: c.create_tags(Resources=[instance], Tags=pairs("v", "other")), lambda c: c.create_tags(Resources=[volume], Tags=pairs("v", "other"))]
    for key in EC2_KEYS:
        not_red = user_with(ALLOW_ALL, condition("StringEquals", key, "red", "Deny"))("ec2")
        own = condition("StringEquals", key, "${aws:PrincipalTag/team}")
        red, blue = user_with(own, tags=pairs("red"))("ec2"), user_with(own, tags=pairs("blue"))("ec2")
        for call in calls:
            assert denial(call, not_red) and denial(call, blue) and denial(call, red) == ""
    assert denial(lambda: red.terminate_instances(InstanceIds=[instance])) == ""
