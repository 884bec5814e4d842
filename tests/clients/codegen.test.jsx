// What graphql-codegen makes of the schema; tsc has compiled it before.

import { expect, test } from "vitest";

import { takings, walk } from "./.docs/codegen/walk.ts";
import { djangoFetch } from "./.docs/fetch.js";

async function ask(query, variables) {
  const response = await djangoFetch("/graphql/", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()).data;
}

test("walks the parts that it has types of", async () => {
  const parts = [];
  for await (const part of walk(ask)) parts.push(part);
  expect(parts.map(({ name, status }) => [name, status])).toEqual([
    ["recentOrders", "OK"],
    ["customerInsights", "OK"],
  ]);
  expect(takings(parts[0])).toBeGreaterThan(0);
  expect(takings(parts[1])).toBe(0);
});
