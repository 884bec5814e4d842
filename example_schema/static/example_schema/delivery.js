// The sources of the parts: `deliver.rest(options)`, `deliver.graphql(options)` and
// `deliver.stream(options)` yield the same `{ name, value, error, total, timing }`. `only` requests a
// single part, `signal` aborts, `onPending` is told of parts that are computed in the background,
// `onWaiting` of trouble that the walk waits out. `timing` is what the server told of its work on the
// part: `{ ms, cached }`, or undefined. In a stream `total` is null.

import { csrf, follow, parts, PartstreamError } from "../django_partstream/partstream.js";

const { rest, graphql } = document.querySelector("#board").dataset;

export const deliver = {
  rest: (options) => timed((times) => parts(rest, { ...options, fetch: noting(times) })),
  stream: (options) =>
    timed((times) => parts(rest, { ...options, stream: true, fetch: noting(times) })),
  graphql: ({ only, ...options }) =>
    timed((times) =>
      follow((after) => askGraphQL(queryOf(only), { after }, options.signal, times), options),
    ),
};

// The parts of `walk(times)`, which keeps their times in a map.
async function* timed(walk) {
  const times = new Map();
  for await (const part of walk(times)) yield { ...part, timing: times.get(part.name) };
}

// A `fetch()` that keeps the times of a page, which are in its header, or of the lines of a stream.
function noting(times) {
  return async (...request) => {
    const response = await fetch(...request);
    noteHeader(times, response.headers.get("Server-Timing") ?? "");
    const isStream = response.headers.get("Content-Type")?.startsWith("application/jsonl");
    return isStream ? new Response(noteLines(times, response.body), response) : response;
  };
}

// For example `overview;desc="overview (ok, cache hit)";dur=1.2, …`.
function noteHeader(times, header) {
  for (const [, name, words, ms] of header.matchAll(/([^\s,;"]+);desc="([^"]*)";dur=([\d.]+)/g)) {
    times.set(name, { ms: Number(ms), cached: words.includes("cache hit") });
  }
}

function noteLines(times, body) {
  let rest = "";
  const noted = new TransformStream({
    transform(text, controller) {
      const lines = (rest + text).split("\n");
      rest = lines.pop();
      for (const line of lines.filter((one) => one.includes('"timing"'))) {
        const { name, timing } = JSON.parse(line);
        times.set(name, timing);
      }
      controller.enqueue(text);
    },
  });
  return body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(noted)
    .pipeThrough(new TextEncoderStream());
}

// The fields that the cards show of each part.
const FIELDS = {
  overview: "overview { storeName admin timestamp }",
  today_stats: "todayStats { ordersToday revenueToday newCustomers }",
  recent_orders: "recentOrders { id customer createdAt status total }",
  inventory_alerts: "inventoryAlerts { name sku stock }",
  sales_analytics: `salesAnalytics {
    totalRevenue avgOrderValue conversionRate
    byMonth { month revenue orders conversionRate }
  }`,
  sales_forecast: "salesForecast { expected low high byWeek { week expected low high } }",
  customer_insights: "customerInsights { totalCustomers buyers churnRate lifetimeValue }",
};

const queryOf = (only) => `query Dashboard($after: String) {
  dashboard(after: $after) {
    totalCount
    pageInfo { hasNextPage endCursor }
    pending { name retryAfter progress }
    edges { node {
      name
      error { code message retryable reference }
      ${only ? FIELDS[only] : Object.values(FIELDS).join(" ")}
    } }
  }
}`;

// A page in the REST format. What the server tells of its work is kept in `times`.
async function askGraphQL(query, variables, signal, times) {
  const response = await fetch(graphql, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", ...csrf() },
    body: JSON.stringify({ query, variables }),
    signal,
  });
  const {
    data,
    errors = [],
    extensions: told = {},
  } = await response.json().catch((error) => {
    if (!(error instanceof SyntaxError)) throw error; // the request was aborted or interrupted
    return {};
  });
  if (!data?.dashboard) {
    const [{ message = response.statusText, extensions = {} } = {}] = errors;
    const { code = "", retryAfter = response.headers.get("Retry-After") } = extensions;
    const seconds = Number(retryAfter) || null; // a proxy may send a date
    throw new PartstreamError(STATUS[code] ?? response.status, code, message, seconds);
  }
  for (const { name, ...timing } of told.partstream?.timing?.dashboard ?? []) {
    times.set(snake(name), timing);
  }
  const { totalCount, pageInfo, pending, edges } = data.dashboard;
  const nodes = edges.map(({ node }) => node);
  return {
    results: nodes.map((node) => ({ [snake(node.name)]: inSnakes(node[node.name]) })),
    errors: nodes
      .filter(({ error }) => error)
      .map(({ name, error }) => ({ part: snake(name), ...error })),
    pending: pending.map((part) => ({ ...part, name: snake(part.name) })),
    cursor: pageInfo.hasNextPage ? pageInfo.endCursor : null,
    meta: { total_parts: totalCount },
  };
}

// The HTTP status of REST for each code of GraphQL.
const STATUS = {
  CURSOR_EXPIRED: 410,
  CURSOR_STALE: 410,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  THROTTLED: 429,
};

const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function inSnakes(value) {
  if (Array.isArray(value)) return value.map(inSnakes);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, own]) => [snake(key), inSnakes(own)]));
}
