"""Whether this host can run instances; for tests that need real ones."""
import pytest
from botocore.exceptions import ClientError


def host_image(ec2):
    return ec2.describe_images(Owners=["self"])["Images"][0]["ImageId"]


def skip_without_instances(server):
    """Skips, loudly, where a launch says that instances cannot be isolated on this host."""
    ec2 = server.client("ec2")
    try:
        probe = ec2.run_instances(ImageId=host_image(ec2), InstanceType="t3.nano", MinCount=1, MaxCount=1)
    except ClientError as error:
        if error.response["Error"]["Code"] != "Unsupported":
            raise
        pytest.skip(f"INSTANCES CANNOT RUN HERE: {error.response['Error']['Message']}")
    ec2.terminate_instances(InstanceIds=[probe["Instances"][0]["InstanceId"]])
