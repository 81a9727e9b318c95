"""EC2's names, networks, key pairs, security groups and tags with boto3: what needs no machine to run."""
import base64
import hashlib
import shutil
import subprocess

import pytest
from conftest import ACCOUNT, ALT_ACCESS_KEY, ALT_SECRET_KEY, document, error_code

INVALID, NO_GROUP, NO_KEY = (("InvalidParameterValue", 400), ("InvalidGroup.NotFound", 400), ("InvalidKeyPair.NotFound", 400))
NO_INSTANCE = ("InvalidInstanceID.NotFound", 400)
SOME_INSTANCE = "i-0123456789abcdef0"


@pytest.fixture
def ec2(hearth):
    return hearth.client("ec2")


def host_image(ec2):
    return ec2.describe_images(Owners=["self"])["Images"][0]["ImageId"]


def test_the_region_and_its_zones_have_names(ec2):
    assert [region["RegionName"] for region in ec2.describe_regions()["Regions"]] == ["us-east-1"]
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert zones[0]["ZoneName"] == "us-east-1a" and zones[0]["RegionName"] == "us-east-1"
    assert {zone["State"] for zone in zones} == {"available"}
    assert error_code(ec2.describe_regions, RegionNames=["mars-1"]) == INVALID


def test_every_account_has_a_default_network(hearth, ec2):
    vpc, = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    assert vpc["CidrBlock"] == "172.31.0.0/16" and vpc["OwnerId"] == ACCOUNT
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"]
    assert [subnet["CidrBlock"] for subnet in subnets] == ["172.31.0.0/20", "172.31.16.0/20", "172.31.32.0/20"]
    assert {subnet["AvailableIpAddressCount"] for subnet in subnets} == {4091}
    assert error_code(ec2.describe_subnets, SubnetIds=["subnet-0123456789abcdef0"]) == ("InvalidSubnetID.NotFound", 400)
    assert error_code(ec2.describe_vpcs, VpcIds=["vpc-0123456789abcdef0"]) == ("InvalidVpcID.NotFound", 400)
    # Terraform asks for all three.
    for attribute, value in (("enableDnsSupport", True), ("enableDnsHostnames", True), ("enableNetworkAddressUsageMetrics", False)):
        answer = ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=attribute)
        assert answer[attribute[0].upper() + attribute[1:]] == {"Value": value}
    assert error_code(ec2.describe_vpc_attribute, VpcId="vpc-0123456789abcdef0", Attribute="enableDnsSupport") == ("InvalidVpcID.NotFound", 400)
    other = hearth.client("ec2", ALT_ACCESS_KEY, ALT_SECRET_KEY)
    assert other.describe_vpcs()["Vpcs"][0]["VpcId"] != vpc["VpcId"]


def test_instance_types_have_awss_figures(ec2):
    types = {t["InstanceType"]: t for page in ec2.get_paginator("describe_instance_types").paginate(PaginationConfig={"PageSize": 10})
             for t in page["InstanceTypes"]}
    assert {"t3.micro", "c5.large", "g5.xlarge", "g6.xlarge", "p4d.24xlarge", "p5.48xlarge"} <= set(types)
    g5 = types["g5.xlarge"]
    assert (g5["VCpuInfo"]["DefaultVCpus"], g5["MemoryInfo"]["SizeInMiB"]) == (4, 16384)
    assert (g5["GpuInfo"]["Gpus"][0]["Name"], g5["GpuInfo"]["Gpus"][0]["Count"]) == ("A10G", 1)
    assert types["p5.48xlarge"]["GpuInfo"]["TotalGpuMemoryInMiB"] == 8 * 81920
    assert types["t3.micro"]["BurstablePerformanceSupported"] and "GpuInfo" not in types["t3.micro"]
    some = ec2.describe_instance_types(Filters=[{"Name": "instance-type", "Values": ["g5.*"]}])["InstanceTypes"]
    assert some and all(t["InstanceType"].startswith("g5.") for t in some)
    assert error_code(ec2.describe_instance_types, InstanceTypes=["t9.mega"]) == ("InvalidInstanceType", 400)


def test_what_is_offered_is_a_part_of_the_catalogue(ec2):
    offered = ec2.describe_instance_type_offerings(LocationType="region")["InstanceTypeOfferings"]
    assert {offer["Location"] for offer in offered} <= {"us-east-1"}
    names = {offer["InstanceType"] for offer in offered}
    known = {t["InstanceType"] for t in ec2.describe_instance_types()["InstanceTypes"]}
    assert names <= known
    assert error_code(ec2.describe_instance_type_offerings, LocationType="planet") == INVALID


def test_the_host_is_an_image(ec2):
    image, = ec2.describe_images()["Images"]
    assert image["State"] == "available" and image["Architecture"] == "x86_64" and image["RootDeviceName"]
    again = ec2.describe_images(Filters=[{"Name": "name", "Values": [image["Name"][:4] + "*"]}])["Images"]
    assert [found["ImageId"] for found in again] == [image["ImageId"]]
    assert error_code(ec2.describe_images, ImageIds=["ami-0123456789abcdef0"]) == ("InvalidAMIID.NotFound", 400)


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen is not installed")
@pytest.mark.parametrize("key_type", ["rsa", "ed25519"])
def test_made_keys_work_with_openssh(ec2, tmp_path, key_type):
    made = ec2.create_key_pair(KeyName="ana", KeyType=key_type)
    private = tmp_path / "ana.pem"
    private.write_text(made["KeyMaterial"])
    private.chmod(0o600)
    derived = subprocess.run(["ssh-keygen", "-y", "-f", private], capture_output=True, text=True, check=True).stdout.split()
    known, = ec2.describe_key_pairs(KeyNames=["ana"], IncludePublicKey=True)["KeyPairs"]
    assert known["PublicKey"].split()[:2] == derived[:2] and known["KeyType"] == key_type
    assert known["KeyFingerprint"] == made["KeyFingerprint"]
    if key_type == "rsa":  # AWS: the SHA-1 of the private key in PKCS #8
        der = subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", private, "-outform", "DER"], capture_output=True, check=True).stdout
        assert made["KeyFingerprint"].replace(":", "") == hashlib.sha1(der).hexdigest()
    else:
        blob = base64.b64decode(derived[1])
        assert made["KeyFingerprint"] == base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen is not installed")
def test_own_keys_are_imported(ec2, tmp_path):
    private = tmp_path / "mine"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-C", "me", "-f", private], check=True)
    public = (tmp_path / "mine.pub").read_bytes()
    imported = ec2.import_key_pair(KeyName="mine", PublicKeyMaterial=public)
    der = subprocess.run(["openssl", "rsa", "-in", private, "-pubout", "-outform", "DER"], capture_output=True, check=True).stdout
    assert imported["KeyFingerprint"].replace(":", "") == hashlib.md5(der).hexdigest()
    assert error_code(ec2.import_key_pair, KeyName="mine", PublicKeyMaterial=public) == ("InvalidKeyPair.Duplicate", 400)
    assert error_code(ec2.import_key_pair, KeyName="bad", PublicKeyMaterial=b"not a key") == ("InvalidKey.Format", 400)


def test_key_pairs_are_listed_and_deleted(ec2):
    for name in ("a", "b"):
        ec2.create_key_pair(KeyName=name, KeyType="ed25519", TagSpecifications=[{"ResourceType": "key-pair", "Tags": [{"Key": "of", "Value": name}]}])
    assert error_code(ec2.create_key_pair, KeyName="a") == ("InvalidKeyPair.Duplicate", 400)
    found = ec2.describe_key_pairs(Filters=[{"Name": "tag:of", "Values": ["b"]}])["KeyPairs"]
    assert [pair["KeyName"] for pair in found] == ["b"] and "PublicKey" not in found[0]
    ec2.delete_key_pair(KeyName="a")
    ec2.delete_key_pair(KeyName="a")  # AWS: gone is gone
    ec2.delete_key_pair(KeyPairId=found[0]["KeyPairId"])
    assert ec2.describe_key_pairs()["KeyPairs"] == []
    assert error_code(ec2.describe_key_pairs, KeyNames=["a"]) == NO_KEY


def test_security_groups_and_their_rules(ec2):
    group = ec2.create_security_group(GroupName="web", Description="of a test")["GroupId"]
    assert error_code(ec2.create_security_group, GroupName="web", Description="again") == ("InvalidGroup.Duplicate", 400)
    made = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    assert made["IpPermissions"] == [] and made["IpPermissionsEgress"][0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]
    http = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "inside"}]}
    answer = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[http])
    rule = answer["SecurityGroupRules"][0]
    assert answer["Return"] and rule["CidrIpv4"] == "10.0.0.0/8" and not rule["IsEgress"]
    assert error_code(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[http]) == ("InvalidPermission.Duplicate", 400)
    shown = ec2.describe_security_groups(GroupNames=["web"])["SecurityGroups"][0]["IpPermissions"]
    assert shown[0]["FromPort"] == 80 and shown[0]["IpRanges"] == http["IpRanges"]
    ids = [r["SecurityGroupRuleId"] for r in ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]]
    assert rule["SecurityGroupRuleId"] in ids and len(ids) == 2
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    assert error_code(ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=[http]) == ("InvalidPermission.NotFound", 400)
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everything])
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[http])
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="192.168.0.0/16")
    ec2.delete_security_group(GroupId=group)
    assert error_code(ec2.describe_security_groups, GroupIds=[group]) == NO_GROUP


def test_groups_refer_to_each_other(ec2):
    clients = ec2.create_security_group(GroupName="clients", Description="c")["GroupId"]
    servers = ec2.create_security_group(GroupName="servers", Description="s")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=servers, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 9, "UserIdGroupPairs": [{"GroupId": clients}]}])
    assert error_code(ec2.delete_security_group, GroupId=clients) == ("DependencyViolation", 400)
    ec2.delete_security_group(GroupId=servers)
    ec2.delete_security_group(GroupId=clients)
    default = ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]
    assert error_code(ec2.delete_security_group, GroupId=default["GroupId"]) == ("CannotDelete", 400)


def test_tags_are_added_found_and_removed(ec2):
    group = ec2.create_security_group(GroupName="tagged", Description="t", TagSpecifications=[
        {"ResourceType": "security-group", "Tags": [{"Key": "a", "Value": "1"}]}])["GroupId"]
    ec2.create_tags(Resources=[group], Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}])
    tags = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [group]}])["Tags"]
    assert {(t["Key"], t["Value"], t["ResourceType"]) for t in tags} == {("a", "2", "security-group"), ("b", "", "security-group")}
    ec2.delete_tags(Resources=[group], Tags=[{"Key": "a", "Value": "other"}, {"Key": "b"}])
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["Tags"] == [{"Key": "a", "Value": "2"}]
    assert error_code(ec2.create_tags, Resources=[group], Tags=[{"Key": "aws:x", "Value": ""}]) == INVALID
    many = [{"Key": str(n), "Value": ""} for n in range(50)]
    assert error_code(ec2.create_tags, Resources=[group], Tags=many) == ("TagLimitExceeded", 400)
    assert error_code(ec2.create_tags, Resources=["i-0123456789abcdef0"], Tags=[{"Key": "a", "Value": "b"}]) == NO_INSTANCE


def test_instances_that_are_not_there(ec2):
    assert ec2.describe_instances()["Reservations"] == [] and ec2.describe_instance_status()["InstanceStatuses"] == []
    assert ec2.describe_volumes()["Volumes"] == []
    for call in (ec2.start_instances, ec2.stop_instances, ec2.reboot_instances, ec2.terminate_instances, ec2.describe_instances):
        assert error_code(call, InstanceIds=[SOME_INSTANCE]) == NO_INSTANCE
        assert error_code(call, InstanceIds=["machine"]) == ("InvalidInstanceID.Malformed", 400)
    assert error_code(ec2.get_console_output, InstanceId=SOME_INSTANCE) == NO_INSTANCE
    assert error_code(ec2.describe_instance_attribute, InstanceId=SOME_INSTANCE, Attribute="userData") == NO_INSTANCE
    assert error_code(ec2.modify_instance_attribute, InstanceId=SOME_INSTANCE, DisableApiTermination={"Value": True}) == NO_INSTANCE


def test_launches_that_cannot_be(ec2):
    launch = {"ImageId": host_image(ec2), "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}

    def refused(**changes):
        return error_code(ec2.run_instances, **{**launch, **changes})

    assert refused(DryRun=True) == ("DryRunOperation", 412)
    assert refused(MinCount=2) == INVALID
    assert refused(ImageId="ami-0123456789abcdef0") == ("InvalidAMIID.NotFound", 400)
    assert refused(InstanceType="t9.mega") == ("InvalidInstanceType", 400)
    assert refused(KeyName="none") == NO_KEY
    assert refused(SecurityGroupIds=["sg-0123456789abcdef0"]) == NO_GROUP
    assert refused(SubnetId="subnet-0123456789abcdef0") == ("InvalidSubnetID.NotFound", 400)
    assert refused(UserData="x" * 16385) == INVALID
    assert refused(IamInstanceProfile={"Name": "nobody"}) == INVALID
    assert ec2.describe_instances()["Reservations"] == []


def test_pages_and_filters_say_when_they_are_wrong(ec2):
    assert error_code(ec2.describe_vpcs, Filters=[{"Name": "colour", "Values": ["red"]}]) == INVALID
    assert error_code(ec2.describe_instances, MaxResults=1) == INVALID
    assert error_code(ec2.describe_instances, NextToken="???") == ("InvalidNextToken", 400)


def test_a_user_may_do_what_a_policy_says(hearth, ec2):
    iam = hearth.client("iam")
    iam.create_user(UserName="dev")
    # AWS knows ec2:InstanceType for the instance itself only; the other resources of a launch need a statement of their own.
    others = ["image", "subnet", "security-group", "network-interface", "volume"]
    iam.put_user_policy(UserName="dev", PolicyName="small", PolicyDocument=document(
        {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"},
        {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": [f"arn:aws:ec2:*:*:{kind}/*" for kind in others]},
        {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "arn:aws:ec2:*:*:instance/*",
         "Condition": {"StringEquals": {"ec2:InstanceType": "t3.nano"}}}))
    key = iam.create_access_key(UserName="dev")["AccessKey"]
    dev = hearth.client("ec2", key["AccessKeyId"], key["SecretAccessKey"])
    assert dev.describe_instances()["Reservations"] == []
    assert error_code(dev.create_key_pair, KeyName="mine") == ("UnauthorizedOperation", 403)
    assert error_code(dev.terminate_instances, InstanceIds=[SOME_INSTANCE]) == ("UnauthorizedOperation", 403)
    launch = {"ImageId": host_image(ec2), "MinCount": 1, "MaxCount": 1, "DryRun": True}
    assert error_code(dev.run_instances, InstanceType="t3.large", **launch) == ("UnauthorizedOperation", 403)
    assert error_code(dev.run_instances, InstanceType="t3.nano", **launch) == ("DryRunOperation", 412)
