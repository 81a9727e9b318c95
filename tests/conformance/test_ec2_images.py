"""Images that users bring: from an object in S3 to a machine that boots from it."""
import gzip
import os
import signal

import pytest
from conftest import Hearth, document, error_code, wait_for
from conformance.instances import skip_without_instances
from conformance.root_images import BUSYBOX, busybox_root, oci_archive, tar_of

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="IMAGES CANNOT BE UNPACKED HERE: not root"),
    pytest.mark.skipif(not BUSYBOX.exists(), reason="IMAGES CANNOT BE MADE HERE: busybox-static is not installed"),
]


class Images:
    """Uploads archives, imports them and boots machines from them."""

    def __init__(self, server):
        self.server = server
        self.ec2, self.s3 = server.client("ec2"), server.client("s3")
        self.s3.create_bucket(Bucket="uploads")

    def upload(self, key, content):
        self.s3.put_object(Bucket="uploads", Key=key, Body=content)

    def begin(self, key, **options):
        return self.ec2.import_image(DiskContainers=[{"UserBucket": {"S3Bucket": "uploads", "S3Key": key}}], **options)["ImportTaskId"]

    def task(self, task):
        return self.ec2.describe_import_image_tasks(ImportTaskIds=[task])["ImportImageTasks"][0]

    def ended(self, task):
        return wait_for(lambda: (seen := self.task(task))["Status"] in ("completed", "deleted") and seen, 60)

    def image(self, key, content):
        self.upload(key, content)
        seen = self.ended(self.begin(key))
        assert seen["Status"] == "completed", seen
        return seen["ImageId"]

    def boot(self, image, script):
        """What a machine of the image says, once it has said "end"."""
        instance = self.ec2.run_instances(ImageId=image, InstanceType="t3.nano", MinCount=1, MaxCount=1,
                                          UserData="#!/bin/sh\n" + script + "\necho end\n")["Instances"][0]["InstanceId"]

        def said():
            output = self.ec2.get_console_output(InstanceId=instance, Latest=True).get("Output", "")
            return "end" in output.split() and output
        return instance, wait_for(said, 60)


@pytest.fixture
def images(hearth):
    yield Images(hearth)
    hearth.reset()


def test_a_root_tarball_boots(images):
    skip_without_instances(images.server)
    image = images.image("root.tar.gz", gzip.compress(busybox_root("tiny 1.0"), 1))
    described = images.ec2.describe_images(ImageIds=[image])["Images"][0]
    assert (described["State"], described["Architecture"], described["Public"]) == ("available", "x86_64", False)
    instance, said = images.boot(image, "cat /etc/release; ls /usr/bin/python3 2>&1; id -u; echo on $(hostname); cat /etc/hostname >/root/kept")
    assert "tiny 1.0" in said and "No such file" in said and "on ip-" in said, said
    assert images.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["ImageId"] == image

    # What an instance writes is its own: the next one starts from the image as it was.
    _, said = images.boot(image, "ls /root")
    assert "kept" not in said

    # Deregistered, it stays for the instances that stand on it; the last one takes it along.
    folder = images.server.data / "images" / image
    images.ec2.deregister_image(ImageId=image)
    assert error_code(images.ec2.run_instances, ImageId=image, MinCount=1, MaxCount=1)[0] == "InvalidAMIID.NotFound"
    assert (folder / "root/bin/busybox").exists()


def test_a_container_image_of_two_layers_boots(images):
    skip_without_instances(images.server)
    upper = tar_of(files=[("etc/.wh.release", b"", 0o644), ("opt/tools/hello", b"#!/bin/sh\necho hello from the upper layer\n", 0o755)])
    image = images.image("image.tar", oci_archive([busybox_root(), upper], ["PATH=/opt/tools:/bin", "MODEL=/models/tiny"]))
    _, said = images.boot(image, "hello; echo model=$MODEL region=$AWS_REGION; ls /etc/release 2>&1")
    assert "hello from the upper layer" in said and "model=/models/tiny region=us-east-1" in said and "No such file" in said, said


def test_a_registered_image_is_pending_first(images):
    images.upload("root.tar", busybox_root())
    image = images.ec2.register_image(Name="tiny", ImageLocation="uploads/root.tar", TagSpecifications=[
        {"ResourceType": "image", "Tags": [{"Key": "team", "Value": "a"}]}])["ImageId"]
    images.ec2.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig={"Delay": 1})
    found = images.ec2.describe_images(Filters=[{"Name": "tag:team", "Values": ["a"]}])["Images"]
    assert [(each["ImageId"], each["Name"]) for each in found] == [(image, "tiny")]
    assert error_code(images.ec2.register_image, Name="tiny", ImageLocation="uploads/root.tar")[0] == "InvalidAMIName.Duplicate"
    assert images.ec2.deregister_image(ImageId=image)["Return"] is True
    wait_for(lambda: not list((images.server.data / "images").iterdir()), 30)


def test_the_object_is_read_in_the_callers_name(images):
    images.upload("root.tar", busybox_root())
    iam = images.server.client("iam")
    iam.create_user(UserName="dev")
    iam.put_user_policy(UserName="dev", PolicyName="ec2", PolicyDocument=document({"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}))
    key = iam.create_access_key(UserName="dev")["AccessKey"]
    dev = images.server.client("ec2", key["AccessKeyId"], key["SecretAccessKey"])
    wanted = {"DiskContainers": [{"Url": "s3://uploads/root.tar"}], "DryRun": True}
    assert error_code(dev.import_image, **wanted) == ("UnauthorizedOperation", 403)
    iam.put_user_policy(UserName="dev", PolicyName="s3", PolicyDocument=document(
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::uploads/*"}))
    assert error_code(dev.import_image, **wanted)[0] == "DryRunOperation"


def test_what_is_wrong_with_an_archive_is_told(images):
    for key, content, reason in [
        ("text", b"no archive at all\n" * 100, "cannot be read as tar"),
        ("shell-less", tar_of(files=[("etc/name", b"x", 0o644)]), "no /bin/sh"),
        ("climber", tar_of(files=[("../../etc/cron.d/planted", b"x", 0o644)]), "outside of its root"),
        ("cut", busybox_root()[:100_000], "cannot be read as tar"),
    ]:
        images.upload(key, content)
        seen = images.ended(images.begin(key))
        assert seen["Status"] == "deleted" and reason in seen["StatusMessage"] and "ImageId" not in seen, seen
    assert error_code(images.begin, "nobody")[0] == "InvalidParameterValue"
    assert not list((images.server.data / "images").iterdir())


def test_an_import_is_cancelled(images):
    images.upload("large.tar", tar_of(files=[("bin/sh", b"x" * (64 << 20), 0o755)]))
    busy = images.begin("large.tar")
    waiting = images.begin("large.tar", Description="not wanted")
    cancelled = images.ec2.cancel_import_task(ImportTaskId=waiting, CancelReason="a mistake")
    assert (cancelled["ImportTaskId"], cancelled["PreviousState"], cancelled["State"]) == (waiting, "active", "deleting")
    assert images.ended(waiting)["Status"] == "deleted"
    assert images.ended(busy)["Status"] == "completed"


def test_an_import_that_a_crash_cut_off_begins_again():
    server = Hearth(test_mode=False).start()
    try:
        images = Images(server)
        images.upload("large.tar", tar_of(files=[("bin/sh", b"x" * (128 << 20), 0o755)]))
        task = images.begin("large.tar")
        wait_for(lambda: list((server.data / "images").glob("importing-*")), 30)
        server.stop(signal.SIGKILL)
        server.start()
        seen = Images.ended(images, task)
        assert seen["Status"] == "completed", seen
        assert [path.name for path in (server.data / "images").iterdir()] == [seen["ImageId"]]
    finally:
        server.cleanup()
