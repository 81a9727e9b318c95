"""EC2 with real instances: what a user sees of a machine from its launch to its end. Skipped, loudly, where this host cannot run one."""
import contextlib
import signal
import time

import pytest
from conftest import document, error_code, wait_for
from conformance.instances import host_image, skip_without_instances

CONSOLE = "/hearth/ec2/console"


class Machines:
    """Launches instances and reads what they say."""

    def __init__(self, server):
        self.server = server
        self.ec2, self.logs = server.client("ec2"), server.client("logs")
        self.image = host_image(self.ec2)

    def launch(self, script="", instance_type="t3.small", **options):
        answer = self.ec2.run_instances(ImageId=self.image, InstanceType=instance_type, MinCount=1, MaxCount=1,
                                        UserData="#!/bin/bash\n" + script, **options)
        return answer["Instances"][0]["InstanceId"]

    def see(self, instance):
        return self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]

    def state(self, instance):
        return self.see(instance)["State"]["Name"]

    def lines(self, instance):
        """Every console line in Logs."""
        with contextlib.suppress(self.logs.exceptions.ResourceNotFoundException):
            pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=CONSOLE, logStreamNames=[instance])
            return [event["message"] for page in pages for event in page["events"]]
        return []

    def says(self, instance, text):
        try:
            return wait_for(lambda: any(text in line for line in self.lines(instance)) and self.lines(instance), 60)
        except AssertionError:
            pytest.fail(f"the console never said {text!r}; state {self.see(instance)['State']}, console: {self.lines(instance)}")


@pytest.fixture
def machines(hearth):
    skip_without_instances(hearth)
    found = Machines(hearth)
    code, _ = error_code(found.ec2.run_instances, ImageId=found.image, InstanceType="t3.small", MinCount=1, MaxCount=1, DryRun=True)
    assert code == "DryRunOperation"
    yield found
    hearth.reset()  # nothing runs on after the test


def test_from_launch_to_termination(machines):
    instance = machines.launch("echo hello from $(hostname)", TagSpecifications=[
        {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "first"}]}])
    assert machines.state(instance) in ("pending", "running")
    machines.ec2.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})
    seen = machines.see(instance)
    host = "ip-" + seen["PrivateIpAddress"].replace(".", "-")
    machines.says(instance, f"hello from {host}")
    assert seen["Tags"] == [{"Key": "Name", "Value": "first"}] and seen["Placement"]["AvailabilityZone"] == "us-east-1a"
    assert machines.ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"][0]["InstanceStatus"]["Status"] == "ok"
    assert f"hello from {host}" in machines.ec2.get_console_output(InstanceId=instance, Latest=True)["Output"]

    change = machines.ec2.terminate_instances(InstanceIds=[instance])["TerminatingInstances"][0]
    assert change["CurrentState"]["Name"] == "shutting-down"
    wait_for(lambda: machines.state(instance) == "terminated", 60)
    assert machines.see(instance)["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert not list((machines.server.data / "instances").glob("i-*")), "a terminated instance leaves nothing on the disk"


def test_files_live_through_stop_and_start_and_user_data_runs_once(machines):
    instance = machines.launch("echo kept > /root/file; echo written")
    machines.says(instance, "written")
    machines.ec2.stop_instances(InstanceIds=[instance])
    wait_for(lambda: machines.state(instance) == "stopped", 60)
    assert error_code(machines.ec2.reboot_instances, InstanceIds=[instance])[0] == "IncorrectInstanceState"
    machines.ec2.modify_instance_attribute(InstanceId=instance, DisableApiStop={"Value": True})
    assert machines.ec2.describe_instance_attribute(InstanceId=instance, Attribute="disableApiStop")["DisableApiStop"] == {"Value": True}
    machines.ec2.start_instances(InstanceIds=[instance])
    wait_for(lambda: machines.state(instance) == "running", 60)
    wait_for(lambda: sum("booted" in line for line in machines.lines(instance)) == 2, 60)
    machines.ec2.reboot_instances(InstanceIds=[instance])
    wait_for(lambda: sum("booted" in line for line in machines.lines(instance)) == 3, 60)
    assert sum("written" in line for line in machines.lines(instance)) == 1
    assert (machines.server.data / "instances" / instance / "root/root/file").read_text() == "kept\n"


def test_shutdown_from_inside_ends_as_asked(machines):
    stays = machines.launch("shutdown -h now")
    goes = machines.launch("poweroff", InstanceInitiatedShutdownBehavior="terminate")
    wait_for(lambda: machines.state(stays) == "stopped" and machines.state(goes) == "terminated", 60)
    assert machines.see(stays)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_a_role_reaches_the_instance_through_metadata_and_holds_what_it_allows(machines):
    iam, s3 = machines.server.client("iam"), machines.server.client("s3")
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument=document(
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}))
    iam.put_role_policy(RoleName="worker", PolicyName="data", PolicyDocument=document(
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::data/*"}))
    iam.create_instance_profile(InstanceProfileName="worker")
    iam.add_role_to_instance_profile(InstanceProfileName="worker", RoleName="worker")
    s3.create_bucket(Bucket="data")
    s3.put_object(Bucket="data", Key="in", Body=b"from the dataset")
    s3.create_bucket(Bucket="prod")

    # The instance has curl but no SDK: curl signs with what metadata gave.
    instance = machines.launch("""
token=$(curl -sf -X PUT http://169.254.169.254/latest/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds: 60')
get() { curl -sf -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/$1"; }
echo "id $(get meta-data/instance-id) role $(get meta-data/iam/security-credentials/)"
echo "v1 $(curl -s -o /dev/null -w '%{http_code}' http://169.254.169.254/latest/meta-data/)"
echo "forwarded $(curl -s -o /dev/null -w '%{http_code}' -X PUT -H 'X-Forwarded-For: 1.2.3.4' -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)"
keys=$(get meta-data/iam/security-credentials/worker)
field() { printf '%s' "$keys" | sed -n "s/.*\\"$1\\" *: *\\"\\([^\\"]*\\)\\".*/\\1/p"; }
call() { curl -s --aws-sigv4 "aws:amz:$AWS_REGION:s3" --user "$(field AccessKeyId):$(field SecretAccessKey)" -H "x-amz-security-token: $(field Token)" "$@"; }
echo "read $(call $AWS_ENDPOINT_URL/data/in)"
echo "wrote $(call -o /dev/null -w '%{http_code}' -T /etc/hostname -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' $AWS_ENDPOINT_URL/data/out)"
echo "prod $(call -o /dev/null -w '%{http_code}' $AWS_ENDPOINT_URL/prod/x)"
echo end of calls""", IamInstanceProfile={"Name": "worker"}, MetadataOptions={"HttpTokens": "required"})
    lines = machines.says(instance, "end of calls")
    assert f"id {instance} role worker" in lines
    assert "v1 401" in lines and "forwarded 403" in lines
    assert "read from the dataset" in lines and "prod 403" in lines, lines


def test_pass_role_is_needed_to_give_a_machine_a_role(machines):
    iam = machines.server.client("iam")
    iam.create_role(RoleName="boss", AssumeRolePolicyDocument=document(
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}))
    iam.create_instance_profile(InstanceProfileName="boss")
    iam.add_role_to_instance_profile(InstanceProfileName="boss", RoleName="boss")
    iam.create_user(UserName="dev")
    iam.put_user_policy(UserName="dev", PolicyName="ec2", PolicyDocument=document({"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}))
    key = iam.create_access_key(UserName="dev")["AccessKey"]
    dev = machines.server.client("ec2", key["AccessKeyId"], key["SecretAccessKey"])
    wanted = dict(ImageId=machines.image, InstanceType="t3.nano", MinCount=1, MaxCount=1)
    assert error_code(dev.run_instances, **wanted, DryRun=True)[0] == "DryRunOperation"
    assert error_code(dev.run_instances, **wanted, IamInstanceProfile={"Name": "boss"}) == ("UnauthorizedOperation", 403)


def test_security_groups_hold_between_instances_and_change_at_once(machines):
    server_group = machines.ec2.create_security_group(GroupName="server", Description="d")["GroupId"]
    client_group = machines.ec2.create_security_group(GroupName="client", Description="d")["GroupId"]
    server = machines.launch("cd /tmp; python3 -m http.server 8000 & until curl -s -o /dev/null localhost:8000; do sleep 0.1; done; echo serving", SecurityGroupIds=[server_group])
    machines.says(server, "serving")
    address = machines.see(server)["PrivateIpAddress"]
    client = machines.launch(f"while :; do curl -s -o /dev/null -m 1 http://{address}:8000/ && echo reached || echo blocked; sleep 0.3; done",
                             SecurityGroupIds=[client_group])
    machines.says(client, "blocked")
    machines.ec2.authorize_security_group_ingress(GroupId=server_group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 8000, "ToPort": 8000, "UserIdGroupPairs": [{"GroupId": client_group}]}])
    machines.says(client, "reached")
    assert error_code(machines.ec2.delete_security_group, GroupId=server_group)[0] == "DependencyViolation"


def test_instances_are_measured(machines):
    instance = machines.launch("while :; do :; done &\nwhile :; do dd if=/dev/zero of=/file bs=1M count=4 conv=fsync 2>/dev/null; sleep 0.3; done", "t3.small")
    cloudwatch = machines.server.client("cloudwatch")

    def busiest(metric):
        now = time.time()
        points = cloudwatch.get_metric_statistics(Namespace="AWS/EC2", MetricName=metric, Period=60, Statistics=["Maximum"],
                                                  Dimensions=[{"Name": "InstanceId", "Value": instance}], StartTime=now - 600, EndTime=now + 60)
        return max((point["Maximum"] for point in points["Datapoints"]), default=0)
    wait_for(lambda: busiest("CPUUtilization") > 10, 60)
    wait_for(lambda: busiest("EBSWriteBytes") > 1 << 20, 60)
    names = {metric["MetricName"] for metric in cloudwatch.list_metrics(Dimensions=[{"Name": "InstanceId", "Value": instance}])["Metrics"]}
    assert {"CPUUtilization", "NetworkIn", "NetworkOut", "DiskReadBytes", "DiskWriteBytes", "EBSReadBytes", "EBSWriteOps", "StatusCheckFailed",
            "mem_used_percent", "disk_used_percent"} <= names


def test_user_data_that_is_no_script_is_not_run_and_says_so(machines):
    """There is no cloud-init here: what it would do with this is not pretended."""
    text = "#cloud-config\nruncmd: [touch /ran]\n"
    instance = machines.ec2.run_instances(ImageId=machines.image, InstanceType="t3.nano", MinCount=1, MaxCount=1, UserData=text)["Instances"][0]["InstanceId"]
    machines.says(instance, "does not begin with #!")
    assert not (machines.server.data / "instances" / instance / "root/ran").exists()


def test_what_is_shown_of_monitoring_and_credits_is_what_was_asked(machines):
    instance = machines.launch("sleep 1", "t3.nano", CreditSpecification={"CpuCredits": "unlimited"}, EbsOptimized=True)
    seen = machines.see(instance)
    assert seen["EbsOptimized"] is True and seen["Monitoring"] == {"State": "disabled"}
    assert machines.ec2.monitor_instances(InstanceIds=[instance])["InstanceMonitorings"][0]["Monitoring"] == {"State": "enabled"}
    assert machines.see(instance)["Monitoring"] == {"State": "enabled"}
    assert machines.ec2.unmonitor_instances(InstanceIds=[instance])["InstanceMonitorings"][0]["Monitoring"] == {"State": "disabled"}
    credit, = machines.ec2.describe_instance_credit_specifications(InstanceIds=[instance])["InstanceCreditSpecifications"]
    assert credit == {"InstanceId": instance, "CpuCredits": "unlimited"}
    wanted = [{"Name": "attachment.instance-id", "Values": [instance]}]
    interface, = machines.ec2.describe_network_interfaces(Filters=wanted)["NetworkInterfaces"]
    assert interface["PrivateIpAddress"] == seen["PrivateIpAddress"] and interface["Groups"] == seen["SecurityGroups"]
    assert error_code(machines.ec2.describe_network_interfaces, NetworkInterfaceIds=["eni-0123456789abcdef0"]) == ("InvalidNetworkInterfaceID.NotFound", 400)
    code, _ = error_code(machines.ec2.run_instances, ImageId=machines.image, InstanceType="t3.nano", MinCount=1, MaxCount=1,
                         CpuOptions={"CoreCount": 1, "ThreadsPerCore": 1})
    assert code == "Unsupported"


def test_the_same_client_token_is_the_same_launch(machines):
    wanted = dict(ImageId=machines.image, InstanceType="t3.nano", MinCount=1, MaxCount=1, ClientToken="once")
    first = machines.ec2.run_instances(**wanted)
    assert machines.ec2.run_instances(**wanted)["Instances"][0]["InstanceId"] == first["Instances"][0]["InstanceId"]
    wanted["InstanceType"] = "t3.micro"
    assert error_code(machines.ec2.run_instances, **wanted)[0] == "IdempotentParameterMismatch"


def test_what_the_host_has_not_is_not_promised(machines):
    code, status = error_code(machines.ec2.run_instances, ImageId=machines.image, InstanceType="p5.48xlarge", MinCount=1, MaxCount=1)
    assert (code, status) == ("InsufficientInstanceCapacity", 500)


def test_instances_outlive_the_server(own_hearth):
    """kill -9 of the server: the machine runs on, and the next server knows it, its console and its door."""
    own_hearth.start()
    machines = Machines(own_hearth)
    skip_without_instances(own_hearth)
    instance = machines.launch("""echo up; while :; do
echo "tick $(curl -s -m 2 -o /dev/null -w '%{http_code}' http://169.254.169.254/latest/meta-data/instance-id)"; sleep 0.2; done""", "t3.nano")
    try:
        machines.says(instance, "tick 200")
        own_hearth.stop(signal.SIGKILL)
        # While nobody serves, the machine goes on, and its console is kept.
        console = own_hearth.data / "instances" / instance / "console.log"
        wait_for(lambda: "tick 000" in console.read_text(), 60)
        own_hearth.start()
        machines = Machines(own_hearth)
        assert machines.state(instance) == "running"
        wait_for(lambda: machines.lines(instance)[-1] == "tick 200" and any(line == "tick 000" for line in machines.lines(instance)), 60)
        # Lines may come twice after a crash, never not at all; the console itself says how often the machine booted.
        console = machines.ec2.get_console_output(InstanceId=instance, Latest=True)["Output"]
        assert console.count("booted") == 1, "it was started again"
    finally:
        own_hearth.reset()
