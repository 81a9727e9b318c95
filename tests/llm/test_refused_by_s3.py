"""What hearth-train and hearth-infer say when S3 does not let them: what S3 said, and before any work is done."""
import json
import subprocess

import pytest
from conftest import BINARY, document

TRAIN, INFER = BINARY.parent / "hearth-train", BINARY.parent / "hearth-infer"
SMALL = ["--hidden-size", "16", "--layers", "1", "--heads", "2", "--kv-heads", "1", "--vocab-size", "280", "--context", "16", "--steps", "1"]


@pytest.fixture
def as_user(hearth, tmp_path):
    """Runs a program as a user who may do these actions on S3, and no other."""
    hearth.client("s3").create_bucket(Bucket="data")
    lines = "".join(json.dumps({"text": "the quick brown fox jumps over the lazy dog"}) + "\n" for _ in range(50))
    hearth.client("s3").put_object(Bucket="data", Key="train.jsonl", Body=lines.encode())

    def run(*command, actions=()):
        iam = hearth.client("iam")
        iam.create_user(UserName="dev")
        if actions:
            iam.put_user_policy(UserName="dev", PolicyName="some", PolicyDocument=document({"Effect": "Allow", "Action": list(actions), "Resource": "*"}))
        key = iam.create_access_key(UserName="dev")["AccessKey"]
        environment = {"AWS_ENDPOINT_URL": hearth.url, "AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
                       "HOME": str(tmp_path)}
        return subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment, timeout=60)

    return run


def test_data_that_may_not_be_read(as_user):
    refused = as_user(TRAIN, "--train", "s3://data/train.jsonl", "--output", "s3://data/model", *SMALL)
    assert refused.returncode == 4
    assert "user/dev is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::data/train.jsonl" in refused.stderr


def test_an_output_that_may_not_be_written_is_told_before_the_first_step(as_user):
    refused = as_user(TRAIN, "--train", "s3://data/train.jsonl", "--output", "s3://data/model", *SMALL, actions=["s3:GetObject"])
    assert refused.returncode == 4
    assert "is not authorized to perform: s3:PutObject" in refused.stderr
    assert "Loss" not in refused.stdout


def test_a_model_that_may_not_be_read(as_user):
    refused = as_user(INFER, "--model", "s3://data/model", "--port", "0")
    assert refused.returncode == 1
    assert "is not authorized to perform: s3:" in refused.stderr


def test_a_bucket_that_is_not_there(as_user):
    refused = as_user(TRAIN, "--train", "s3://nowhere/train.jsonl", "--output", "s3://data/model", *SMALL, actions=["s3:*"])
    assert refused.returncode == 4
    assert "NoSuchBucket" in refused.stderr
