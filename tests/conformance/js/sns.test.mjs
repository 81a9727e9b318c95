// SNS with the SDK for JavaScript: topics, a subscriber on loopback, filtered delivery.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { account, all, client, refused, until } from "./sdk.mjs";

const sns = client("sns");
const received = [];
const subscriber = createServer((request, response) => {
  let body = "";
  request.on("data", (piece) => (body += piece));
  request.on("end", () => {
    received.push(JSON.parse(body));
    response.end();
  });
});
let endpoint;

before(async () => {
  await new Promise((resolve) => subscriber.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${subscriber.address().port}/`;
});
after(() => {
  subscriber.closeAllConnections();
  subscriber.close();
});

test("a topic has attributes and tags, and is found by pages", async () => {
  const { TopicArn } = await sns.CreateTopic({ Name: "alerts", Tags: [{ Key: "team", Value: "llm" }] });
  assert.equal(TopicArn, `arn:aws:sns:us-east-1:${account}:alerts`);
  await sns.SetTopicAttributes({ TopicArn, AttributeName: "DisplayName", AttributeValue: "Alerts" });
  assert.equal((await sns.GetTopicAttributes({ TopicArn })).Attributes.DisplayName, "Alerts");
  await sns.TagResource({ ResourceArn: TopicArn, Tags: [{ Key: "mood", Value: "calm" }] });
  await sns.UntagResource({ ResourceArn: TopicArn, TagKeys: ["team"] });
  assert.deepEqual((await sns.ListTagsForResource({ ResourceArn: TopicArn })).Tags, [{ Key: "mood", Value: "calm" }]);
  const topics = await all(sns.module.paginateListTopics({ client: sns.sdk }, {}), "Topics");
  assert.deepEqual(topics, [{ TopicArn }]);
  await sns.DeleteTopic({ TopicArn });
  await refused(sns.GetTopicAttributes({ TopicArn }), "NotFoundException", 404);
});

test("a confirmed subscriber gets what its filter lets through, until it unsubscribes", async () => {
  const { TopicArn } = await sns.CreateTopic({ Name: "runs" });
  const pending = await sns.Subscribe({ TopicArn, Protocol: "http", Endpoint: endpoint });
  assert.equal(pending.SubscriptionArn, "pending confirmation");
  const confirmation = await until(() => received.find((message) => message.Type === "SubscriptionConfirmation"));
  const { SubscriptionArn } = await sns.ConfirmSubscription({ TopicArn, Token: confirmation.Token });
  await sns.SetSubscriptionAttributes({ SubscriptionArn, AttributeName: "FilterPolicy", AttributeValue: '{"level": ["error"]}' });
  const { Attributes } = await sns.GetSubscriptionAttributes({ SubscriptionArn });
  assert.deepEqual([Attributes.PendingConfirmation, JSON.parse(Attributes.FilterPolicy)], ["false", { level: ["error"] }]);
  assert.deepEqual((await sns.ListSubscriptions()).Subscriptions.map((found) => found.SubscriptionArn), [SubscriptionArn]);
  assert.deepEqual((await sns.ListSubscriptionsByTopic({ TopicArn })).Subscriptions.map((found) => found.Endpoint), [endpoint]);

  const level = (value) => ({ level: { DataType: "String", StringValue: value } });
  await sns.Publish({ TopicArn, Message: "quiet", MessageAttributes: level("info") });
  const batch = await sns.PublishBatch({ TopicArn, PublishBatchRequestEntries: [
    { Id: "1", Message: "loud", Subject: "Broken", MessageAttributes: level("error") },
    { Id: "2", Message: "quiet too", MessageAttributes: level("info") },
  ] });
  assert.deepEqual(batch.Successful.map((entry) => entry.Id), ["1", "2"]);
  const notice = await until(() => received.find((message) => message.Type === "Notification"));
  assert.deepEqual([notice.Message, notice.Subject, notice.TopicArn], ["loud", "Broken", TopicArn]);
  assert.equal(received.filter((message) => message.Type === "Notification").length, 1);

  await sns.Unsubscribe({ SubscriptionArn });
  assert.deepEqual((await sns.ListSubscriptionsByTopic({ TopicArn })).Subscriptions ?? [], []);
});

test("what cannot be is refused", async () => {
  await refused(sns.Publish({ TopicArn: `arn:aws:sns:us-east-1:${account}:none`, Message: "m" }), "NotFoundException", 404);
  await refused(sns.CreateTopic({ Name: "not a name!" }), "InvalidParameterException", 400);
  const { TopicArn } = await sns.CreateTopic({ Name: "strict" });
  await refused(sns.Subscribe({ TopicArn, Protocol: "sms", Endpoint: "+4912345" }), "InvalidParameterException", 400);
  await refused(sns.Publish({ TopicArn, Message: "" }), "InvalidParameterException", 400);
});
