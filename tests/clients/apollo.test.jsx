// Parts that are selected on the connection itself, in Apollo.

import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { relayStylePagination } from "@apollo/client/utilities";
import { expect, test } from "vitest";

import { keepDelivered } from "./.docs/apollo/keepDelivered.js";
import { djangoFetch } from "./.docs/fetch.js";
import { control } from "./shop.js";

const QUERY = gql`
  query ($after: String) {
    dashboard(first: 1, after: $after) {
      pageInfo { hasNextPage endCursor }
      overview { storeName }
      todayStats { ordersToday }
      inventoryAlerts { id name }
      edges { node { name error { code } } }
    }
  }
`;

async function walked(policy) {
  const client = new ApolloClient({
    link: new HttpLink({ uri: "/graphql/", fetch: djangoFetch }),
    cache: new InMemoryCache({ typePolicies: { Query: { fields: { dashboard: policy } } } }),
  });
  await client.query({ query: QUERY });
  const query = client.watchQuery({ query: QUERY });
  const seen = query.subscribe(() => {});
  const now = () => client.readQuery({ query: QUERY }).dashboard;
  while (now().pageInfo.hasNextPage) {
    await query.fetchMore({ variables: { after: now().pageInfo.endCursor } });
  }
  return { now, query, stop: () => seen.unsubscribe() };
}

test("parts on the connection are wiped by the next page in a stock Apollo cache", async () => {
  const { now, stop } = await walked(relayStylePagination());
  expect(now().overview).toBe(null);
  stop();
});

test("parts on the connection are kept by keepDelivered()", async () => {
  const { now, stop } = await walked(keepDelivered());
  expect(now().overview.storeName).toBe("Corner Shop");
  expect(now().todayStats.ordersToday).toBeTypeOf("number");
  expect(now().inventoryAlerts).toBeInstanceOf(Array);
  expect(now().edges.map(({ node }) => node.name)).toEqual([
    "overview",
    "todayStats",
    "inventoryAlerts",
  ]);
  stop();
});

test("parts on the connection are replaced when the first page is refetched", async () => {
  const { now, query, stop } = await walked(keepDelivered());
  await control("fail", { part: "overview" });
  await query.refetch();
  expect(now()).toMatchObject({ overview: null, todayStats: null });
  expect(now().edges.map(({ node }) => node.error?.code)).toEqual(["part_failed"]);
  stop();
});
