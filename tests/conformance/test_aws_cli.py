"""Every served operation with the unmodified aws-cli, as sequences that somebody might type.

Each `calls_of_*` below goes through one service; the test fails if an operation that models/ says is served did not succeed."""
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

import pytest
from botocore import xform_name
from conftest import ACCOUNT, wait_for
from conformance.instances import skip_without_instances
from conformance.model_endpoint import served_model  # noqa: F401  a fixture
from conformance.root_images import tar_of
from conformance.served import COVERED, NEED_INSTANCES, NEVER_SUCCEED, served
from conformance.subscriber import Subscriber

# aws-cli has no commands for operations that answer with an event stream.
NOT_IN_AWS_CLI = {"InvokeEndpointWithResponseStream"}
SESSION = pathlib.Path(__file__).with_name("aws_session.py")


class Aws:
    """aws("iam", "get-user --user-name x") runs `aws iam get-user --user-name x` and returns its JSON."""

    def __init__(self, hearth):
        self.called = set()
        self.environment = hearth.aws_environment()
        self.process = subprocess.Popen([sys.executable, str(SESSION)], env=self.environment, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, service, command):
        words = [service, *shlex.split(command)]
        self.process.stdin.write(json.dumps(["--output", "json", *words]) + "\n")
        self.process.stdin.flush()
        return words, json.loads(self.process.stdout.readline())

    def __call__(self, service, command):
        words, answer = self.run(service, command)
        assert answer["rc"] == 0, f"aws {' '.join(words)}: {answer['stderr']}"
        self.called.add((service, words[1]))
        return json.loads(answer["stdout"]) if answer["stdout"].strip() else {}

    def refused(self, service, command):
        """The error code of a command that must fail."""
        words, answer = self.run(service, command)
        found = re.search(r"An error occurred \(([\w.]+)\) when calling", answer["stderr"])
        assert answer["rc"] != 0 and found, f"aws {' '.join(words)} did not fail with an AWS error: {answer}"
        return found.group(1)

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


@pytest.fixture
def aws(service, request):
    """A session with a server that has what the service's calls need: a model in service, or nothing yet."""
    session = Aws(request.getfixturevalue("served_model" if service == "sagemaker-runtime" else "hearth"))
    yield session
    session.close()


def quoted(value):
    """A JSON document as one word of a command."""
    return shlex.quote(json.dumps(value))


def policy(**statement):
    return quoted({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


READ = policy(Action="s3:GetObject", Resource="*")
TRUST = policy(Principal={"Service": "ec2.amazonaws.com"}, Action="sts:AssumeRole")


def calls_of_s3(aws, tmp_path):
    def s3(command):
        return aws("s3api", command)

    file = tmp_path / "weights.bin"
    file.write_bytes(b"0123456789")
    out = tmp_path / "out.bin"
    s3("create-bucket --bucket models")
    assert [b["Name"] for b in s3("list-buckets")["Buckets"]] == ["models"]
    s3("head-bucket --bucket models")
    assert s3("get-bucket-location --bucket models")["LocationConstraint"] is None
    s3("put-bucket-tagging --bucket models --tagging 'TagSet=[{Key=team,Value=llm}]'")
    assert s3("get-bucket-tagging --bucket models")["TagSet"] == [{"Key": "team", "Value": "llm"}]
    s3("delete-bucket-tagging --bucket models")
    s3(f"put-bucket-policy --bucket models --policy {policy(Principal='*', Action='s3:GetObject', Resource='arn:aws:s3:::models/*')}")
    assert "s3:GetObject" in s3("get-bucket-policy --bucket models")["Policy"]
    s3("delete-bucket-policy --bucket models")
    assert aws.refused("s3api", "get-bucket-policy --bucket models") == "NoSuchBucketPolicy"
    assert s3("get-bucket-acl --bucket models")["Grants"][0]["Permission"] == "FULL_CONTROL"
    assert s3("get-bucket-ownership-controls --bucket models")["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert s3("get-bucket-request-payment --bucket models") == {"Payer": "BucketOwner"}
    for what in ("logging", "notification-configuration", "accelerate-configuration"):
        assert not s3(f"get-bucket-{what} --bucket models")
    assert aws.refused("s3api", "get-bucket-encryption --bucket models") == "ServerSideEncryptionConfigurationNotFoundError"
    assert aws.refused("s3api", "get-public-access-block --bucket models") == "NoSuchPublicAccessBlockConfiguration"

    s3(f"put-object --bucket models --key a/b --body {file} --content-type text/css --metadata mood=good")
    assert s3(f"get-object --bucket models --key a/b --range bytes=2-4 {out}")["ContentRange"] == "bytes 2-4/10"
    assert out.read_bytes() == b"234"
    assert s3("head-object --bucket models --key a/b")["Metadata"] == {"mood": "good"}
    assert s3("get-object-acl --bucket models --key a/b")["Grants"][0]["Permission"] == "FULL_CONTROL"
    assert s3("get-object-attributes --bucket models --key a/b --object-attributes ObjectSize")["ObjectSize"] == 10
    s3("put-object-tagging --bucket models --key a/b --tagging 'TagSet=[{Key=a,Value=1}]'")
    assert s3("get-object-tagging --bucket models --key a/b")["TagSet"] == [{"Key": "a", "Value": "1"}]
    s3("delete-object-tagging --bucket models --key a/b")
    s3("copy-object --bucket models --key copy --copy-source models/a/b")
    assert [o["Key"] for o in s3("list-objects-v2 --bucket models --page-size 1")["Contents"]] == ["a/b", "copy"]
    assert s3("list-objects --bucket models --delimiter /")["CommonPrefixes"] == [{"Prefix": "a/"}]

    s3("put-bucket-versioning --bucket models --versioning-configuration Status=Enabled")
    assert s3("get-bucket-versioning --bucket models")["Status"] == "Enabled"
    marker = s3("delete-object --bucket models --key copy")["VersionId"]
    versions = s3("list-object-versions --bucket models --prefix copy")
    assert (versions["DeleteMarkers"][0]["VersionId"], versions["Versions"][0]["VersionId"]) == (marker, "null")

    upload = s3("create-multipart-upload --bucket models --key big")["UploadId"]
    place = f"--bucket models --key big --upload-id {upload}"
    s3(f"upload-part-copy {place} --part-number 1 --copy-source models/a/b")
    s3(f"upload-part {place} --part-number 1 --body {file}")
    parts = s3(f"list-parts {place}")["Parts"]
    assert s3("list-multipart-uploads --bucket models")["Uploads"][0]["UploadId"] == upload
    done = quoted({"Parts": [{"PartNumber": 1, "ETag": parts[0]["ETag"]}]})
    assert s3(f"complete-multipart-upload {place} --multipart-upload {done}")["ETag"].endswith('-1"')
    upload = s3("create-multipart-upload --bucket models --key other")["UploadId"]
    s3(f"abort-multipart-upload --bucket models --key other --upload-id {upload}")

    versions = s3("list-object-versions --bucket models")
    everything = [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in versions["Versions"] + versions["DeleteMarkers"]]
    assert len(s3(f"delete-objects --bucket models --delete {quoted({'Objects': everything})}")["Deleted"]) == len(everything)
    s3("delete-bucket --bucket models")


def calls_of_iam(aws, tmp_path):
    def iam(command):
        return aws("iam", command)

    user = iam("create-user --user-name alice --path /people/ --tags Key=team,Value=llm")["User"]["Arn"]
    iam("tag-user --user-name alice --tags Key=mood,Value=good")
    iam("untag-user --user-name alice --tag-keys team")
    assert iam("list-user-tags --user-name alice")["Tags"] == [{"Key": "mood", "Value": "good"}]
    key = iam("create-access-key --user-name alice")["AccessKey"]["AccessKeyId"]
    iam(f"update-access-key --user-name alice --access-key-id {key} --status Inactive")
    assert iam("list-access-keys --user-name alice")["AccessKeyMetadata"][0]["Status"] == "Inactive"
    assert iam(f"get-access-key-last-used --access-key-id {key}")["UserName"] == "alice"
    iam(f"delete-access-key --user-name alice --access-key-id {key}")

    iam("create-group --group-name research")
    iam("add-user-to-group --group-name research --user-name alice")
    assert iam("get-group --group-name research")["Users"][0]["UserName"] == "alice"
    assert iam("list-groups-for-user --user-name alice")["Groups"][0]["GroupName"] == "research"
    assert len(iam("list-groups")["Groups"]) == 1
    role = iam(f"create-role --role-name trainer --assume-role-policy-document {TRUST}")["Role"]["Arn"]
    assert role == f"arn:aws:iam::{ACCOUNT}:role/trainer"
    iam(f"update-assume-role-policy --role-name trainer --policy-document {TRUST}")
    iam("update-role --role-name trainer --description trains")
    assert iam("get-role --role-name trainer")["Role"]["Description"] == "trains"
    iam("tag-role --role-name trainer --tags Key=a,Value=1")
    assert iam("list-role-tags --role-name trainer")["Tags"] == [{"Key": "a", "Value": "1"}]
    iam("untag-role --role-name trainer --tag-keys a")
    assert len(iam("list-roles --page-size 1")["Roles"]) == 1

    managed = iam(f"create-policy --policy-name data --policy-document {READ}")["Policy"]["Arn"]
    iam(f"create-policy-version --policy-arn {managed} --policy-document {READ}")
    iam(f"set-default-policy-version --policy-arn {managed} --version-id v2")
    assert iam(f"get-policy-version --policy-arn {managed} --version-id v2")["PolicyVersion"]["IsDefaultVersion"]
    assert len(iam(f"list-policy-versions --policy-arn {managed}")["Versions"]) == 2
    iam(f"delete-policy-version --policy-arn {managed} --version-id v1")
    for kind, name in (("user", "alice"), ("group", "research"), ("role", "trainer")):
        who = f"--{kind}-name {name}"
        iam(f"attach-{kind}-policy {who} --policy-arn {managed}")
        assert iam(f"list-attached-{kind}-policies {who}")["AttachedPolicies"][0]["PolicyArn"] == managed
        iam(f"put-{kind}-policy {who} --policy-name inline --policy-document {READ}")
        assert iam(f"list-{kind}-policies {who}")["PolicyNames"] == ["inline"]
        assert iam(f"get-{kind}-policy {who} --policy-name inline")["PolicyDocument"]["Statement"][0]["Action"] == "s3:GetObject"
    assert iam(f"get-policy --policy-arn {managed}")["Policy"]["AttachmentCount"] == 3
    assert len(iam(f"list-entities-for-policy --policy-arn {managed}")["PolicyRoles"]) == 1
    assert len(iam("list-policies --scope Local")["Policies"]) == 1
    decided = iam(f"simulate-principal-policy --policy-source-arn {user} --action-names s3:GetObject")
    assert decided["EvaluationResults"][0]["EvalDecision"] == "allowed"
    decided = iam(f"simulate-custom-policy --policy-input-list {READ} --action-names s3:PutObject")
    assert decided["EvaluationResults"][0]["EvalDecision"] == "implicitDeny"

    iam("create-instance-profile --instance-profile-name p")
    iam("add-role-to-instance-profile --instance-profile-name p --role-name trainer")
    assert iam("get-instance-profile --instance-profile-name p")["InstanceProfile"]["Roles"][0]["RoleName"] == "trainer"
    assert len(iam("list-instance-profiles")["InstanceProfiles"]) == 1
    assert len(iam("list-instance-profiles-for-role --role-name trainer")["InstanceProfiles"]) == 1
    iam("remove-role-from-instance-profile --instance-profile-name p --role-name trainer")
    iam("delete-instance-profile --instance-profile-name p")

    iam("remove-user-from-group --group-name research --user-name alice")
    for kind, name in (("user", "alice"), ("group", "research"), ("role", "trainer")):
        who = f"--{kind}-name {name}"
        iam(f"detach-{kind}-policy {who} --policy-arn {managed}")
        iam(f"delete-{kind}-policy {who} --policy-name inline")
        if kind == "user":
            iam("update-user --user-name alice --new-user-name ada")
            assert iam("get-user --user-name ada")["User"]["UserName"] == "ada"
            who = "--user-name ada"
            assert len(iam("list-users --path-prefix /people/")["Users"]) == 1
        iam(f"delete-{kind} {who}")
        assert aws.refused("iam", f"get-{kind} {who}") == "NoSuchEntity"
    iam(f"delete-policy --policy-arn {managed}")


def calls_of_sts(aws, tmp_path):
    assert aws("sts", "get-caller-identity")["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    key = aws("sts", "get-session-token --duration-seconds 900")["Credentials"]["AccessKeyId"]
    assert aws("sts", f"get-access-key-info --access-key-id {key}")["Account"] == ACCOUNT
    assert aws.refused("sts", f"assume-role --role-arn arn:aws:iam::{ACCOUNT}:role/none --role-session-name laptop") == "AccessDenied"
    # A role is for users: root may not, so this one call is made by somebody else.
    aws("iam", "create-user --user-name dev")
    aws("iam", f"put-user-policy --user-name dev --policy-name p --policy-document {policy(Action='sts:AssumeRole', Resource='*')}")
    aws("iam", f"create-role --role-name reader --assume-role-policy-document {policy(Principal={'AWS': ACCOUNT}, Action='sts:AssumeRole')}")
    made = aws("iam", "create-access-key --user-name dev")["AccessKey"]
    config = tmp_path / "credentials"
    config.write_text(f"[dev]\naws_access_key_id={made['AccessKeyId']}\naws_secret_access_key={made['SecretAccessKey']}\n")
    assert "assumed-role/reader/laptop" in assume_with_a_profile(aws, config)["AssumedRoleUser"]["Arn"]


def assume_with_a_profile(aws, credentials_file):
    """Another user's keys come from a credentials file, in a process of their own as on a command line."""
    env = dict(aws.environment, AWS_SHARED_CREDENTIALS_FILE=str(credentials_file))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        env.pop(name)
    command = ["aws", "--profile", "dev", "--output", "json", "sts", "assume-role",
               "--role-arn", f"arn:aws:iam::{ACCOUNT}:role/reader", "--role-session-name", "laptop"]
    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    aws.called.add(("sts", "assume-role"))
    return json.loads(run.stdout)


def calls_of_sns(aws, tmp_path):
    def sns(command):
        return aws("sns", command)

    topic = sns("create-topic --name alerts --tags Key=team,Value=llm")["TopicArn"]
    sns(f"set-topic-attributes --topic-arn {topic} --attribute-name DisplayName --attribute-value Alerts")
    assert sns(f"get-topic-attributes --topic-arn {topic}")["Attributes"]["DisplayName"] == "Alerts"
    assert sns("list-topics")["Topics"] == [{"TopicArn": topic}]
    sns(f"tag-resource --resource-arn {topic} --tags Key=mood,Value=calm")
    sns(f"untag-resource --resource-arn {topic} --tag-keys team")
    assert sns(f"list-tags-for-resource --resource-arn {topic}")["Tags"] == [{"Key": "mood", "Value": "calm"}]
    with Subscriber() as subscriber:
        sns(f"subscribe --topic-arn {topic} --protocol http --notification-endpoint {subscriber.url}")
        token = wait_for(lambda: subscriber.of_type("SubscriptionConfirmation"))[0]["Token"]
        arn = sns(f"confirm-subscription --topic-arn {topic} --token {token}")["SubscriptionArn"]
        sns(f"set-subscription-attributes --subscription-arn {arn} --attribute-name FilterPolicy --attribute-value {{}}")
        assert sns(f"get-subscription-attributes --subscription-arn {arn}")["Attributes"]["PendingConfirmation"] == "false"
        assert len(sns("list-subscriptions")["Subscriptions"]) == len(sns(f"list-subscriptions-by-topic --topic-arn {topic}")["Subscriptions"]) == 1
        sns(f"publish --topic-arn {topic} --message one --subject s")
        sns(f"publish-batch --topic-arn {topic} --publish-batch-request-entries Id=1,Message=two")
        wait_for(lambda: {n["Message"] for n in subscriber.of_type("Notification")} == {"one", "two"})
        sns(f"unsubscribe --subscription-arn {arn}")
    sns(f"delete-topic --topic-arn {topic}")
    assert aws.refused("sns", f"publish --topic-arn {topic} --message m") == "NotFound"


def calls_of_cloudwatch(aws, tmp_path):
    def cloudwatch(command):
        return aws("cloudwatch", command)

    now = int(time.time()) // 60 * 60
    window = f"--start-time {now - 600} --end-time {now + 60}"
    cloudwatch(f"put-metric-data --namespace Train --metric-name Loss --value 2.5 --timestamp {now} --dimensions Job=j1")
    assert cloudwatch("list-metrics --namespace Train")["Metrics"][0]["Dimensions"] == [{"Name": "Job", "Value": "j1"}]
    points = cloudwatch(f"get-metric-statistics --namespace Train --metric-name Loss --dimensions Name=Job,Value=j1 --period 60 --statistics Average {window}")
    assert [p["Average"] for p in points["Datapoints"]] == [2.5]
    metric = {"Namespace": "Train", "MetricName": "Loss", "Dimensions": [{"Name": "Job", "Value": "j1"}]}
    queries = quoted([{"Id": "loss", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}])
    assert cloudwatch(f"get-metric-data --metric-data-queries {queries} {window}")["MetricDataResults"][0]["Values"] == [2.5]

    # A state set by hand lasts until the next evaluation; an alarm that ignores missing data stays in it.
    cloudwatch("put-metric-alarm --alarm-name high --namespace Train --metric-name Loss --statistic Average --period 60 "
               "--evaluation-periods 1 --threshold 4 --comparison-operator GreaterThanThreshold --treat-missing-data ignore")
    cloudwatch("set-alarm-state --alarm-name high --state-value ALARM --state-reason testing")
    cloudwatch("disable-alarm-actions --alarm-names high")
    alarm = cloudwatch("describe-alarms --alarm-names high")["MetricAlarms"][0]
    assert (alarm["StateValue"], alarm["ActionsEnabled"]) == ("ALARM", False)
    cloudwatch("enable-alarm-actions --alarm-names high")
    assert len(cloudwatch("describe-alarms-for-metric --namespace Train --metric-name Loss")["MetricAlarms"]) == 1
    assert len(cloudwatch("describe-alarm-history --alarm-name high --history-item-type StateUpdate")["AlarmHistoryItems"]) == 1
    arn = alarm["AlarmArn"]
    cloudwatch(f"tag-resource --resource-arn {arn} --tags Key=a,Value=1 Key=b,Value=2")
    cloudwatch(f"untag-resource --resource-arn {arn} --tag-keys a")
    assert cloudwatch(f"list-tags-for-resource --resource-arn {arn}")["Tags"] == [{"Key": "b", "Value": "2"}]
    cloudwatch("delete-alarms --alarm-names high")
    assert aws.refused("cloudwatch", "set-alarm-state --alarm-name high --state-value OK --state-reason r") == "ResourceNotFound"

    widget = {"type": "text", "x": 0, "y": 0, "width": 3, "height": 3, "properties": {"markdown": "hi"}}
    cloudwatch(f"put-dashboard --dashboard-name d --dashboard-body {quoted({'widgets': [widget]})}")
    assert json.loads(cloudwatch("get-dashboard --dashboard-name d")["DashboardBody"])["widgets"] == [widget]
    assert cloudwatch("list-dashboards")["DashboardEntries"][0]["DashboardName"] == "d"
    cloudwatch("delete-dashboards --dashboard-names d")


def calls_of_logs(aws, tmp_path):
    def logs(command):
        return aws("logs", command)

    now = int(time.time() * 1000)
    logs("create-log-group --log-group-name /train --tags team=llm")
    logs("create-log-stream --log-group-name /train --log-stream-name rank-0")
    logs(f"put-log-events --log-group-name /train --log-stream-name rank-0 --log-events timestamp={now},message=loss=4 timestamp={now + 1},message=loss=3")
    assert [e["message"] for e in logs("get-log-events --log-group-name /train --log-stream-name rank-0")["events"]] == ["loss=4", "loss=3"]
    assert [e["message"] for e in logs("filter-log-events --log-group-name /train --filter-pattern '\"loss=3\"'")["events"]] == ["loss=3"]
    assert logs("describe-log-streams --log-group-name /train")["logStreams"][0]["logStreamName"] == "rank-0"
    logs("put-retention-policy --log-group-name /train --retention-in-days 7")
    assert logs("describe-log-groups --log-group-name-prefix /tr")["logGroups"][0]["retentionInDays"] == 7
    logs("delete-retention-policy --log-group-name /train")
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/train"
    logs(f"tag-resource --resource-arn {arn} --tags mood=calm")
    logs(f"untag-resource --resource-arn {arn} --tag-keys team")
    assert logs(f"list-tags-for-resource --resource-arn {arn}")["tags"] == {"mood": "calm"}
    logs("delete-log-stream --log-group-name /train --log-stream-name rank-0")
    logs("delete-log-group --log-group-name /train")
    assert aws.refused("logs", "describe-log-streams --log-group-name /train") == "ResourceNotFoundException"


def calls_of_sagemaker(aws, tmp_path):
    def sagemaker(command):
        return aws("sagemaker", command)

    aws("iam", f"create-role --role-name serving --assume-role-policy-document {policy(Principal={'Service': 'sagemaker.amazonaws.com'}, Action='sts:AssumeRole')}")
    data = quoted({"ModelDataSource": {"S3DataSource": {"S3Uri": "s3://models/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}}})
    sagemaker(f"create-model --model-name m --execution-role-arn arn:aws:iam::{ACCOUNT}:role/serving --primary-container {data}")
    assert sagemaker("describe-model --model-name m")["ModelArn"] == f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model/m"
    assert len(sagemaker("list-models")["Models"]) == 1
    # A machine that no test host has: the endpoint fails and says why.
    sagemaker("create-endpoint-config --endpoint-config-name c "
              "--production-variants VariantName=all,ModelName=m,InstanceType=ml.p5.48xlarge,InitialInstanceCount=1")
    assert sagemaker("describe-endpoint-config --endpoint-config-name c")["ProductionVariants"][0]["ModelName"] == "m"
    assert len(sagemaker("list-endpoint-configs")["EndpointConfigs"]) == 1
    sagemaker("create-endpoint --endpoint-name e --endpoint-config-name c")
    wait_for(lambda: sagemaker("describe-endpoint --endpoint-name e")["EndpointStatus"] == "Failed")
    assert len(sagemaker("list-endpoints")["Endpoints"]) == 1
    sagemaker("delete-endpoint --endpoint-name e")
    sagemaker("delete-endpoint-config --endpoint-config-name c")
    sagemaker("delete-model --model-name m")
    assert aws.refused("sagemaker", "describe-model --model-name m") == "ValidationException"


def calls_of_sagemaker_runtime(aws, tmp_path):
    question, answer = tmp_path / "question.json", tmp_path / "answer.json"
    question.write_text(json.dumps({"messages": [{"role": "user", "content": "hello"}], "max_tokens": 4, "temperature": 0}))
    told = aws("sagemaker-runtime", f"invoke-endpoint --endpoint-name tiny --content-type application/json --body fileb://{question} {answer}")
    assert told["InvokedProductionVariant"] == "all"
    assert json.loads(answer.read_text())["usage"]["completion_tokens"] > 0
    question.write_text("not json")
    refused = f"invoke-endpoint --endpoint-name tiny --body fileb://{question} {answer}"
    assert aws.refused("sagemaker-runtime", refused) == "ModelError"
    assert aws.refused("sagemaker-runtime", refused.replace("tiny", "none")) == "ValidationError"


def calls_of_ec2(aws, tmp_path):
    def ec2(command):
        return aws("ec2", command)

    assert ec2("describe-regions")["Regions"][0]["RegionName"] == "us-east-1"
    assert len(ec2("describe-availability-zones")["AvailabilityZones"]) == 3
    vpc = ec2("describe-vpcs --filters Name=is-default,Values=true")["Vpcs"][0]["VpcId"]
    assert ec2(f"describe-vpc-attribute --vpc-id {vpc} --attribute enableDnsHostnames")["EnableDnsHostnames"]["Value"] is True
    subnet = ec2(f"describe-subnets --filters Name=vpc-id,Values={vpc}")["Subnets"][0]["SubnetId"]
    image = ec2("describe-images --owners self")["Images"][0]["ImageId"]
    assert ec2("describe-instance-types --instance-types g5.xlarge")["InstanceTypes"][0]["GpuInfo"]["Gpus"][0]["Name"] == "A10G"
    assert "t3.micro" in {offer["InstanceType"] for offer in ec2("describe-instance-type-offerings")["InstanceTypeOfferings"]}

    root = tmp_path / "root.tar"
    root.write_bytes(tar_of(files=[("bin/sh", b"x" * (64 << 20), 0o755)]))
    aws("s3api", "create-bucket --bucket uploads")
    aws("s3api", f"put-object --bucket uploads --key root.tar --body {root}")
    disk = "--disk-containers UserBucket={S3Bucket=uploads,S3Key=root.tar}"
    task, waiting = (ec2(f"import-image {disk}")["ImportTaskId"] for _ in range(2))
    assert ec2(f"cancel-import-task --import-task-id {waiting}")["State"] == "deleting"
    imported = f"describe-import-image-tasks --import-task-ids {task}"
    wait_for(lambda: ec2(imported)["ImportImageTasks"][0]["Status"] == "completed")
    ec2(f"deregister-image --image-id {ec2(imported)['ImportImageTasks'][0]['ImageId']}")
    registered = ec2("register-image --name tiny --image-location uploads/root.tar")["ImageId"]
    wait_for(lambda: ec2(f"describe-images --image-ids {registered}")["Images"][0]["State"] == "available")

    assert "PRIVATE KEY" in ec2("create-key-pair --key-name laptop --key-type ed25519")["KeyMaterial"]
    public = tmp_path / "key.pub"
    public.write_text(ec2("describe-key-pairs --key-names laptop --include-public-key")["KeyPairs"][0]["PublicKey"])
    ec2(f"import-key-pair --key-name copy --public-key-material fileb://{public}")
    fingerprints = {key["KeyFingerprint"] for key in ec2("describe-key-pairs")["KeyPairs"]}
    assert len(fingerprints) == 1

    group = ec2("create-security-group --group-name web --description web")["GroupId"]
    ec2(f"authorize-security-group-ingress --group-id {group} --protocol tcp --port 80 --cidr 10.0.0.0/8")
    ec2(f"authorize-security-group-egress --group-id {group} --protocol tcp --port 443 --cidr 0.0.0.0/0")
    rules = ec2(f"describe-security-group-rules --filters Name=group-id,Values={group}")["SecurityGroupRules"]
    assert len(rules) == 3
    ec2(f"revoke-security-group-ingress --group-id {group} --protocol tcp --port 80 --cidr 10.0.0.0/8")
    ec2(f"revoke-security-group-egress --group-id {group} --protocol tcp --port 443 --cidr 0.0.0.0/0")
    assert ec2(f"describe-security-groups --group-ids {group}")["SecurityGroups"][0]["IpPermissions"] == []

    script = tmp_path / "user-data"
    script.write_text("#!/bin/sh\necho hello\n")
    launched = ec2(f"run-instances --image-id {image} --instance-type t3.nano --key-name laptop --security-group-ids {group} "
                   f"--subnet-id {subnet} --user-data file://{script} --tag-specifications ResourceType=instance,Tags=[{{Key=Name,Value=cli}}]")
    instance = launched["Instances"][0]["InstanceId"]

    def state():
        found = ec2(f"describe-instances --filters Name=tag:Name,Values=cli Name=instance-id,Values={instance}")
        return found["Reservations"][0]["Instances"][0]["State"]["Name"]
    wait_for(lambda: state() == "running")
    assert ec2(f"describe-instance-status --instance-ids {instance}")["InstanceStatuses"][0]["InstanceState"]["Name"] == "running"
    wait_for(lambda: "hello" in ec2(f"get-console-output --instance-id {instance} --latest")["Output"])
    assert ec2("describe-volumes")["Volumes"][0]["Attachments"][0]["InstanceId"] == instance
    assert ec2(f"describe-network-interfaces --filters Name=group-id,Values={group}")["NetworkInterfaces"][0]["Attachment"]["InstanceId"] == instance
    assert ec2(f"describe-instance-credit-specifications --instance-ids {instance}")["InstanceCreditSpecifications"][0]["CpuCredits"] == "unlimited"
    assert ec2(f"monitor-instances --instance-ids {instance}")["InstanceMonitorings"][0]["Monitoring"]["State"] == "enabled"
    ec2(f"unmonitor-instances --instance-ids {instance}")
    ec2(f"create-tags --resources {instance} --tags Key=team,Value=llm")
    assert len(ec2(f"describe-tags --filters Name=resource-id,Values={instance}")["Tags"]) == 2
    ec2(f"delete-tags --resources {instance} --tags Key=team")
    ec2(f"reboot-instances --instance-ids {instance}")
    ec2(f"stop-instances --instance-ids {instance}")
    wait_for(lambda: state() == "stopped")
    assert ec2(f"describe-instance-attribute --instance-id {instance} --attribute instanceType")["InstanceType"]["Value"] == "t3.nano"
    ec2(f"start-instances --instance-ids {instance}")
    wait_for(lambda: state() == "running")
    assert aws.refused("ec2", f"delete-security-group --group-id {group}") == "DependencyViolation"
    ec2(f"terminate-instances --instance-ids {instance}")
    wait_for(lambda: state() == "terminated")
    ec2(f"delete-security-group --group-id {group}")
    ec2("delete-key-pair --key-name copy")
    assert aws.refused("ec2", "describe-instances --instance-ids i-0123456789abcdef0") == "InvalidInstanceID.NotFound"
    # At the end: after it, this aws-cli does no other ec2 command in the same process.
    ec2(f"modify-instance-attribute --instance-id {instance} --no-disable-api-termination")


@pytest.mark.parametrize("service", COVERED)
def test_every_served_operation(hearth, aws, service, tmp_path):
    if service in NEED_INSTANCES:
        skip_without_instances(hearth)
    globals()[f"calls_of_{service.replace('-', '_')}"](aws, tmp_path)
    command_of = {"s3": "s3api"}.get(service, service)
    called = {command for name, command in aws.called if name == command_of}
    untried = {operation for operation in served(service) - NOT_IN_AWS_CLI - NEVER_SUCCEED if xform_name(operation, "-") not in called}
    assert not untried, f"calls_of_{service} makes no successful call of these served operations: {sorted(untried)}"
