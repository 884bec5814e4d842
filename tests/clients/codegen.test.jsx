// The code that graphql-codegen makes from the schema, after tsc has compiled it.

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

test("the generated code of graphql-codegen walks the parts that it has types for", async () => {
  const parts = [];
  for await (const part of walk(ask)) parts.push(part);
  expect(parts.map(({ name, status }) => [name, status])).toEqual([
    ["recentOrders", "OK"],
    ["customerInsights", "OK"],
  ]);
  expect(takings(parts[0])).toBeGreaterThan(0);
  expect(takings(parts[1])).toBe(0);
});
