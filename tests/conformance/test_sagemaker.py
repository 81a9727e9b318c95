"""SageMaker's models, endpoint configurations and endpoints with boto3.

Endpoints here ask for a machine that no test host has, so each ends Failed, and says why; model calls are tested where machines are."""

import pytest
from conftest import ACCOUNT, document, error_code, wait_for

REFUSED = ("ValidationException", 400)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/serving"


def arn(resource):
    return f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:{resource}"


def weights(uri="s3://models/m/", **more):
    return {"Image": "hearth-infer", "ModelDataSource": {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None", **more}}}


def variant(**more):
    return {"VariantName": "all", "ModelName": "m", "InstanceType": "ml.p5.48xlarge", "InitialInstanceCount": 1, **more}


@pytest.fixture
def sagemaker(hearth):
    """A client, with a role that endpoints may use."""
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    hearth.client("iam").create_role(RoleName="serving", AssumeRolePolicyDocument=document(trust))
    return hearth.client("sagemaker")


def make_model(sagemaker, name="m", **more):
    return sagemaker.create_model(**{"ModelName": name, "ExecutionRoleArn": ROLE, "PrimaryContainer": weights(), **more})["ModelArn"]


def test_models(sagemaker):
    assert make_model(sagemaker) == arn("model/m")
    found = sagemaker.describe_model(ModelName="m")
    assert (found["ModelArn"], found["ExecutionRoleArn"]) == (arn("model/m"), ROLE)
    assert found["PrimaryContainer"]["ModelDataSource"] == weights()["ModelDataSource"]
    assert error_code(make_model, sagemaker) == REFUSED  # it exists
    assert error_code(make_model, sagemaker, "n", ExecutionRoleArn=ROLE + "-none") == REFUSED
    assert error_code(make_model, sagemaker, "n", PrimaryContainer={**weights(), "Image": "somebody/elses:1"}) == REFUSED
    assert error_code(make_model, sagemaker, "n", PrimaryContainer=weights("https://elsewhere/")) == REFUSED
    assert error_code(make_model, sagemaker, "not a name") == REFUSED
    sagemaker.delete_model(ModelName="m")
    assert error_code(sagemaker.describe_model, ModelName="m") == REFUSED
    assert error_code(sagemaker.delete_model, ModelName="m") == REFUSED


def test_endpoint_configurations(sagemaker):
    make_model(sagemaker)
    made = sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant()])
    assert made["EndpointConfigArn"] == arn("endpoint-config/c")
    found = sagemaker.describe_endpoint_config(EndpointConfigName="c")["ProductionVariants"]
    assert [(v["VariantName"], v["ModelName"], v["InstanceType"]) for v in found] == [("all", "m", "ml.p5.48xlarge")]
    create = sagemaker.create_endpoint_config
    assert error_code(create, EndpointConfigName="c", ProductionVariants=[variant()]) == REFUSED
    assert error_code(create, EndpointConfigName="d", ProductionVariants=[variant(ModelName="none")]) == REFUSED
    assert error_code(create, EndpointConfigName="d", ProductionVariants=[variant(), variant()]) == REFUSED
    sagemaker.delete_endpoint_config(EndpointConfigName="c")
    assert error_code(sagemaker.describe_endpoint_config, EndpointConfigName="c") == REFUSED
    assert error_code(sagemaker.delete_endpoint_config, EndpointConfigName="c") == REFUSED


def test_an_endpoint_without_a_machine_fails_and_says_why(hearth, sagemaker):
    make_model(sagemaker)
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant()])
    assert error_code(sagemaker.create_endpoint, EndpointName="e", EndpointConfigName="none") == REFUSED
    assert sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")["EndpointArn"] == arn("endpoint/e")
    assert error_code(sagemaker.create_endpoint, EndpointName="e", EndpointConfigName="c") == REFUSED

    def ended():
        found = sagemaker.describe_endpoint(EndpointName="e")
        return found if found["EndpointStatus"] != "Creating" else None

    endpoint = wait_for(ended)
    assert endpoint["EndpointStatus"] == "Failed" and "Unable to provision" in endpoint["FailureReason"]
    assert endpoint["EndpointConfigName"] == "c"
    runtime = hearth.client("sagemaker-runtime")
    for name in ("e", "none"):
        assert error_code(runtime.invoke_endpoint, EndpointName=name, Body=b"{}") == ("ValidationError", 400)
        assert error_code(runtime.invoke_endpoint_with_response_stream, EndpointName=name, Body=b"{}") == ("ValidationError", 400)
    sagemaker.delete_endpoint(EndpointName="e")
    wait_for(lambda: not sagemaker.list_endpoints()["Endpoints"])
    assert error_code(sagemaker.describe_endpoint, EndpointName="e") == REFUSED
    assert error_code(sagemaker.delete_endpoint, EndpointName="e") == REFUSED


def test_lists_filter_sort_and_have_pages(sagemaker):
    make_model(sagemaker)
    for n in range(5):
        make_model(sagemaker, f"model-{n}")
        sagemaker.create_endpoint_config(EndpointConfigName=f"config-{n}", ProductionVariants=[variant()])
        sagemaker.create_endpoint(EndpointName=f"endpoint-{n}", EndpointConfigName=f"config-{n}")
    for operation, member, name, contains in (("list_models", "Models", "ModelName", "model-"), ("list_endpoints", "Endpoints", "EndpointName", "endpoint-"),
                                              ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName", "config-")):
        pages = list(sagemaker.get_paginator(operation).paginate(NameContains=contains, SortBy="Name", SortOrder="Ascending", MaxResults=2))
        assert [item[name] for page in pages for item in page[member]] == [f"{contains}{n}" for n in range(5)]
        assert all(len(page[member]) <= 2 for page in pages)
        newest_first = getattr(sagemaker, operation)(NameContains=contains)[member]
        assert [item["CreationTime"] for item in newest_first] == sorted((item["CreationTime"] for item in newest_first), reverse=True)
        assert error_code(getattr(sagemaker, operation), NextToken="no token of ours") == REFUSED
