// IAM with the SDK for JavaScript: users, groups, roles, policies, instance profiles, simulation.
import assert from "node:assert/strict";
import { test } from "node:test";

import { account, all, client, policy, refused } from "./sdk.mjs";

const iam = client("iam");
const reading = policy({ Effect: "Allow", Action: "s3:GetObject", Resource: "*" });
const writing = policy({ Effect: "Allow", Action: "s3:PutObject", Resource: "*" });
const trust = (service) => policy({ Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" });
const document = (encoded) => JSON.parse(decodeURIComponent(encoded));

test("a user lives: made, found, renamed, tagged, removed", async () => {
  const { User } = await iam.CreateUser({ UserName: "alice", Path: "/people/", Tags: [{ Key: "team", Value: "llm" }] });
  assert.equal(User.Arn, `arn:aws:iam::${account}:user/people/alice`);
  assert.match(User.UserId, /^AIDA/);
  await refused(iam.CreateUser({ UserName: "alice" }), "EntityAlreadyExistsException", 409);
  await iam.UpdateUser({ UserName: "alice", NewUserName: "ada" });
  assert.equal((await iam.GetUser({ UserName: "ada" })).User.UserId, User.UserId);
  await refused(iam.GetUser({ UserName: "alice" }), "NoSuchEntityException", 404);
  await iam.TagUser({ UserName: "ada", Tags: [{ Key: "mood", Value: "good" }] });
  await iam.UntagUser({ UserName: "ada", TagKeys: ["team"] });
  assert.deepEqual((await iam.ListUserTags({ UserName: "ada" })).Tags, [{ Key: "mood", Value: "good" }]);
  assert.deepEqual((await iam.ListUsers({ PathPrefix: "/people/" })).Users.map((user) => user.UserName), ["ada"]);
  await iam.DeleteUser({ UserName: "ada" });
  await refused(iam.DeleteUser({ UserName: "ada" }), "NoSuchEntityException", 404);
});

test("pages of users add up", async () => {
  const names = ["p1", "p2", "p3", "p4", "p5"];
  for (const UserName of names) await iam.CreateUser({ UserName, Path: "/pages/" });
  const pages = iam.module.paginateListUsers({ client: iam.sdk, pageSize: 2 }, { PathPrefix: "/pages/" });
  assert.deepEqual((await all(pages, "Users")).map((user) => user.UserName), names);
});

test("an access key works until it is made inactive", async () => {
  await iam.CreateUser({ UserName: "keyed" });
  await iam.PutUserPolicy({ UserName: "keyed", PolicyName: "p", PolicyDocument: policy({ Effect: "Allow", Action: "iam:GetUser", Resource: "*" }) });
  const { AccessKey } = await iam.CreateAccessKey({ UserName: "keyed" });
  const own = client("iam", { credentials: { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey } });
  assert.equal((await own.GetUser()).User.UserName, "keyed");
  const used = await iam.GetAccessKeyLastUsed({ AccessKeyId: AccessKey.AccessKeyId });
  assert.equal(used.UserName, "keyed");
  await iam.UpdateAccessKey({ UserName: "keyed", AccessKeyId: AccessKey.AccessKeyId, Status: "Inactive" });
  assert.equal((await iam.ListAccessKeys({ UserName: "keyed" })).AccessKeyMetadata[0].Status, "Inactive");
  await refused(own.GetUser(), "InvalidClientTokenId", 403);
  await refused(iam.DeleteUser({ UserName: "keyed" }), "DeleteConflictException", 409);
  await iam.DeleteAccessKey({ UserName: "keyed", AccessKeyId: AccessKey.AccessKeyId });
  assert.deepEqual((await iam.ListAccessKeys({ UserName: "keyed" })).AccessKeyMetadata ?? [], []);
});

test("inline policies of users, groups and roles", async () => {
  await iam.CreateUser({ UserName: "inline" });
  await iam.CreateGroup({ GroupName: "inline" });
  await iam.CreateRole({ RoleName: "inline", AssumeRolePolicyDocument: trust("ec2.amazonaws.com") });
  for (const kind of ["User", "Group", "Role"]) {
    const name = { [`${kind}Name`]: "inline" };
    await iam[`Put${kind}Policy`]({ ...name, PolicyName: "p", PolicyDocument: reading });
    assert.deepEqual((await iam[`List${kind}Policies`](name)).PolicyNames, ["p"]);
    assert.deepEqual(document((await iam[`Get${kind}Policy`]({ ...name, PolicyName: "p" })).PolicyDocument), JSON.parse(reading));
    await refused(iam[`Put${kind}Policy`]({ ...name, PolicyName: "p", PolicyDocument: "{" }), "MalformedPolicyDocumentException", 400);
    await iam[`Delete${kind}Policy`]({ ...name, PolicyName: "p" });
    await refused(iam[`Get${kind}Policy`]({ ...name, PolicyName: "p" }), "NoSuchEntityException", 404);
  }
});

test("groups have members", async () => {
  await iam.CreateUser({ UserName: "member" });
  await iam.CreateGroup({ GroupName: "research", Path: "/teams/" });
  await iam.AddUserToGroup({ GroupName: "research", UserName: "member" });
  assert.deepEqual((await iam.GetGroup({ GroupName: "research" })).Users.map((user) => user.UserName), ["member"]);
  assert.deepEqual((await iam.ListGroupsForUser({ UserName: "member" })).Groups.map((group) => group.GroupName), ["research"]);
  await refused(iam.DeleteGroup({ GroupName: "research" }), "DeleteConflictException", 409);
  await iam.RemoveUserFromGroup({ GroupName: "research", UserName: "member" });
  assert.deepEqual((await iam.ListGroups({ PathPrefix: "/teams/" })).Groups.map((group) => group.GroupName), ["research"]);
  await iam.DeleteGroup({ GroupName: "research" });
  await refused(iam.GetGroup({ GroupName: "research" }), "NoSuchEntityException", 404);
});

test("a managed policy has versions and is attached to users, groups and roles", async () => {
  const { Policy } = await iam.CreatePolicy({ PolicyName: "data", PolicyDocument: reading });
  const PolicyArn = Policy.Arn;
  await iam.CreateUser({ UserName: "attached" });
  await iam.CreateGroup({ GroupName: "attached" });
  await iam.CreateRole({ RoleName: "attached", AssumeRolePolicyDocument: trust("ec2.amazonaws.com") });
  for (const kind of ["User", "Group", "Role"]) {
    const name = { [`${kind}Name`]: "attached" };
    await iam[`Attach${kind}Policy`]({ ...name, PolicyArn });
    const { AttachedPolicies } = await iam[`ListAttached${kind}Policies`](name);
    assert.deepEqual(AttachedPolicies, [{ PolicyArn, PolicyName: "data" }]);
  }
  assert.equal((await iam.GetPolicy({ PolicyArn })).Policy.AttachmentCount, 3);
  const entities = await iam.ListEntitiesForPolicy({ PolicyArn });
  assert.deepEqual([entities.PolicyUsers[0].UserName, entities.PolicyGroups[0].GroupName, entities.PolicyRoles[0].RoleName], ["attached", "attached", "attached"]);
  await refused(iam.DeletePolicy({ PolicyArn }), "DeleteConflictException", 409);
  for (const kind of ["User", "Group", "Role"]) await iam[`Detach${kind}Policy`]({ [`${kind}Name`]: "attached", PolicyArn });

  const { PolicyVersion } = await iam.CreatePolicyVersion({ PolicyArn, PolicyDocument: writing });
  assert.deepEqual([PolicyVersion.VersionId, PolicyVersion.IsDefaultVersion], ["v2", false]);
  await iam.SetDefaultPolicyVersion({ PolicyArn, VersionId: "v2" });
  assert.deepEqual(document((await iam.GetPolicyVersion({ PolicyArn, VersionId: "v2" })).PolicyVersion.Document), JSON.parse(writing));
  assert.deepEqual((await iam.ListPolicyVersions({ PolicyArn })).Versions.map((version) => version.VersionId).sort(), ["v1", "v2"]);
  await refused(iam.DeletePolicyVersion({ PolicyArn, VersionId: "v2" }), "DeleteConflictException", 409);
  await iam.DeletePolicyVersion({ PolicyArn, VersionId: "v1" });
  assert.deepEqual((await iam.ListPolicies({ Scope: "Local" })).Policies.map((found) => found.Arn), [PolicyArn]);
  await iam.DeletePolicy({ PolicyArn });
  await refused(iam.GetPolicy({ PolicyArn }), "NoSuchEntityException", 404);
});

test("a role with its trust policy, tags and instance profile", async () => {
  const RoleName = "trainer";
  const { Role } = await iam.CreateRole({ RoleName, AssumeRolePolicyDocument: trust("ec2.amazonaws.com"), MaxSessionDuration: 7200 });
  assert.equal(Role.Arn, `arn:aws:iam::${account}:role/${RoleName}`);
  await iam.UpdateAssumeRolePolicy({ RoleName, PolicyDocument: trust("sagemaker.amazonaws.com") });
  await iam.UpdateRole({ RoleName, Description: "trains", MaxSessionDuration: 3600 });
  const found = (await iam.GetRole({ RoleName })).Role;
  assert.deepEqual([found.Description, found.MaxSessionDuration], ["trains", 3600]);
  assert.equal(document(found.AssumeRolePolicyDocument).Statement[0].Principal.Service, "sagemaker.amazonaws.com");
  await iam.TagRole({ RoleName, Tags: [{ Key: "a", Value: "1" }, { Key: "b", Value: "2" }] });
  await iam.UntagRole({ RoleName, TagKeys: ["a"] });
  assert.deepEqual((await iam.ListRoleTags({ RoleName })).Tags, [{ Key: "b", Value: "2" }]);
  assert.ok((await iam.ListRoles()).Roles.some((role) => role.RoleName === RoleName));

  const InstanceProfileName = "trainers";
  await iam.CreateInstanceProfile({ InstanceProfileName });
  await iam.AddRoleToInstanceProfile({ InstanceProfileName, RoleName });
  assert.deepEqual((await iam.GetInstanceProfile({ InstanceProfileName })).InstanceProfile.Roles.map((role) => role.RoleName), [RoleName]);
  assert.deepEqual((await iam.ListInstanceProfiles()).InstanceProfiles.map((profile) => profile.InstanceProfileName), [InstanceProfileName]);
  assert.deepEqual((await iam.ListInstanceProfilesForRole({ RoleName })).InstanceProfiles.length, 1);
  await refused(iam.DeleteRole({ RoleName }), "DeleteConflictException", 409);
  await iam.RemoveRoleFromInstanceProfile({ InstanceProfileName, RoleName });
  await iam.DeleteInstanceProfile({ InstanceProfileName });
  await iam.DeleteRole({ RoleName });
  await refused(iam.GetRole({ RoleName }), "NoSuchEntityException", 404);
});

test("the simulator says what a policy would decide", async () => {
  const ActionNames = ["s3:GetObject", "s3:DeleteObject"];
  const custom = await iam.SimulateCustomPolicy({ PolicyInputList: [reading], ActionNames });
  assert.deepEqual(custom.EvaluationResults.map((result) => result.EvalDecision), ["allowed", "implicitDeny"]);
  const { User } = await iam.CreateUser({ UserName: "simulated" });
  await iam.PutUserPolicy({ UserName: "simulated", PolicyName: "p", PolicyDocument: reading });
  const principal = await iam.SimulatePrincipalPolicy({ PolicySourceArn: User.Arn, ActionNames });
  assert.deepEqual(principal.EvaluationResults.map((result) => result.EvalDecision), ["allowed", "implicitDeny"]);
});
