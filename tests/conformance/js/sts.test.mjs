// STS with the SDK for JavaScript: who am I, and temporary credentials.
import assert from "node:assert/strict";
import { test } from "node:test";

import { account, client, policy, refused, root } from "./sdk.mjs";

const sts = client("sts");
const iam = client("iam");
const keys = (answer) => ({ accessKeyId: answer.AccessKeyId, secretAccessKey: answer.SecretAccessKey, sessionToken: answer.SessionToken });

test("the caller is told who it is, and whose key a key is", async () => {
  assert.equal((await sts.GetCallerIdentity()).Arn, `arn:aws:iam::${account}:root`);
  assert.equal((await sts.GetAccessKeyInfo({ AccessKeyId: root.accessKeyId })).Account, account);
});

test("a role is assumed by who it trusts, and by nobody else", async () => {
  await iam.CreateUser({ UserName: "dev" });
  await iam.PutUserPolicy({ UserName: "dev", PolicyName: "p", PolicyDocument: policy({ Effect: "Allow", Action: "sts:AssumeRole", Resource: "*" }) });
  const user = client("sts", { credentials: keys((await iam.CreateAccessKey({ UserName: "dev" })).AccessKey) });
  const principal = { AWS: `arn:aws:iam::${account}:user/dev` };
  for (const [RoleName, Principal] of [["mine", principal], ["others", { Service: "ec2.amazonaws.com" }]]) {
    await iam.CreateRole({ RoleName, AssumeRolePolicyDocument: policy({ Effect: "Allow", Principal, Action: "sts:AssumeRole" }) });
  }
  const assumed = await user.AssumeRole({ RoleArn: `arn:aws:iam::${account}:role/mine`, RoleSessionName: "laptop" });
  assert.equal(assumed.AssumedRoleUser.Arn, `arn:aws:sts::${account}:assumed-role/mine/laptop`);
  assert.ok(assumed.Credentials.Expiration > new Date());
  const session = client("sts", { credentials: keys(assumed.Credentials) });
  assert.equal((await session.GetCallerIdentity()).Arn, assumed.AssumedRoleUser.Arn);
  await refused(user.AssumeRole({ RoleArn: `arn:aws:iam::${account}:role/others`, RoleSessionName: "laptop" }), "AccessDenied", 403);
});

test("a session token stands for its user", async () => {
  await iam.CreateUser({ UserName: "temporary" });
  const user = client("sts", { credentials: keys((await iam.CreateAccessKey({ UserName: "temporary" })).AccessKey) });
  const { Credentials } = await user.GetSessionToken({ DurationSeconds: 900 });
  const session = client("sts", { credentials: keys(Credentials) });
  assert.equal((await session.GetCallerIdentity()).Arn, `arn:aws:iam::${account}:user/temporary`);
  const stolen = client("sts", { credentials: { ...keys(Credentials), sessionToken: undefined } });
  await refused(stolen.GetCallerIdentity(), "InvalidClientTokenId", 403);
});
