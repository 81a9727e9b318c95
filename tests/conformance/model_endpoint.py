"""A model in service, for tests that call one: a fixture to import. It takes a machine, so each file has one endpoint for all its tests."""
import pytest
from conftest import Hearth, document, wait_for
from conformance import tiny_model
from conformance.instances import skip_without_instances


@pytest.fixture(scope="module")
def served_model():
    """A server with the endpoint "tiny" in service; its data capture goes to the bucket "records"."""
    server = Hearth().start()
    try:
        skip_without_instances(server, "c5.large")
        s3, iam, sagemaker = (server.client(name) for name in ("s3", "iam", "sagemaker"))
        s3.create_bucket(Bucket="models")
        s3.create_bucket(Bucket="records")
        for name, body in tiny_model.files().items():
            s3.put_object(Bucket="models", Key=f"tiny/{name}", Body=body)
        trust = document({"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"})
        role = iam.create_role(RoleName="Serve", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        read = document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::models/*"},
                        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::models"})
        iam.put_role_policy(RoleName="Serve", PolicyName="read", PolicyDocument=read)
        sagemaker.create_model(ModelName="tiny", ExecutionRoleArn=role, PrimaryContainer={"ModelDataUrl": "s3://models/tiny/"})
        sagemaker.create_endpoint_config(
            EndpointConfigName="tiny",
            ProductionVariants=[{"VariantName": "all", "ModelName": "tiny", "InstanceType": "ml.c5.large", "InitialInstanceCount": 1}],
            DataCaptureConfig={"EnableCapture": True, "InitialSamplingPercentage": 100, "DestinationS3Uri": "s3://records/kept",
                               "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]})
        sagemaker.create_endpoint(EndpointName="tiny", EndpointConfigName="tiny")
        described = wait_for(lambda: (
            d := sagemaker.describe_endpoint(EndpointName="tiny"))["EndpointStatus"] != "Creating" and d, 120)
        assert described["EndpointStatus"] == "InService", described
        yield server
        sagemaker.delete_endpoint(EndpointName="tiny")
        wait_for(lambda: not sagemaker.list_endpoints()["Endpoints"], 120)
    finally:
        server.cleanup()
