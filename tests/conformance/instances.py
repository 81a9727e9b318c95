"""Whether this host can run instances; for tests that need real ones."""
import pytest
from botocore.exceptions import ClientError


def host_image(ec2):
    return ec2.describe_images(Owners=["self"])["Images"][0]["ImageId"]


def skip_without_instances(server, instance_type="t3.nano"):
    """Skips, loudly, where a launch says that this host cannot isolate instances, or has no room for one of this type."""
    ec2 = server.client("ec2")
    try:
        probe = ec2.run_instances(ImageId=host_image(ec2), InstanceType=instance_type, MinCount=1, MaxCount=1)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("Unsupported", "InsufficientInstanceCapacity"):
            raise
        pytest.skip(f"INSTANCES CANNOT RUN HERE: {error.response['Error']['Message']}")
    ec2.terminate_instances(InstanceIds=[probe["Instances"][0]["InstanceId"]])
