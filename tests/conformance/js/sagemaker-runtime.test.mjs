// SageMaker Runtime with the SDK for JavaScript, against the endpoint "tiny" that the caller has put in service.
import assert from "node:assert/strict";
import { test } from "node:test";

import { client, refused } from "./sdk.mjs";

const runtime = client("sagemaker-runtime");
const EndpointName = "tiny";
const ContentType = "application/json";
const question = { messages: [{ role: "user", content: "hello" }], max_tokens: 8, temperature: 0 };

test("a whole answer", async () => {
  const answer = await runtime.InvokeEndpoint({ EndpointName, ContentType, Body: JSON.stringify(question) });
  assert.equal(answer.InvokedProductionVariant, "all");
  assert.match(answer.ContentType, /^application\/json/);
  const body = JSON.parse(answer.Body.transformToString());
  assert.ok(body.usage.completion_tokens > 0);
});

test("an answer in pieces", async () => {
  const answer = await runtime.InvokeEndpointWithResponseStream({ EndpointName, ContentType, Body: JSON.stringify({ ...question, stream: true }) });
  assert.match(answer.ContentType, /^text\/event-stream/);
  const pieces = [];
  for await (const event of answer.Body) pieces.push(Buffer.from(event.PayloadPart.Bytes));
  assert.ok(pieces.length > 1, "it came in pieces");
  assert.ok(Buffer.concat(pieces).toString().trimEnd().endsWith("data: [DONE]"));
});

test("what a model and an endpoint that is not there answer", async () => {
  const error = await refused(runtime.InvokeEndpoint({ EndpointName, ContentType, Body: "not json" }), "ModelError", 424);
  assert.equal(error.OriginalStatusCode, 400);
  await refused(runtime.InvokeEndpoint({ EndpointName: "none", Body: "{}" }), "ValidationError", 400);
  await refused(runtime.InvokeEndpointWithResponseStream({ EndpointName: "none", Body: "{}" }), "ValidationError", 400);
});
