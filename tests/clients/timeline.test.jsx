// The timeline of parts beside stock clients, which know nothing of it.

import { gql } from "@apollo/client";
import { GraphQL17Alpha9Handler } from "@apollo/client/incremental";
import { cleanup, render, screen, waitFor } from "@testing-library/react";
import { beforeAll, beforeEach, expect, test, vi } from "vitest";

import { makeDeferringClient } from "./.docs/apollo/deferring.js";
import { APPS } from "./apps.jsx";
import { NAMES, watch } from "./shop.js";

const until = (check) => waitFor(check, { timeout: 15_000 });

// The timeline is loaded once, and observes the fetch() of each test.
let observed;
let observing;
beforeAll(async () => {
  vi.stubGlobal("fetch", (...args) => observed(...args));
  await import("partstream/timeline");
  observing = globalThis.fetch;
});
beforeEach(() => {
  watch();
  observed = globalThis.fetch;
  vi.stubGlobal("fetch", observing);
});

const panel = () => document.querySelector("#partstream-timeline").shadowRoot;

/** The lines of the latest walk. */
function lines() {
  if (panel().querySelector("#panel").hidden) panel().querySelector("button").click();
  const latest = panel().querySelector("details");
  return [...(latest?.querySelectorAll("li") ?? [])].map((line) => line.textContent);
}

test("the timeline tells of the parts that Apollo, Relay and urql walk, each as a walk", async () => {
  let walks = 0;
  for (const makeApp of Object.values(APPS)) {
    render(makeApp());
    await until(() => expect(screen.getByRole("main").ariaBusy).toBe("false"));
    walks += 1;
    await until(() => expect(lines()).toHaveLength(NAMES.length));
    expect(panel().querySelectorAll("details")).toHaveLength(walks);
    for (const [number, name] of NAMES.entries()) {
      expect(lines()[number]).toMatch(
        new RegExp(`^${name}: asked at .*, shown at .*; server .* ms.*; over GraphQL, page \\d$`),
      );
    }
    cleanup();
  }
  expect(panel().querySelector("h3").textContent).toBe("/graphql/ dashboard");
});

test("the timeline keeps up while its panel is closed", async () => {
  const close = [...panel().querySelectorAll("button")][1];
  close.click();
  render(APPS.urql());
  await until(() => expect(screen.getByRole("main").ariaBusy).toBe("false"));
  await until(() => expect(panel().querySelector("button").textContent).toBe("Timeline 6 parts"));
  expect(lines()).toHaveLength(NAMES.length);
});

test("the timeline tells of the parts that Apollo is sent later, and of the page behind them", async () => {
  const query = gql`
    query Deferred($after: String) {
      dashboard(first: 3, after: $after) {
        pageInfo {
          hasNextPage
          endCursor
        }
        edges {
          node {
            name
            ... @defer {
              overview {
                storeName
              }
              todayStats {
                ordersToday
              }
              recentOrders(limit: 5) {
                id
                customer
              }
              inventoryAlerts {
                name
              }
            }
          }
        }
      }
    }
  `;
  const client = makeDeferringClient(new GraphQL17Alpha9Handler());
  const walk = client.watchQuery({ query });
  let latest;
  walk.subscribe(({ data, loading }) => {
    if (!loading) latest = data.dashboard;
  });
  await until(() => expect(latest?.edges[2].node.recentOrders).toHaveLength(5));
  await until(() => expect(lines()).toHaveLength(3));
  await walk.fetchMore({ variables: { after: latest.pageInfo.endCursor } });
  await until(() => expect(lines()).toHaveLength(4));
  expect(lines().map((line) => line.replace(/:.*; over/, ": over"))).toEqual([
    "overview: over GraphQL, deferred, page 1",
    "todayStats: over GraphQL, deferred, page 1",
    "recentOrders: over GraphQL, deferred, page 1",
    "inventoryAlerts: over GraphQL, deferred, page 2",
  ]);
});
