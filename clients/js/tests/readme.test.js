// @vitest-environment jsdom

import { render, screen } from "@testing-library/react";
import { createElement } from "react";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { createApp } from "vue";

import { parts } from "../partstream.js";
import { Board } from "./.readme/Board.jsx";
import VueBoard from "./.readme/Board.vue";
import { refresh } from "./.readme/again.js";
import { load as loadWithBars } from "./.readme/bars.js";
import { show } from "./.readme/dashboard.js";
import { Dashboard } from "./.readme/Dashboard.jsx";
import VueDashboard from "./.readme/Dashboard.vue";
import { load } from "./.readme/loader.js";
import { show as showInOrder } from "./.readme/ordered.js";
import { load as loadPatiently } from "./.readme/patient.js";
import { fill } from "./.readme/streamed.js";
import { takings } from "./.readme/typed.ts";
import { all, control, DASHBOARD, NAMES, serve, STAFF } from "./server.js";
import { pageOf, PARTS, slow } from "./streamer.js";
import { lost, troubled } from "./troubled.js";

// The session cookie, which a browser would send.
beforeEach(() => {
  const { fetch } = globalThis;
  vi.stubGlobal("fetch", (url, init) => {
    init?.headers.set("Cookie", STAFF.headers.Cookie);
    return fetch(url, init);
  });
  return () => vi.unstubAllGlobals();
});

const until = (check) => vi.waitFor(check, { timeout: 10_000 });

test("the loop in the README shows each part", async () => {
  await control("fail", { part: "today_stats" });
  const board = document.createElement("div");
  await show(DASHBOARD, board);
  const said = [...board.children].map((card) => card.textContent);
  expect(said.map((text) => text.split(":")[0])).toEqual(NAMES);
  expect(said[0]).toContain("Corner Shop");
  expect(said[1]).not.toContain("null");
});

test("the loop over a stream in the README fills each card", async () => {
  await control("fail", { part: "today_stats" });
  const cards = Object.fromEntries(NAMES.map((name) => [name, document.createElement("p")]));
  await fill(DASHBOARD, cards);
  expect(cards.overview.textContent).toContain("Corner Shop");
  expect(cards.today_stats.textContent).not.toContain("null");
  for (const card of Object.values(cards)) expect(card.textContent).not.toBe("");
});

test("the loop with bars in the README shows the progress of a pending part", async () => {
  const { fetch, finish } = slow();
  vi.stubGlobal("fetch", fetch);
  const cards = { a: document.createElement("p"), b: document.createElement("p") };
  const bars = document.createElement("div");
  const loading = loadWithBars("https://a.test/", cards, bars);
  await until(() => expect(bars.children).toHaveLength(1));
  expect(bars.firstChild).toMatchObject({ title: "b", value: 0.25 });
  await until(() => expect(cards.a.textContent).toBe('"a"'));
  expect(cards.b.textContent).toBe("");
  finish();
  await loading;
  expect(bars.children).toHaveLength(0);
  expect(cards.b.textContent).toBe('"b"');
});

test.each([
  ["React", (place, props) => render(createElement(Dashboard, props), { container: place })],
  ["Vue", (place, props) => createApp(VueDashboard, props).mount(place)],
])("the %s component in the README shows the progress of a pending part", async (_, mount) => {
  const { fetch, finish } = slow();
  vi.stubGlobal("fetch", fetch);
  const place = document.body.appendChild(document.createElement("div"));
  onTestFinished(() => place.remove());
  mount(place, { url: "https://a.test/" });
  const bar = () => place.querySelector("progress");
  await until(() => expect(bar()).toMatchObject({ title: "b", value: 0.25 }));
  expect(place.querySelector("main").ariaBusy).toBe("true");
  finish();
  await until(() => expect(place.querySelectorAll("pre")).toHaveLength(2));
  await until(() => expect(place.querySelector("main").ariaBusy).toBe("false"));
  expect(bar()).toBe(null);
});

test("the loop in the README shows a banner while a busy server says to wait", async () => {
  const asked = [];
  const url = await serve((response, number) => {
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Access-Control-Expose-Headers", "Retry-After");
    asked.push(performance.now());
    if (number === 0) return response.writeHead(429, { "Retry-After": "1" }).end();
    return response.end(JSON.stringify(pageOf(["a", "b"], null)));
  });
  const cards = { a: document.createElement("p"), b: document.createElement("p") };
  const banner = document.createElement("p");
  const loading = loadPatiently(url, cards, banner);
  await until(() => expect(banner.textContent).toBe("Connecting again …"));
  await loading;
  expect(banner.textContent).toBe("");
  expect(cards.b.textContent).toBe('"b"');
  expect(asked[1] - asked[0]).toBeGreaterThan(900);
});

test.each([
  ["React", (place, props) => render(createElement(Dashboard, props), { container: place })],
  ["Vue", (place, props) => createApp(VueDashboard, props).mount(place)],
])("the %s component in the README says that it waits for the network", async (_, mount) => {
  const { fetch } = troubled((number) => (number === 1 ? lost() : undefined));
  vi.stubGlobal("fetch", fetch);
  const place = document.body.appendChild(document.createElement("div"));
  onTestFinished(() => place.remove());
  mount(place, { url: "https://a.test/" });
  await until(() =>
    expect(place.querySelector("[role=status]")?.textContent).toMatch("Connecting"),
  );
  expect(place.querySelector("[role=alert]")).toBe(null);
  await until(() => expect(place.querySelectorAll("pre")).toHaveLength(4));
  expect(place.querySelector("[role=status]")).toBe(null);
});

/** Let the element of part `name` be visible, and no other. jsdom has no observers. */
function seeing(name) {
  class Observer {
    observed = [];

    constructor(tell) {
      queueMicrotask(() =>
        tell(
          this.observed.map((target) => ({ target, isIntersecting: target.dataset.part === name })),
        ),
      );
    }

    observe(element) {
      this.observed.push(element);
    }

    disconnect() {}
  }
  vi.stubGlobal("IntersectionObserver", Observer);
}

test("the loop in the README shows the card that is visible first", async () => {
  seeing("c");
  const { fetch, asked } = troubled();
  vi.stubGlobal("fetch", fetch);
  const cards = PARTS.map(() => document.createElement("p"));
  cards.forEach((card, place) => {
    card.dataset.part = PARTS[place];
  });
  await showInOrder("https://a.test/", cards);
  expect(cards.map((card) => card.textContent)).toEqual(PARTS.map((name) => `"${name}"`));
  expect(asked.slice(0, 2)).toEqual(["page start of c", "page start"]);
});

test.each([
  ["React", (place, props) => render(createElement(Board, props), { container: place })],
  ["Vue", (place, props) => createApp(VueBoard, props).mount(place)],
])("the %s board in the README asks first for what is visible, and refreshes", async (_, mount) => {
  seeing("b");
  const { fetch, asked } = troubled();
  vi.stubGlobal("fetch", fetch);
  const place = document.body.appendChild(document.createElement("div"));
  onTestFinished(() => place.remove());
  mount(place, { url: "https://a.test/", names: PARTS });
  const texts = () => [...place.querySelectorAll("pre")].map((text) => text.textContent);
  await until(() => expect(texts()).toEqual(PARTS.map((name) => `"${name}"`)));
  expect(asked.slice(0, 2)).toEqual(["page start of b", "page start"]);
  place.querySelectorAll("button")[3].click();
  await until(() => expect(asked.at(-1)).toBe("page start of d"));
});

test("the loop over remembered parts in the README draws what has changed", async () => {
  const board = new Map();
  const drawn = [];
  const draw = ({ name, value }) => drawn.push([name, value]);
  await refresh(DASHBOARD, board, draw);
  expect(drawn.map(([name]) => name)).toEqual(NAMES);
  const { value } = board.get("recent_orders");
  await control("fail", { part: "sales_analytics" });
  await refresh(DASHBOARD, board, draw);
  expect(drawn.slice(6)).toMatchObject([
    ["overview", { store_name: "Corner Shop" }], // it has the time
    ["sales_analytics", null],
  ]);
  expect(board.get("recent_orders").value).toBe(value);
});

test("the loader in the README shows its progress", async () => {
  const bar = document.createElement("p");
  const seen = [];
  new MutationObserver(() => seen.push(bar.textContent)).observe(bar, { childList: true });
  const data = await load(DASHBOARD, bar);
  expect(data.flatMap(Object.keys)).toEqual(NAMES);
  expect(seen).toEqual(["2 parts, more to come", "4 parts, more to come", "6 parts"]);
});

test("the React component in the README shows each part and retries a failed part", async () => {
  await control("fail", { part: "sales_analytics" });
  const { container, unmount } = render(createElement(Dashboard, { url: DASHBOARD }));
  onTestFinished(unmount);
  await until(() => expect(container.querySelector("main").ariaBusy).toBe("false"));
  const titles = screen.getAllByRole("heading").map((title) => title.textContent);
  expect(titles).toEqual(NAMES);
  await control("reset");
  screen.getByRole("button").click();
  await until(() => expect(container.querySelectorAll("pre")).toHaveLength(6));
});

test("the Vue component in the README shows each part and retries a failed part", async () => {
  await control("fail", { part: "sales_analytics" });
  const place = document.createElement("div");
  const app = createApp(VueDashboard, { url: DASHBOARD });
  app.mount(place);
  onTestFinished(() => app.unmount());
  await until(() => expect(place.querySelector("main").ariaBusy).toBe("false"));
  expect([...place.querySelectorAll("h2")].map((title) => title.textContent)).toEqual(NAMES);
  await control("reset");
  place.querySelector("button").click();
  await until(() => expect(place.querySelectorAll("pre")).toHaveLength(6));
});

test("the line in the README puts the button of the timeline on the page", async () => {
  const { fetch } = globalThis;
  await import("./.readme/debug.js");
  onTestFinished(() => {
    document.querySelector("#partstream-timeline").remove();
    globalThis.fetch = fetch;
  });
  const { shadowRoot } = document.querySelector("#partstream-timeline");
  await all(parts(DASHBOARD));
  await until(() => expect(shadowRoot.querySelector("button").textContent).toBe("Timeline 6 parts"));
});

test("the typed function in the README adds up the takings", async () => {
  expect(await takings(DASHBOARD)).toBeGreaterThan(0);
});
