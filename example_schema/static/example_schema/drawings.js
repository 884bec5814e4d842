// Draws each part of the dashboard: from its value to the nodes that show it.

import { barChart, lineChart } from "./charts.js";

const language = document.documentElement.lang;
const currency = "USD"; // all prices of the shop
const isDemo = "demo" in document.querySelector("#board").dataset; // nobody had to sign in

// The drawing of each part, in the order of the cards.
export const drawings = {
  overview: ({ store_name, admin, timestamp }) => [
    facts({ Shop: store_name, "Signed in as": admin, "As of": moment(timestamp) }),
    ...(isDemo ? [quietly("The demo signs each visitor in as its staff user.")] : []),
  ],

  today_stats: ({ orders_today, revenue_today, new_customers }) => [
    numbers({
      Orders: count(orders_today),
      Revenue: money(revenue_today),
      "New customers": count(new_customers),
    }),
  ],

  recent_orders(orders) {
    if (!orders.length) return [quietly("No orders yet.")];
    const titles = ["Order", "Customer", "Placed", "Status", "Total"];
    const rows = orders.map(({ id, customer, created_at, status, total }) => [
      `#${id}`,
      customer,
      moment(created_at),
      badge(status),
      money(total),
    ]);
    return [scroller("Orders", table(titles, rows), rows.length)];
  },

  inventory_alerts(products) {
    if (!products.length) return [quietly("Nothing is running out.")];
    const items = products.map(({ name, sku, stock }) => {
      const product = element("span", {}, name, " ", quietly(sku, "small"));
      return element("li", {}, product, stock ? badge(`${stock} left`) : badge("sold out"));
    });
    return [scroller("Products", element("ul", {}, ...items), items.length)];
  },

  sales_analytics: ({ total_revenue, avg_order_value, conversion_rate, by_month }) => [
    numbers({
      Revenue: money(total_revenue),
      "Average order": money(avg_order_value),
      Conversion: percent(conversion_rate),
    }),
    ...(by_month.length ? [overTime(by_month)] : []),
  ],

  sales_forecast: ({ expected, low, high, by_week }) => [
    numbers({
      [`Next ${count(by_week.length)} weeks`]: roughly(expected),
      "Probably above": roughly(low),
      "Probably below": roughly(high),
    }),
    weekByWeek(by_week),
  ],

  customer_insights: ({ total_customers, buyers, churn_rate, lifetime_value }) => [
    numbers({
      Customers: count(total_customers),
      "Have bought": count(buyers),
      "Spent on average": money(lifetime_value),
      "No order for half a year": percent(churn_rate),
    }),
  ],
};

export const drawAnything = (value) => [
  scroller("Value", element("pre", {}, JSON.stringify(value, null, 2))),
];

function overTime(months) {
  const labels = months.map(({ month }) => monthName(month));
  const highest = (key) => months.reduce((a, b) => (+b[key] > +a[key] ? b : a));
  const [richest, keenest] = [highest("revenue"), highest("conversion_rate")];
  const span = `${labels[0]} to ${labels.at(-1)}`;
  const values = (key) => months.map((month) => (month[key] === null ? null : Number(month[key])));
  const charts = element(
    "div",
    { className: "charts" },
    barChart({
      title: "Revenue",
      summary: `${span}. Most in ${monthName(richest.month)}: ${money(richest.revenue)}.`,
      labels,
      values: values("revenue"),
      format: money,
      axis: roughly,
    }),
    lineChart({
      title: "Conversion",
      summary: `${span}. Best in ${monthName(keenest.month)}: ${percent(keenest.conversion_rate)}.`,
      labels,
      values: values("conversion_rate"),
      format: percent,
      axis: percent,
    }),
  );
  const rows = months.map(({ month, orders, revenue, conversion_rate }) => [
    monthName(month),
    count(orders),
    money(revenue),
    percent(conversion_rate),
  ]);
  const figures = table(["Month", "Orders", "Revenue", "Conversion"], rows);
  const summary = element("summary", {}, "The same as a table");
  const details = element("details", {}, summary, scroller("Months", figures, rows.length));
  return element("div", {}, charts, details);
}

function weekByWeek(weeks) {
  const labels = weeks.map(({ week }) => day(week));
  const best = weeks.reduce((a, b) => (b.expected > a.expected ? b : a));
  const chart = barChart({
    title: "Expected revenue",
    per: "week",
    summary: `${labels[0]} to ${labels.at(-1)}. Most from ${day(best.week)}: ${roughly(best.expected)}.`,
    labels,
    values: weeks.map(({ expected }) => expected),
    format: roughly,
    axis: roughly,
  });
  return element("div", { className: "charts" }, chart);
}

// Elements. Data is inserted as text, never as HTML.

export function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export const quietly = (text, tag = "p") => element(tag, { className: "quiet" }, text);

function table(titles, rows) {
  const head = titles.map((title) => element("th", { scope: "col" }, title));
  const body = rows.map((cells) =>
    element("tr", {}, ...cells.map((cell) => element("td", {}, cell))),
  );
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...body),
  );
}

function definitions(className, pairs) {
  const rows = Object.entries(pairs).map(([term, value]) =>
    element("div", {}, element("dt", {}, term), element("dd", {}, value)),
  );
  return element("dl", { className }, ...rows);
}

function badge(text) {
  const made = element("span", { className: "badge" }, text);
  made.dataset.kind = text;
  return made;
}

// A region of limited height, with a button that shows all of it while there is more.
function scroller(label, child, count = "") {
  const region = element("div", { className: "scroller", tabIndex: 0, role: "region" }, child);
  const more = `Show all ${count} ${label.toLowerCase()}`.replace("  ", " ");
  const button = element("button", { type: "button", ariaExpanded: "false", hidden: true }, more);
  region.setAttribute("aria-label", label); // a screen reader announces the region
  button.addEventListener("click", () => {
    const isWhole = region.classList.toggle("whole");
    button.ariaExpanded = String(isWhole);
    button.textContent = isWhole ? "Show fewer" : more;
  });
  new ResizeObserver(() => {
    const { scrollHeight, clientHeight, classList } = region;
    button.hidden = scrollHeight <= clientHeight && !classList.contains("whole");
  }).observe(region);
  return element("div", {}, region, button);
}

const facts = (pairs) => definitions("facts", pairs);
const numbers = (pairs) => definitions("numbers", pairs);

// Dates and numbers as text.

function moment(iso) {
  const options = { dateStyle: "medium", timeStyle: "short" };
  return element("time", { dateTime: iso }, new Date(iso).toLocaleString(language, options));
}

function monthName(date) {
  const options = { month: "short", year: "numeric", timeZone: "UTC" };
  return new Date(date).toLocaleDateString(language, options);
}

function day(date) {
  const options = { day: "numeric", month: "short", timeZone: "UTC" };
  return new Date(date).toLocaleDateString(language, options);
}

function format(number, options) {
  return number === null ? "–" : Number(number).toLocaleString(language, options);
}

const count = (number) => format(number);
const money = (amount) => format(amount, { style: "currency", currency });
const roughly = (amount) => format(amount, { style: "currency", currency, notation: "compact" });
const percent = (share) => format(share, { style: "percent", maximumFractionDigits: 1 });
