// Stock clients that take the parts of a page as increments, with the code of docs/defer.md.

import { gql as apolloGql } from "@apollo/client";
import { Defer20220824Handler, GraphQL17Alpha9Handler } from "@apollo/client/incremental";
import { render, screen, waitFor } from "@testing-library/react";
import { Suspense } from "react";
import { RelayEnvironmentProvider } from "react-relay";
import { Environment, RecordSource, Store } from "relay-runtime";
import { gql as urqlGql } from "urql";
import { beforeEach, describe, expect, test, vi } from "vitest";

import { makeDeferringClient } from "./.docs/apollo/deferring.js";
import { deferringNetwork } from "./.docs/relay/deferring.js";
import { Page as RelayPage } from "./.docs/relay/Deferred.jsx";
import { makeClient } from "./.docs/urql/client.js";
import { control } from "./shop.js";

const TEXT = `
  query Deferred {
    dashboard(first: 3) {
      pageInfo { hasNextPage endCursor }
      edges {
        cursor
        node {
          name
          ... @defer {
            status
            error { code message }
            overview { storeName }
            todayStats { ordersToday }
            recentOrders(limit: 5) { id customer }
          }
        }
      }
    }
  }
`;
const NAMES = ["overview", "todayStats", "recentOrders"];
const until = (check) => waitFor(check, { timeout: 15_000 });

let answers;
beforeEach(() => {
  answers = [];
  const { fetch } = globalThis;
  vi.stubGlobal("fetch", async (...args) => {
    const response = await fetch(...args);
    answers.push(response.headers.get("Content-Type"));
    return response;
  });
});

// The data of each client as they come: `start(seen)` calls `seen(data, errors)`.
const CLIENTS = {
  "Apollo, GraphQL17Alpha9Handler": (seen) => apollo(new GraphQL17Alpha9Handler(), seen),
  "Apollo, Defer20220824Handler": (seen) => apollo(new Defer20220824Handler(), seen),
  urql(seen) {
    const query = urqlGql(TEXT);
    makeClient()
      .query(query, {})
      .subscribe(({ data, error }) => seen(data, error));
  },
};
const SPEC = {
  "Apollo, GraphQL17Alpha9Handler": "; incrementalSpec=v0.2",
  "Apollo, Defer20220824Handler": "; deferSpec=20220824",
  urql: "",
};

function apollo(handler, seen) {
  const client = makeDeferringClient(handler);
  const query = client.watchQuery({ query: apolloGql(TEXT), errorPolicy: "all" });
  query.subscribe(({ data, error }) => data && seen(data, error));
}

describe.each(Object.entries(CLIENTS))("%s", (name, start) => {
  const states = [];
  const latest = () => states.at(-1)?.data?.dashboard.edges.map(({ node }) => node) ?? [];
  beforeEach(() => void (states.length = 0));

  test("has a part while a later part is computed, and all of them in the end", async () => {
    await control("hold", { part: "today_stats" });
    start((data, error) => states.push({ data, error }));
    await until(() => expect(latest().map((node) => node.name)).toEqual(NAMES));
    await until(() => expect(latest()[0].overview?.storeName).toBe("Corner Shop"));
    expect(latest()[1].todayStats ?? null).toBe(null);
    await control("release");
    await until(() => expect(latest()[2].recentOrders).toHaveLength(5));
    expect(latest().map((node) => node.status)).toEqual(["OK", "OK", "OK"]);
    expect(latest()[1].todayStats.ordersToday).toBeTypeOf("number");
    expect(states.at(-1).error).toBeFalsy();
    expect(answers).toEqual([`multipart/mixed; boundary="-"${SPEC[name]}`]);
  });

  test("has an error for a part that stays pending, and the part when it asks again", async () => {
    await control("hurry");
    await control("pend", { part: "today_stats" });
    start((data, error) => states.push({ data, error }));
    await until(() => expect(states.at(-1)?.error).toBeTruthy());
    const { error } = states.at(-1);
    const [told] = error.errors ?? error.graphQLErrors;
    expect(told.extensions).toMatchObject({ code: "PART_PENDING", retryable: true });
    expect(latest()[2].recentOrders).toHaveLength(5);
    expect(latest()[1].status ?? null).toBe(null);
    await control("release");
    states.length = 0;
    start((data, error) => states.push({ data, error }));
    await until(() => expect(latest()[1]?.status).toBe("OK"));
    expect(states.at(-1).error).toBeFalsy();
  });

  test("has a failed part as data", async () => {
    await control("fail", { part: "today_stats" });
    start((data, error) => states.push({ data, error }));
    await until(() => expect(latest()[2]?.status).toBe("OK"));
    expect(latest()[1]).toMatchObject({ status: "ERROR", error: { code: "part_failed" } });
  });
});

describe("Relay", () => {
  const shown = () => screen.queryAllByRole("listitem").map(({ textContent }) => textContent);
  const environment = (network = deferringNetwork) =>
    new Environment({ network, store: new Store(new RecordSource()) });
  const show = (made) =>
    render(
      <RelayEnvironmentProvider environment={made}>
        <Suspense fallback="Loading …">
          <RelayPage />
        </Suspense>
      </RelayEnvironmentProvider>,
    );

  test("has a part while a later part is computed, and all of them in the end", async () => {
    await control("hold", { part: "today_stats" });
    show(environment());
    await until(() =>
      expect(shown()).toEqual(["overview: OK", "todayStats: …", "recentOrders: …"]),
    );
    await control("release");
    await until(() =>
      expect(shown()).toEqual(["overview: OK", "todayStats: OK", "recentOrders: OK"]),
    );
    expect(answers).toEqual(['multipart/mixed; boundary="-"; deferSpec=20220824']);
  });

  test("has the fragments of a response that is not incremental", async () => {
    const { fetch } = globalThis;
    vi.stubGlobal("fetch", (url, init) =>
      fetch(url, { ...init, headers: { ...init.headers, Accept: "application/json" } }),
    );
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    show(environment());
    await until(() =>
      expect(shown()).toEqual(["overview: OK", "todayStats: OK", "recentOrders: OK"]),
    );
    expect(answers).toEqual(["application/json"]);
    said.mockRestore();
  });
});
