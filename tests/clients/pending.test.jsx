// Loops of stock clients that know nothing of pending parts, and what graphcache makes of a page
// without edges.

import { ApolloClient, gql as apolloGql, HttpLink, InMemoryCache } from "@apollo/client";
import { relayStylePagination } from "@apollo/client/utilities";
import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { beforeEach, describe, expect, test } from "vitest";
import { Client, fetchExchange, gql as urqlGql } from "urql";

import { djangoFetch } from "./.docs/fetch.js";
import { asked, control, watch } from "./shop.js";

const TEXT = `
  query ($after: String) {
    dashboard(first: 1, after: $after) {
      pageInfo { hasNextPage endCursor }
      edges { node { name overview { storeName } todayStats { ordersToday } } }
    }
  }
`;

const namesOf = ({ edges }) => edges.map(({ node }) => node.name);

beforeEach(() => watch());

test("a stock fetchMore() loop of Apollo goes on behind pages without edges", async () => {
  await control("pend", { part: "overview", times: 4 });
  const client = new ApolloClient({
    link: new HttpLink({ uri: "/graphql/", fetch: djangoFetch }),
    cache: new InMemoryCache({
      typePolicies: { Query: { fields: { dashboard: relayStylePagination() } } },
    }),
  });
  let { data } = await client.query({ query: apolloGql(TEXT) });
  const query = client.watchQuery({ query: apolloGql(TEXT) });
  const seen = query.subscribe(() => {});
  while (data.dashboard.pageInfo.hasNextPage) {
    const { endCursor } = data.dashboard.pageInfo;
    ({ data } = await query.fetchMore({ variables: { after: endCursor } }));
  }
  const { dashboard } = client.readQuery({ query: apolloGql(TEXT) });
  expect(namesOf(dashboard)).toEqual(["todayStats", "overview"]);
  expect(asked.length).toBeGreaterThan(2); // a page of edges, and pages without
  seen.unsubscribe();
});

describe("relayPagination() of urql", () => {
  const embedded = () => null;
  const types = ["DashboardConnection", "DashboardEdge", "DashboardPart", "Overview", "TodayStats"];

  function makeClient() {
    return new Client({
      url: "/graphql/",
      preferGetMethod: false,
      fetch: djangoFetch,
      exchanges: [
        cacheExchange({
          resolvers: { Query: { dashboard: relayPagination() } },
          keys: Object.fromEntries(types.map((type) => [type, embedded])),
        }),
        fetchExchange,
      ],
    });
  }

  test("skips a page without edges, which the cache then repeats for its cursor", async () => {
    await control("pend", { part: "today_stats" });
    const client = makeClient();
    const ask = async (after, requestPolicy) => {
      const { data } = await client.query(urqlGql(TEXT), { after }, { requestPolicy }).toPromise();
      return data.dashboard;
    };
    const { pageInfo } = await ask(null, "cache-first");
    const { endCursor } = pageInfo;
    const waiting = await ask(endCursor, "cache-first");
    expect(waiting.pageInfo).toMatchObject({ hasNextPage: true, endCursor });
    await control("release");
    await ask(endCursor, "cache-first");
    expect(asked).toEqual([null, endCursor]); // nothing was asked for
    const last = await ask(endCursor, "network-only");
    expect(asked).toEqual([null, endCursor, endCursor]);
    expect(namesOf(last)).toEqual(["overview", "todayStats"]);
    expect(last.pageInfo.hasNextPage).toBe(false);
  });
});
