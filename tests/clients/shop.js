// The example shop from the side of the tests.

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

/** The `after` of each request since `watch()`. */
export let asked = [];
let late = () => false;

/** Record requests from now on, and expire the cursor of request number `expired`. */
export function watch({ expired } = {}) {
  asked = [];
  late = (number) => number === expired;
}

/** Record the body of a request, and return the body to send. */
export async function change(body) {
  const { after } = body.variables ?? {};
  const number = asked.push(after ?? null) - 1;
  if (!after || !late(number)) return body;
  const { cursor } = await control("expired", { cursor: after });
  return { ...body, variables: { ...body.variables, after: cursor } };
}
