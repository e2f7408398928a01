// Drives the official client for Node.js: one event for each line of standard input, one status for each on output.
//
//     node node_driver.cjs PACKAGE URL
//
// A line is {"key": API key, "unique_id": text}. The status is null for a connection that fails.
"use strict";

const readline = require("node:readline");

const [, , package_, url] = process.argv;
const { ApiKeySession, EventsApi, RetryWithExponentialBackoff } = require(package_);

async function create(key, uniqueId) {
  const events = new EventsApi(new ApiKeySession(key, new RetryWithExponentialBackoff({ numRetries: 0 })));
  events.basePath = url;
  const attributes = {
    metric: { data: { type: "metric", attributes: { name: "Order" } } },
    profile: { data: { type: "profile", attributes: { email: "ada@shop.example" } } },
    properties: {},
    uniqueId,
  };
  try {
    return (await events.createEvent({ data: { type: "event", attributes } })).response.status;
  } catch (error) {
    return error.response === undefined ? null : error.response.status;
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { key, unique_id } = JSON.parse(line);
    console.log(JSON.stringify(await create(key, unique_id)));
  }
}

main();
