// The sources of the parts: `deliver.rest(options)`, `deliver.graphql(options)` and
// `deliver.stream(options)` yield the same `{ name, value, error, total }`. `only` requests a single
// part, `signal` aborts, `onPending` is told of parts that are computed in the background. REST adds
// `worked`, the server's time for the part in milliseconds, if the server sends it. In a stream
// `total` is null.

import { csrf, follow, parts, PartstreamError } from "../django_partstream/partstream.js";

const { rest, graphql } = document.querySelector("#board").dataset;

export const deliver = {
  rest: askREST,
  graphql: ({ only, ...options }) =>
    follow((after) => askGraphQL(queryOf(only), { after }, options.signal), options),
  stream: (options) => parts(rest, { ...options, stream: true }),
};

async function* askREST(options) {
  const times = {};
  const noting = async (...request) => {
    const response = await fetch(...request);
    Object.assign(times, serverTimes(response.headers.get("Server-Timing") ?? ""));
    return response;
  };
  for await (const part of parts(rest, { ...options, fetch: noting })) {
    yield { ...part, worked: times[part.name] };
  }
}

// Milliseconds by part, from `overview;desc="overview (ok)";dur=1.2, …`.
const serverTimes = (header) =>
  Object.fromEntries(
    [...header.matchAll(/([^\s,;"]+);desc="[^"]*";dur=([\d.]+)/g)].map(([, ...pair]) => pair),
  );

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

// A page in the REST format.
async function askGraphQL(query, variables, signal) {
  const response = await fetch(graphql, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", ...csrf() },
    body: JSON.stringify({ query, variables }),
    signal,
  });
  const { data, errors = [] } = await response.json().catch((error) => {
    if (!(error instanceof SyntaxError)) throw error; // the request was aborted or interrupted
    return {};
  });
  if (!data?.dashboard) {
    const [{ message = response.statusText, extensions = {} } = {}] = errors;
    const status = STATUS[extensions.code] ?? response.status;
    throw new PartstreamError(status, extensions.code ?? "", message);
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
const STATUS = { CURSOR_EXPIRED: 410, CURSOR_STALE: 410, UNAUTHENTICATED: 401, FORBIDDEN: 403 };

const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function inSnakes(value) {
  if (Array.isArray(value)) return value.map(inSnakes);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, own]) => [snake(key), inSnakes(own)]));
}
