// The SDK's clients, pointed at the server under test. Every call that succeeds is noted, so that the caller can tell
// which served operations were never tried.
//
//   HEARTH_URL     the server
//   HEARTH_SDK_JS  the folder that holds node_modules
//   HEARTH_CALLED  a file that gets one line per successful call: the operation's name
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.HEARTH_SDK_JS}/`);
export const url = process.env.HEARTH_URL;
export const root = { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY };
export const account = "000000000000";

const packages = { logs: "cloudwatch-logs" };
export const load = (name) => require(`@aws-sdk/${name}`);

const noteSuccess = (next, context) => async (args) => {
  const answer = await next(args);
  appendFileSync(process.env.HEARTH_CALLED, `${context.commandName.replace(/Command$/, "")}\n`);
  return answer;
};

// client("iam").CreateUser({ UserName: "alice" }) sends a CreateUserCommand. `sdk` is the SDK's own client.
export function client(service, options = {}) {
  const module = load(`client-${packages[service] ?? service}`);
  const Client = Object.entries(module).find(([name]) => name.endsWith("Client") && !name.startsWith("__"))[1];
  const sdk = new Client({ endpoint: url, region: "us-east-1", credentials: root, maxAttempts: 1, forcePathStyle: true, ...options });
  sdk.middlewareStack.add(noteSuccess, { step: "initialize", name: "noteSuccess" });
  return new Proxy({ sdk, module }, {
    get(target, name) {
      if (name in target || typeof name !== "string" || name === "then") return target[name];
      const Command = module[`${name}Command`];
      assert.ok(Command, `the SDK has no ${name}Command`);
      return (input = {}) => sdk.send(new Command(input));
    },
  });
}

// The call must fail with this error name and status, and say something.
export async function refused(call, name, status) {
  const error = await call.then(
    () => assert.fail(`expected ${name}, but the call succeeded`),
    (reason) => reason);
  assert.equal(error.name, name, `${error.name}: ${error.message}`);
  assert.equal(error.$metadata?.httpStatusCode, status);
  assert.ok(error.message.trim());
  return error;
}

// All items of a paginated operation, in pages of the size the options ask for.
export async function all(pages, member) {
  const items = [];
  for await (const page of pages) items.push(...(page[member] ?? []));
  return items;
}

export const policy = (...statements) => JSON.stringify({ Version: "2012-10-17", Statement: statements });

// Polls a condition until it holds; returns its value.
export async function until(condition, seconds = 20) {
  const deadline = Date.now() + seconds * 1000;
  while (Date.now() < deadline) {
    const value = await condition();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail("it did not happen in time");
}
