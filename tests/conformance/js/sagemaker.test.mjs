// SageMaker with the SDK for JavaScript: models, endpoint configurations and endpoints (of a machine no test host has).
import assert from "node:assert/strict";
import { before, test } from "node:test";

import { account, client, policy, refused, until } from "./sdk.mjs";

const sagemaker = client("sagemaker");
const names = { ModelName: "llama", EndpointConfigName: "one-gpu", EndpointName: "chat" };
const arn = (resource) => `arn:aws:sagemaker:us-east-1:${account}:${resource}`;
const S3DataSource = { S3Uri: "s3://models/llama/", S3DataType: "S3Prefix", CompressionType: "None" };

before(async () => {
  const AssumeRolePolicyDocument = policy({ Effect: "Allow", Principal: { Service: "sagemaker.amazonaws.com" }, Action: "sts:AssumeRole" });
  await client("iam").CreateRole({ RoleName: "serving", AssumeRolePolicyDocument });
});

test("from a model to an endpoint and back", async () => {
  const { ModelName, EndpointConfigName, EndpointName } = names;
  const model = await sagemaker.CreateModel({ ModelName, ExecutionRoleArn: `arn:aws:iam::${account}:role/serving`, PrimaryContainer: { ModelDataSource: { S3DataSource } } });
  assert.equal(model.ModelArn, arn(`model/${ModelName}`));
  assert.deepEqual((await sagemaker.DescribeModel({ ModelName })).PrimaryContainer.ModelDataSource, { S3DataSource });
  assert.deepEqual((await sagemaker.ListModels()).Models.map((found) => found.ModelName), [ModelName]);

  const variant = { VariantName: "all", ModelName, InstanceType: "ml.p5.48xlarge", InitialInstanceCount: 1 };
  await sagemaker.CreateEndpointConfig({ EndpointConfigName, ProductionVariants: [variant] });
  assert.equal((await sagemaker.DescribeEndpointConfig({ EndpointConfigName })).ProductionVariants[0].ModelName, ModelName);
  assert.deepEqual((await sagemaker.ListEndpointConfigs()).EndpointConfigs.map((found) => found.EndpointConfigName), [EndpointConfigName]);

  await sagemaker.CreateEndpoint({ EndpointName, EndpointConfigName });
  const endpoint = await until(async () => {
    const found = await sagemaker.DescribeEndpoint({ EndpointName });
    return found.EndpointStatus !== "Creating" && found;
  });
  assert.equal(endpoint.EndpointStatus, "Failed");
  assert.match(endpoint.FailureReason, /Unable to provision/);
  await sagemaker.DeleteEndpoint({ EndpointName });
  await until(async () => (await sagemaker.ListEndpoints()).Endpoints.length === 0);
  await sagemaker.DeleteEndpointConfig({ EndpointConfigName });
  await sagemaker.DeleteModel({ ModelName });
  await refused(sagemaker.DescribeModel({ ModelName }), "ValidationException", 400);
});
