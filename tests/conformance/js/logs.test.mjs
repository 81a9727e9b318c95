// CloudWatch Logs with the SDK for JavaScript: groups, streams, events, filters.
import assert from "node:assert/strict";
import { test } from "node:test";

import { account, all, client, refused } from "./sdk.mjs";

const logs = client("logs");

test("events come back in order, by pages, and by filter", async () => {
  const logGroupName = "/train/run-1";
  const logStreamName = "rank-0";
  await logs.CreateLogGroup({ logGroupName, tags: { team: "llm" } });
  await refused(logs.CreateLogGroup({ logGroupName }), "ResourceAlreadyExistsException", 400);
  await logs.CreateLogStream({ logGroupName, logStreamName });
  const start = Date.now();
  const logEvents = Array.from({ length: 10 }, (_, step) => ({ timestamp: start + step, message: JSON.stringify({ step, level: step % 5 ? "info" : "error" }) }));
  const put = await logs.PutLogEvents({ logGroupName, logStreamName, logEvents });
  assert.equal(put.rejectedLogEventsInfo, undefined);

  const first = await logs.GetLogEvents({ logGroupName, logStreamName, startFromHead: true, limit: 4 });
  const second = await logs.GetLogEvents({ logGroupName, logStreamName, startFromHead: true, nextToken: first.nextForwardToken });
  assert.deepEqual([...first.events, ...second.events].map((event) => event.message), logEvents.map((event) => event.message));
  const pages = logs.module.paginateFilterLogEvents({ client: logs.sdk, pageSize: 1 }, { logGroupName, filterPattern: '{ $.level = "error" }' });
  assert.deepEqual((await all(pages, "events")).map((event) => JSON.parse(event.message).step), [0, 5]);

  const { logStreams } = await logs.DescribeLogStreams({ logGroupName });
  assert.deepEqual([logStreams[0].logStreamName, logStreams[0].lastEventTimestamp], [logStreamName, start + 9]);
  await logs.DeleteLogStream({ logGroupName, logStreamName });
  await refused(logs.GetLogEvents({ logGroupName, logStreamName }), "ResourceNotFoundException", 400);
  await logs.DeleteLogGroup({ logGroupName });
  await refused(logs.DescribeLogStreams({ logGroupName }), "ResourceNotFoundException", 400);
});

test("a group has retention and tags", async () => {
  const logGroupName = "/kept";
  const resourceArn = `arn:aws:logs:us-east-1:${account}:log-group:${logGroupName}`;
  const retention = async () => (await logs.DescribeLogGroups({ logGroupNamePrefix: "/kept" })).logGroups[0].retentionInDays;
  await logs.CreateLogGroup({ logGroupName });
  await logs.PutRetentionPolicy({ logGroupName, retentionInDays: 7 });
  assert.equal(await retention(), 7);
  await logs.DeleteRetentionPolicy({ logGroupName });
  assert.equal(await retention(), undefined);
  await logs.TagResource({ resourceArn, tags: { a: "1", b: "2" } });
  await logs.UntagResource({ resourceArn, tagKeys: ["a"] });
  assert.deepEqual((await logs.ListTagsForResource({ resourceArn })).tags, { b: "2" });
});
