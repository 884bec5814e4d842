// The dashboard of each client, with the code of docs/clients.

import { ApolloProvider } from "@apollo/client/react";
import { Suspense } from "react";
import { RelayEnvironmentProvider } from "react-relay";

import { makeClient } from "./.docs/apollo/client.js";
import { Dashboard as ApolloDashboard } from "./.docs/apollo/Dashboard.jsx";
import { Dashboard as RelayDashboard } from "./.docs/relay/Dashboard.jsx";
import { makeEnvironment } from "./.docs/relay/environment.js";
import { Dashboard as UrqlDashboard } from "./.docs/urql/Dashboard.jsx";

export const APPS = {
  Apollo: () => (
    <ApolloProvider client={makeClient()}>
      <ApolloDashboard />
    </ApolloProvider>
  ),
  Relay: () => (
    <RelayEnvironmentProvider environment={makeEnvironment()}>
      <Suspense fallback="Loading …">
        <RelayDashboard />
      </Suspense>
    </RelayEnvironmentProvider>
  ),
  urql: () => <UrqlDashboard />,
};
