// EC2 with the SDK for JavaScript: the default network, keys, security groups, and a real instance from launch to end.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { client, refused, until } from "./sdk.mjs";

const ec2 = client("ec2");

test("every account has regions, zones, a network, types and an image", async () => {
  assert.deepEqual((await ec2.DescribeRegions()).Regions.map((region) => region.RegionName), ["us-east-1"]);
  assert.equal((await ec2.DescribeAvailabilityZones()).AvailabilityZones.length, 3);
  const [vpc] = (await ec2.DescribeVpcs()).Vpcs;
  assert.equal(vpc.IsDefault, true);
  assert.equal((await ec2.DescribeVpcAttribute({ VpcId: vpc.VpcId, Attribute: "enableDnsSupport" })).EnableDnsSupport.Value, true);
  assert.equal((await ec2.DescribeSubnets({ Filters: [{ Name: "vpc-id", Values: [vpc.VpcId] }] })).Subnets.length, 3);
  const types = (await ec2.DescribeInstanceTypes({ InstanceTypes: ["p4d.24xlarge"] })).InstanceTypes;
  assert.equal(types[0].GpuInfo.Gpus[0].Count, 8);
  assert.ok((await ec2.DescribeInstanceTypeOfferings()).InstanceTypeOfferings.some((offer) => offer.InstanceType === "t3.micro"));
  assert.equal((await ec2.DescribeImages({ Owners: ["self"] })).Images[0].State, "available");
});

test("keys are made, imported, listed and deleted", async () => {
  assert.match((await ec2.CreateKeyPair({ KeyName: "made" })).KeyMaterial, /BEGIN RSA PRIVATE KEY/);
  const { KeyPairs } = await ec2.DescribeKeyPairs({ KeyNames: ["made"], IncludePublicKey: true });
  await ec2.ImportKeyPair({ KeyName: "copy", PublicKeyMaterial: new TextEncoder().encode(KeyPairs[0].PublicKey) });
  await refused(ec2.CreateKeyPair({ KeyName: "copy" }), "InvalidKeyPair.Duplicate", 400);
  await ec2.DeleteKeyPair({ KeyName: "copy" });
  await refused(ec2.DescribeKeyPairs({ KeyNames: ["copy"] }), "InvalidKeyPair.NotFound", 400);
});

test("rules of a security group come and go", async () => {
  const { GroupId } = await ec2.CreateSecurityGroup({ GroupName: "js", Description: "rules" });
  const IpPermissions = [{ IpProtocol: "tcp", FromPort: 443, ToPort: 443, IpRanges: [{ CidrIp: "10.0.0.0/8" }] }];
  await ec2.AuthorizeSecurityGroupIngress({ GroupId, IpPermissions });
  await refused(ec2.AuthorizeSecurityGroupIngress({ GroupId, IpPermissions }), "InvalidPermission.Duplicate", 400);
  await ec2.AuthorizeSecurityGroupEgress({ GroupId, IpPermissions });
  const { SecurityGroupRules } = await ec2.DescribeSecurityGroupRules({ Filters: [{ Name: "group-id", Values: [GroupId] }] });
  assert.equal(SecurityGroupRules.length, 3);
  await ec2.RevokeSecurityGroupIngress({ GroupId, IpPermissions });
  await ec2.RevokeSecurityGroupEgress({ GroupId, IpPermissions });
  assert.deepEqual((await ec2.DescribeSecurityGroups({ GroupIds: [GroupId] })).SecurityGroups[0].IpPermissions ?? [], []);
  await ec2.DeleteSecurityGroup({ GroupId });
});

test("images are imported, cancelled, registered and deregistered", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hearth-js-"));
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin/sh"), Buffer.alloc(64 << 20), { mode: 0o755 });
  const s3 = client("s3");
  await s3.CreateBucket({ Bucket: "js-uploads" });
  await s3.PutObject({ Bucket: "js-uploads", Key: "root.tar", Body: execFileSync("tar", ["-C", folder, "-cf", "-", "bin"], { maxBuffer: 128 << 20 }) });
  rmSync(folder, { recursive: true });

  const DiskContainers = [{ UserBucket: { S3Bucket: "js-uploads", S3Key: "root.tar" } }];
  const { ImportTaskId } = await ec2.ImportImage({ DiskContainers });
  const waiting = await ec2.ImportImage({ DiskContainers });
  assert.equal((await ec2.CancelImportTask({ ImportTaskId: waiting.ImportTaskId })).State, "deleting");
  const task = async () => (await ec2.DescribeImportImageTasks({ ImportTaskIds: [ImportTaskId] })).ImportImageTasks[0];
  await until(async () => (await task()).Status === "completed");
  assert.equal((await ec2.DeregisterImage({ ImageId: (await task()).ImageId })).Return, true);
  const { ImageId } = await ec2.RegisterImage({ Name: "js-image", ImageLocation: "js-uploads/root.tar" });
  await until(async () => (await ec2.DescribeImages({ ImageIds: [ImageId] })).Images[0].State === "available");
  await refused(ec2.DeregisterImage({ ImageId: "ami-0123456789abcdef0" }), "InvalidAMIID.NotFound", 400);
});

test("an instance is launched, tagged, changed, restarted and terminated", async () => {
  const [image] = (await ec2.DescribeImages({ Owners: ["self"] })).Images;
  const UserData = Buffer.from("#!/bin/sh\necho hello from the console\n").toString("base64");
  const { Instances } = await ec2.RunInstances({ ImageId: image.ImageId, InstanceType: "t3.nano", MinCount: 1, MaxCount: 1, UserData });
  const InstanceIds = [Instances[0].InstanceId];
  const [InstanceId] = InstanceIds;
  const reaches = (state) => until(async () => {
    const { Reservations } = await ec2.DescribeInstances({ InstanceIds });
    return Reservations[0].Instances[0].State.Name === state;
  });
  await reaches("running");
  assert.equal((await ec2.DescribeInstanceStatus({ InstanceIds })).InstanceStatuses[0].InstanceState.Name, "running");
  await until(async () => Buffer.from((await ec2.GetConsoleOutput({ InstanceId })).Output, "base64").includes("hello from the console"));
  assert.equal((await ec2.DescribeVolumes()).Volumes[0].Attachments[0].InstanceId, InstanceId);
  assert.equal((await ec2.DescribeNetworkInterfaces()).NetworkInterfaces[0].Attachment.InstanceId, InstanceId);
  assert.equal((await ec2.DescribeInstanceCreditSpecifications({ InstanceIds })).InstanceCreditSpecifications[0].CpuCredits, "unlimited");
  assert.equal((await ec2.MonitorInstances({ InstanceIds })).InstanceMonitorings[0].Monitoring.State, "enabled");
  assert.equal((await ec2.UnmonitorInstances({ InstanceIds })).InstanceMonitorings[0].Monitoring.State, "disabled");
  await ec2.CreateTags({ Resources: InstanceIds, Tags: [{ Key: "team", Value: "llm" }] });
  assert.equal((await ec2.DescribeTags({ Filters: [{ Name: "key", Values: ["team"] }] })).Tags[0].ResourceId, InstanceId);
  await ec2.DeleteTags({ Resources: InstanceIds, Tags: [{ Key: "team" }] });
  await ec2.RebootInstances({ InstanceIds });
  await ec2.StopInstances({ InstanceIds });
  await reaches("stopped");
  await ec2.ModifyInstanceAttribute({ InstanceId, DisableApiTermination: { Value: true } });
  await refused(ec2.TerminateInstances({ InstanceIds }), "OperationNotPermitted", 400);
  assert.equal((await ec2.DescribeInstanceAttribute({ InstanceId, Attribute: "disableApiTermination" })).DisableApiTermination.Value, true);
  await ec2.ModifyInstanceAttribute({ InstanceId, DisableApiTermination: { Value: false } });
  await ec2.StartInstances({ InstanceIds });
  await reaches("running");
  await ec2.TerminateInstances({ InstanceIds });
  await reaches("terminated");
  await refused(ec2.DescribeInstances({ InstanceIds: ["i-0123456789abcdef0"] }), "InvalidInstanceID.NotFound", 400);
});
