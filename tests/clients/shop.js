// The example shop, as tests see it.

export const NAMES = [
  "overview",
  "todayStats",
  "recentOrders",
  "inventoryAlerts",
  "salesAnalytics",
  "customerInsights",
];

const { fetch } = globalThis;

/** Have the server misbehave: `control("fail", { part: "overview" })`. */
export async function control(what, query = {}) {
  const url = `${process.env.PARTSTREAM_URL}/control/${what}/?${new URLSearchParams(query)}`;
  const response = await fetch(url);
  if (!response.ok) throw new Error(`control ${what}: ${response.status}`);
  return response.json();
}

/** What was asked for since `watch()`: the `after` of each request. */
export let asked = [];
let late = () => false;

/** Note what is asked for from now on; the cursor of the `late`th request has expired. */
export function watch({ expired } = {}) {
  asked = [];
  late = (number) => number === expired;
}

/** A request on its way to the server. */
export async function change(body) {
  const { after } = body.variables ?? {};
  const number = asked.push(after ?? null) - 1;
  if (!after || !late(number)) return body;
  const { cursor } = await control("expired", { cursor: after });
  return { ...body, variables: { ...body.variables, after: cursor } };
}
