"""What the server says it serves (models/*.json), for the tests that fail when an operation has no test."""
import json
import pathlib

MODELS = pathlib.Path(__file__).resolve().parents[2] / "models"

# Services whose operations are all tried with boto3, aws-cli and the SDK for JavaScript.
COVERED = ["s3", "iam", "sts", "sns", "cloudwatch", "logs", "sagemaker", "ec2"]
# Services that have operations in models/ and whose turn to be covered has not come. Nothing may hide here: every
# run shows each of them as a skipped test.
TO_COME = {
    "sagemaker-runtime": "a model call succeeds only where a machine runs a model; with boto3 that is test_model_gateway.py, errors are in test_sagemaker.py",
}


def served(service):
    """The names of the operations of a service, as in the official model."""
    return set(json.loads((MODELS / f"{service}.json").read_text()).get("operations", {}))


def services_with_operations():
    return {path.stem for path in MODELS.glob("*.json") if served(path.stem)}
