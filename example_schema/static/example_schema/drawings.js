// How each part of the dashboard is drawn: from its value to the nodes that show it.

const language = document.documentElement.lang;

// In the order of their cards.
export const drawings = {
  overview: ({ store_name, admin, timestamp }) => [
    facts({ Shop: store_name, "Signed in as": admin, "As of": moment(timestamp) }),
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
    const rows = orders.map(({ id, customer, created_at, status, total }) => {
      const cells = [`#${id}`, customer, moment(created_at), badge(status), money(total)];
      return element("tr", {}, ...cells.map((cell) => element("td", {}, cell)));
    });
    const head = titles.map((title) => element("th", { scope: "col" }, title));
    const table = element(
      "table",
      {},
      element("thead", {}, element("tr", {}, ...head)),
      element("tbody", {}, ...rows),
    );
    return [scroller("Orders", table)];
  },

  inventory_alerts(products) {
    if (!products.length) return [quietly("Nothing is running out.")];
    const items = products.map(({ name, sku, stock }) => {
      const product = element("span", {}, name, " ", quietly(sku, "small"));
      return element("li", {}, product, stock ? badge(`${stock} left`) : badge("sold out"));
    });
    return [scroller("Products", element("ul", {}, ...items))];
  },

  sales_analytics: ({ total_revenue, avg_order_value, conversion_rate, by_month }) => [
    numbers({
      Revenue: money(total_revenue),
      "Average order": money(avg_order_value),
      Conversion: percent(conversion_rate),
    }),
    ...(by_month.length ? [barChart(by_month)] : []),
  ],

  customer_insights: ({ total_customers, buyers, churn_rate, lifetime_value }) => [
    facts({
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

function barChart(months) {
  const highest = months.reduce((best, month) => (+month.revenue > +best.revenue ? month : best));
  const peak = `Most in ${monthName(highest.month)}: ${money(highest.revenue)}`;
  const [from, to] = [monthName(months[0].month), monthName(months.at(-1).month)];
  const chart = svg("svg", {
    viewBox: `0 0 ${months.length * 10} 100`,
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": `Revenue by month, ${from} to ${to}. ${peak}.`,
  });
  months.forEach(({ month, revenue, orders }, place) => {
    const height = (100 * revenue) / highest.revenue || 0;
    const bar = svg("rect", { x: place * 10 + 1, y: 100 - height, width: 8, height });
    const tip = svg("title");
    tip.textContent = `${monthName(month)}: ${money(revenue)} from ${count(orders)} orders`;
    bar.append(tip);
    chart.append(bar);
  });
  const labels = [from, peak, to].map((label) => element("span", {}, label));
  return element("figure", {}, chart, element("figcaption", {}, ...labels));
}

// Elements. Data goes in as text, never as HTML.

export function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export const quietly = (text, tag = "p") => element(tag, { className: "quiet" }, text);

function svg(tag, attributes = {}) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
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

function scroller(label, child) {
  const made = element("div", { className: "scroller", tabIndex: 0, role: "region" }, child);
  made.setAttribute("aria-label", label); // whoever scrolls with the keyboard hears where
  return made;
}

const facts = (pairs) => definitions("facts", pairs);
const numbers = (pairs) => definitions("numbers", pairs);

// Words.

function moment(iso) {
  const options = { dateStyle: "medium", timeStyle: "short" };
  return element("time", { dateTime: iso }, new Date(iso).toLocaleString(language, options));
}

function monthName(date) {
  const options = { month: "short", year: "numeric", timeZone: "UTC" };
  return new Date(date).toLocaleDateString(language, options);
}

function format(number, options) {
  return number === null ? "–" : Number(number).toLocaleString(language, options);
}

const count = (number) => format(number);
const money = (amount) => format(amount, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const percent = (share) => format(share, { style: "percent", maximumFractionDigits: 1 });
