import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { expect, onTestFinished, test, vi } from "vitest";
import { createSSRApp } from "vue";
import { renderToString as renderVue } from "vue/server-renderer";

import { Dashboard } from "./.readme/Dashboard.jsx";
import VueDashboard from "./.readme/Dashboard.vue";
import { ECHO } from "./server.js";

test.each([
  ["React", () => renderToString(createElement(Dashboard, { url: ECHO }))],
  ["Vue", () => renderVue(createSSRApp(VueDashboard, { url: ECHO }))],
])("%s renders the waiting state on a server and sends no request", async (_, render) => {
  const fetch = vi.spyOn(globalThis, "fetch");
  onTestFinished(() => fetch.mockRestore());
  const page = await render();
  await new Promise(setImmediate); // time for any request that render() began
  expect(page).toContain('aria-busy="true"');
  expect(page).not.toContain("alert");
  expect(fetch).not.toHaveBeenCalled();
});

test("the timeline does nothing on a server", async () => {
  const { fetch } = globalThis;
  await import("../timeline.js");
  expect(globalThis.fetch).toBe(fetch);
});
