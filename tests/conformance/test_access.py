"""What models/*.json says an operation must be allowed is what the server asks for: every served operation is called by a
user who may do nothing, each denial names an action and a resource, just that is allowed, and the call is made again until
it is no longer denied. So the overlays, the service pages and the AccessRules beside the handlers cannot drift apart."""
import json
import re

import boto3
import pytest
from botocore.exceptions import ClientError
from conftest import ACCOUNT, document
from conformance.served import MODELS, served, services_with_operations

ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:alerts"
ALARM = f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:hot"
GROUP = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/app"
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]}
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}]}

# A value for a required member of that name, by service where services differ; others get a plain name or number.
VALUES = {
    "Bucket": "box-of-nobody", "CopySource": "other-box/source", "PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/rules", "RoleArn": ROLE,
    "PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:user/ana", "AssumeRolePolicyDocument": json.dumps(TRUST), "PolicyDocument": json.dumps(POLICY),
    "Policy": json.dumps(POLICY), "PolicyInputList": [json.dumps(POLICY)], "ActionNames": ["s3:GetObject"], "AccessKeyId": "AKIAABCDEFGHIJKLMNOP",
    "TopicArn": TOPIC, "SubscriptionArn": TOPIC + ":01234567-0123-0123-0123-0123456789ab", "Protocol": "https", "Token": "0" * 64,
    "AttributeName": "DisplayName", "logGroupName": "/app", "retentionInDays": 7, "DashboardBody": '{"widgets": []}', "PasswordLength": 8,
    "InstanceId": "i-0123456789abcdef0", "InstanceIds": ["i-0123456789abcdef0"], "ImageId": "ami-0123456789abcdef0", "GroupId": "sg-0123456789abcdef0",
    "Resources": ["i-0123456789abcdef0"], "PublicKeyMaterial": b"ssh-ed25519 AAAA", "MaxCount": 1, "MinCount": 1, "GroupName": "team",
    "AlarmNames": ["hot"], "DashboardNames": ["board"], "StateValue": "OK", "Status": "Active", "VersionId": "v1", "ExecutionRoleArn": ROLE,
    "MetricDataQueries": [{"Id": "m", "Expression": "1"}], "Tagging": {"TagSet": []}, "VersioningConfiguration": {"Status": "Enabled"},
    "ObjectAttributes": ["ETag"], "Delete": {"Objects": [{"Key": "thing"}]}, "Attribute": "instanceType", "Namespace": "Team", "MetricName": "Loss",
    "Period": 60, "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "StartTime": 1_700_000_000, "EndTime": 1_700_000_060,
    "PublishBatchRequestEntries": [{"Id": "a", "Message": "m"}], "ProductionVariants": [{"VariantName": "a", "ModelName": "base"}],
}
BY_SERVICE = {
    ("sns", "ResourceArn"): TOPIC, ("cloudwatch", "ResourceARN"): ALARM, ("logs", "resourceArn"): GROUP, ("s3", "PolicyDocument"): "",
    ("s3", "Policy"): json.dumps(POLICY), ("ec2", "GroupName"): "team", ("cloudwatch", "Threshold"): 1.0,
}
# Members that are not required, without which a call touches nothing or not what is always meant.
ALWAYS = {
    ("cloudwatch", "PutMetricAlarm"): {"Namespace": "Team", "MetricName": "Loss", "Period": 60, "Statistic": "Sum", "Threshold": 1.0},
    ("logs", "FilterLogEvents"): {"logGroupName": "/app"}, ("logs", "GetLogEvents"): {"logGroupName": "/app"},
    ("logs", "DescribeLogStreams"): {"logGroupName": "/app"}, ("sns", "Publish"): {"TopicArn": TOPIC},
    ("sagemaker", "CreateModel"): {"PrimaryContainer": {"ModelDataUrl": "s3://models/base/"}},
    ("ec2", "DescribeVpcAttribute"): {"Attribute": "enableDnsSupport", "VpcId": "vpc-0123456789abcdef0"},
    ("ec2", "DeleteKeyPair"): {"KeyName": "laptop"}, ("ec2", "CancelImportTask"): {"ImportTaskId": "import-ami-0123456789abcdef0"},
    ("ec2", "RegisterImage"): {"Name": "mine", "ImageLocation": "other-box/image.tar"},
    ("ec2", "CreateTags"): {"Tags": [{"Key": "a", "Value": "b"}]},
}
TAGGABLE = ["ami-0123456789abcdef0", "import-ami-0123456789abcdef0", "key-0123456789abcdef0", "sg-0123456789abcdef0", "vol-0123456789abcdef0"]
TAGS = [{"Key": "a", "Value": "b"}]


def with_tags(*kinds):
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": TAGS} for kind in kinds]}


# Further calls of an operation, for what it needs only then.
VARIANTS = {
    **{("s3", name): [{"VersionId": "v"}] for name in
       ("DeleteObject", "DeleteObjectTagging", "GetObject", "GetObjectTagging", "PutObjectTagging", "GetObjectAttributes", "HeadObject", "GetObjectAcl")},
    ("s3", "DeleteObjects"): [{"Delete": {"Objects": [{"Key": "thing", "VersionId": "v"}]}}],
    ("s3", "CopyObject"): [{"CopySource": "other-box/source?versionId=v"}, {"Tagging": "a=b", "TaggingDirective": "REPLACE"}],
    ("s3", "UploadPartCopy"): [{"CopySource": "other-box/source?versionId=v"}],
    ("s3", "PutObject"): [{"Tagging": "a=b"}],
    ("s3", "CreateMultipartUpload"): [{"Tagging": "a=b"}],
    ("iam", "SimulatePrincipalPolicy"): [{"PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:{kind}/x"} for kind in ("role", "group")],
    ("sts", "AssumeRole"): [{"Tags": [{"Key": "a", "Value": "b"}]}, {"SourceIdentity": "ana"}],
    **{("iam", name): [{"Tags": TAGS}] for name in ("CreateUser", "CreateRole", "CreatePolicy", "CreateInstanceProfile")},
    ("sns", "CreateTopic"): [{"Tags": TAGS}], ("logs", "CreateLogGroup"): [{"tags": {"a": "b"}}],
    **{("cloudwatch", name): [{"Tags": TAGS}] for name in ("PutMetricAlarm", "PutDashboard")},
    ("sagemaker", "CreateEndpoint"): [{"Tags": TAGS}],
    ("ec2", "RunInstances"): [{"KeyName": "laptop"}, with_tags("instance", "volume", "network-interface"), {"SecurityGroups": ["team"]}],
    **{("ec2", name): [with_tags("key-pair")] for name in ("CreateKeyPair", "ImportKeyPair")},
    **{("ec2", f"AuthorizeSecurityGroup{way}"): [with_tags("security-group-rule")] for way in ("Ingress", "Egress")},
    ("ec2", "CreateSecurityGroup"): [with_tags("security-group")], ("ec2", "DeleteKeyPair"): [{"KeyPairId": "key-0123456789abcdef0"}],
    ("ec2", "ModifyInstanceAttribute"): [{"Groups": ["sg-0123456789abcdef0"]}],
    ("ec2", "CreateTags"): [{"Resources": [name]} for name in TAGGABLE],
    ("ec2", "DeleteTags"): [{"Resources": [name]} for name in TAGGABLE],
    ("ec2", "ImportImage"): [{"DiskContainers": [{"UserBucket": {"S3Bucket": "other-box", "S3Key": "image.tar"}}], "DryRun": False},
                             with_tags("import-image-task")],
    ("ec2", "RegisterImage"): [{"DryRun": False}, with_tags("image")],
    ("sagemaker", "CreateModel"): [{"ExecutionRoleArn": ROLE}, {"Tags": TAGS}],
    ("sagemaker", "CreateEndpointConfig"): [{"ExecutionRoleArn": ROLE}, {"Tags": TAGS}],
}
# Asked for only where the call would otherwise succeed, so a test with the real things sees it.
SEEN_ELSEWHERE = {("ec2", "RunInstances", "iam:PassRole")}

DENIED = re.compile(r"is not authorized to perform: (\S+) on resource: (\S+)")


def needed(service):
    """operation -> {(action, kind)} as the overlay says, and kind -> what its ARNs look like."""
    overlay = json.loads((MODELS / f"{service}.json").read_text())
    listed = lambda value: [value] if isinstance(value, str) else value
    kinds = {"*": r"\*"}
    for kind, arn in overlay.get("resources", {}).items():
        pattern = re.escape(arn).replace(r"\$\{Partition\}", "aws").replace(r"\$\{BucketName\}", "[^/]+")
        kinds[kind] = re.sub(r"\\\$\\\{(Region|Account)\\\}", "[^:/]*", pattern)
        kinds[kind] = re.sub(r"\\\$\\\{LogGroupName\\\}", r"(?:(?!:log-stream:).)*", kinds[kind])
        kinds[kind] = re.sub(r"\\\$\\\{\w+\\\}", ".*" if kind in ("object", "log-stream") or service == "iam" else "[^:]*", kinds[kind])
    operations = {}
    for name, entry in overlay["operations"].items():
        accesses = ([entry] if "action" in entry else []) + entry.get("also", [])
        operations[name] = {(action, kind) for access in accesses for action in listed(access["action"]) for kind in listed(access["resource"])}
    return operations, kinds


def kinds_of(kinds, arn):
    return {kind for kind, pattern in kinds.items() if re.fullmatch(pattern, arn)}


def sample(service, shape, name):
    if (service, name) in BY_SERVICE:
        return BY_SERVICE[service, name]
    if name in VALUES:
        return VALUES[name]
    if shape.type_name == "structure":
        return {member: sample(service, shape.members[member], member) for member in shape.required_members}
    if shape.type_name == "list":
        return [sample(service, shape.member, name)]
    if shape.type_name == "map":
        return {"a": sample(service, shape.value, "a")}
    if shape.type_name in ("integer", "long", "float", "double"):
        return 1
    if shape.type_name == "boolean":
        return False
    if shape.type_name == "timestamp":
        return 1_700_000_000
    if shape.type_name == "blob":
        return b"x"
    return getattr(shape, "enum", None)[0] if getattr(shape, "enum", None) else "thing"


def arguments_of(service, model):
    arguments = {}
    if model.input_shape:
        arguments = {name: sample(service, model.input_shape.members[name], name) for name in model.input_shape.required_members}
        if service == "ec2" and "DryRun" in model.input_shape.members:
            arguments["DryRun"] = True
    return arguments | ALWAYS.get((service, model.name), {})


class Nobody:
    """A user who may do what was allowed here and nothing else."""

    def __init__(self, hearth):
        self.iam, self.allowed = hearth.client("iam"), []
        self.iam.create_user(UserName="nobody")
        trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}
        self.iam.create_role(RoleName="worker", AssumeRolePolicyDocument=document(trust))
        key = self.iam.create_access_key(UserName="nobody")["AccessKey"]
        self.key = {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}

    def allow(self, *pairs):
        self.allowed += pairs
        self.iam.put_user_policy(UserName="nobody", PolicyName="p", PolicyDocument=document(
            *({"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in self.allowed)))

    def forget(self):
        if self.allowed:
            self.iam.delete_user_policy(UserName="nobody", PolicyName="p")
        self.allowed = []


def call(client, name, arguments):
    """The error's answer; None when the call succeeds."""
    try:
        answer = getattr(client, boto3.session.botocore.xform_name(name))(**arguments)
    except ClientError as refused:
        return refused.response
    if name == "DeleteObjects" and "Errors" in answer:  # it tells of each key by itself, in an answer that is no error
        return {"Error": answer["Errors"][0], "ResponseMetadata": answer["ResponseMetadata"] | {"HTTPStatusCode": 403}}
    return None


def denials(nobody, client, name, arguments):
    """Every (action, resource) that a call is denied for, one after the other."""
    seen = []
    nobody.forget()
    while (refused := call(client, name, arguments)) and (found := DENIED.search(refused["Error"]["Message"])):
        assert refused["ResponseMetadata"]["HTTPStatusCode"] in (400, 403) and refused["ResponseMetadata"]["RequestId"]
        pair = (found[1], found[2].rstrip("."))
        assert pair not in seen, f"{name} was allowed {pair} and is denied it again"
        seen.append(pair)
        nobody.allow(pair)
    return seen


@pytest.mark.parametrize("service", sorted(services_with_operations()))
def test_the_overlay_says_what_each_operation_needs(hearth, service):
    nobody = Nobody(hearth)
    client = hearth.client(service, **nobody.key)
    operations, kinds = needed(service)
    wrong = []
    for name in sorted(served(service)):
        model = client.meta.service_model.operation_model(name)
        arguments = arguments_of(service, model)
        calls = [arguments] + [arguments | more for more in VARIANTS.get((service, name), [])]
        if model.http["method"] == "HEAD":
            wrong += head_without_words(nobody, client, name, calls, operations[name])
            continue
        touched = set()
        for each in calls:
            for action, arn in denials(nobody, client, name, each):
                matching = {(action, kind) for kind in kinds_of(kinds, arn)} & operations[name]
                if not matching:
                    wrong.append(f"{name} wants {action} on {arn}, which the overlay does not say")
                touched |= matching
        elsewhere = {(action, kind) for action, kind in operations[name] if (service, name, action) in SEEN_ELSEWHERE}
        for action, kind in sorted(operations[name] - touched - elsewhere):
            wrong.append(f"{name} never asked for {action} on {kind}, as the overlay says it does")
    assert not wrong, "\n".join(wrong)


def head_without_words(nobody, client, name, calls, accesses):
    """A HEAD is answered without a message: so it must be denied, and with just what the overlay says no longer be."""
    wrong = []
    for arguments in calls:
        nobody.forget()
        statuses = [call(client, name, arguments)["ResponseMetadata"]["HTTPStatusCode"]]
        arn = f"arn:aws:s3:::{arguments['Bucket']}" + (f"/{arguments['Key']}" if "Key" in arguments else "")
        nobody.allow(*((action, arn) for action, _ in accesses))
        statuses.append((call(client, name, arguments) or {"ResponseMetadata": {"HTTPStatusCode": 200}})["ResponseMetadata"]["HTTPStatusCode"])
        if statuses[0] != 403 or statuses[1] == 403:
            wrong.append(f"{name} {arguments} answers {statuses}, first without rights, then with {sorted(accesses)}")
    return wrong
