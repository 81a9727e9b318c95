"""What the server says it serves (models/*.json), for the tests that fail when an operation has no test."""
import json
import pathlib

MODELS = pathlib.Path(__file__).resolve().parents[2] / "models"

# Services whose operations are all tried with boto3, aws-cli and the SDK for JavaScript.
COVERED = ["s3", "iam", "sts", "sns", "cloudwatch", "logs", "sagemaker", "sagemaker-runtime", "ec2"]
# Those of them whose operations succeed only where instances can run.
NEED_INSTANCES = {"ec2", "sagemaker-runtime"}


def served(service):
    """The names of the operations of a service, as in the official model."""
    return set(json.loads((MODELS / f"{service}.json").read_text()).get("operations", {}))


def services_with_operations():
    return {path.stem for path in MODELS.glob("*.json") if served(path.stem)}

# What they read cannot be configured, and AWS's word for "not configured" is an error (test_s3_buckets.py looks at it).
NEVER_SUCCEED = {"GetBucketCors", "GetBucketEncryption", "GetBucketLifecycleConfiguration", "GetBucketReplication", "GetBucketWebsite",
                 "GetObjectLockConfiguration", "GetPublicAccessBlock"}
