// The dashboard of each client, with the code of docs/clients, walked to its end.

import { render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { APPS } from "./apps.jsx";
import { asked, control, NAMES, watch } from "./shop.js";

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

describe.each(Object.entries(APPS))("%s", (_, makeApp) => {
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

  test("waits for a pending part, and shows how far it is", async () => {
    await control("pend", { part: "today_stats" });
    render(makeApp());
    const others = NAMES.filter((name) => name !== "todayStats");
    await until(() => expect(titles()).toEqual(others));
    const started = asked.length;
    await until(() => expect(asked.length).toBeGreaterThan(started + 1));
    expect(screen.getByRole("main").ariaBusy).toBe("true");
    expect(screen.getByTitle("todayStats").value).toBe(0.5);
    await control("release");
    await settled();
    expect(titles()).toEqual([...others, "todayStats"]);
    expect(JSON.parse(textOf("todayStats")).ordersToday).toBeTypeOf("number");
    expect(screen.queryByTitle("todayStats")).toBe(null);
  });

  test("goes on behind pages on which every part is pending, from the first page", async () => {
    const waiting = ["overview", "today_stats", "sales_analytics", "customer_insights"];
    for (const part of waiting) await control("pend", { part, times: 2 });
    render(makeApp());
    await until(() => expect([...titles()].sort()).toEqual([...NAMES].sort()));
    await settled();
    expect(screen.queryAllByRole("progressbar")).toEqual([]);
  });

  test("does not ask for the next page until the pending parts want to be looked at", async () => {
    await control("pend", { part: "overview", age: 8 }); // look again after 1.7 s or more
    render(makeApp());
    await until(() => expect(titles()).toHaveLength(5));
    const [before, begun] = [asked.length, performance.now()];
    await until(() => expect(asked.length).toBe(before + 2));
    expect(performance.now() - begun).toBeGreaterThan(2500); // the server holds a page for a second
    await control("release");
    await settled();
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
