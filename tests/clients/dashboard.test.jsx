// The dashboard of each client, with the code of docs/clients, walked to its end.

import { render, screen, waitFor } from "@testing-library/react";
import { ApolloProvider } from "@apollo/client/react";
import { Suspense } from "react";
import { RelayEnvironmentProvider } from "react-relay";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { makeClient } from "./.docs/apollo/client.js";
import { Dashboard as ApolloDashboard } from "./.docs/apollo/Dashboard.jsx";
import { Dashboard as RelayDashboard } from "./.docs/relay/Dashboard.jsx";
import { makeEnvironment } from "./.docs/relay/environment.js";
import { Dashboard as UrqlDashboard } from "./.docs/urql/Dashboard.jsx";
import { asked, control, NAMES, watch } from "./shop.js";

const CLIENTS = {
  Apollo: () => (
    <ApolloProvider client={makeClient()}>
      <ApolloDashboard />
    </ApolloProvider>
  ),
  Relay: () => (
    <RelayEnvironmentProvider environment={makeEnvironment()}>
      <Suspense fallback="Loading …">
        <RelayDashboard />
      </Suspense>
    </RelayEnvironmentProvider>
  ),
  urql: () => <UrqlDashboard />,
};

const titles = () => screen.queryAllByRole("heading").map(({ textContent }) => textContent);
const textOf = (name) => screen.getByText(name).nextSibling.textContent;
const until = (check) => waitFor(check, { timeout: 15_000 });
const settled = () => until(() => expect(screen.getByRole("main").ariaBusy).toBe("false"));

// No client writes an error or a warning to the console.
let complaints;
beforeEach(() => {
  watch();
  complaints = ["error", "warn"].map((kind) => vi.spyOn(console, kind));
});
afterEach(() => {
  const said = complaints.flatMap((spy) => spy.mock.calls.map((call) => call.join(" ")));
  expect(said.filter((text) => !text.includes("not wrapped in act("))).toEqual([]);
  vi.restoreAllMocks();
});

describe.each(Object.entries(CLIENTS))("%s", (_, makeApp) => {
  test("walks the whole dashboard, and keeps the parts that came before", async () => {
    await control("hold", { part: "recent_orders" });
    render(makeApp());
    await until(() => expect(titles()).toEqual(NAMES.slice(0, 2)));
    await control("release");
    await settled();
    expect(titles()).toEqual(NAMES);
    expect(textOf("overview")).toContain("Corner Shop");
    expect(JSON.parse(textOf("recentOrders"))).toHaveLength(5);
    expect(JSON.parse(textOf("customerInsights")).totalCustomers).toBeTypeOf("number");
    expect(asked).toEqual([null, expect.any(String), expect.any(String)]);
  });

  test("shows a failed part from its error as data", async () => {
    await control("fail", { part: "sales_analytics" });
    render(makeApp());
    await until(() => expect(titles()).toEqual(NAMES));
    expect(textOf("salesAnalytics")).toMatch(/could not be loaded/);
    expect(textOf("customerInsights")).toMatch(/totalCustomers/);
  });

  test.each([1, 2])("begins again when the cursor of page %i has expired", async (expired) => {
    watch({ expired });
    render(makeApp());
    await until(() => expect(asked).toHaveLength(expired + 4));
    await settled();
    await until(() => expect(titles()).toEqual(NAMES));
    expect(asked.map((after) => after === null)).toEqual(
      { 1: [true, false, true, false, false], 2: [true, false, false, true, false, false] }[expired],
    );
    expect(textOf("overview")).toContain("Corner Shop");
  });

  test("begins again when the part named by its cursor is gone", async () => {
    await control("hold", { part: "recent_orders" });
    render(makeApp());
    await until(() => expect(titles()).toHaveLength(2));
    await control("leave_out", { part: "inventory_alerts" });
    await control("release");
    await until(() => expect(titles()).toEqual(NAMES.filter((name) => name !== "inventoryAlerts")));
    await settled();
  });
});
