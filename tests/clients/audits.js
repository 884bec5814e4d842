// The audits of GraphQL over HTTP, against the server at PARTSTREAM_GRAPHQL; the exit code says
// whether all of them pass.

import { serverAudits } from "graphql-http";

const url = process.env.PARTSTREAM_GRAPHQL;
if (!url) throw new Error("These audits need a server: make test ARGS='tests/clients -k audits'");

const counts = { MUST: 0, SHOULD: 0, MAY: 0 };
const failures = [];
for (const audit of serverAudits({ url })) {
  const result = await audit.fn();
  counts[audit.name.split(" ")[0]] += 1;
  if (result.status !== "ok") failures.push(`${audit.id} ${audit.name}: ${result.reason}`);
}
console.log(JSON.stringify(counts));
for (const failure of failures) console.error(failure);
process.exitCode = failures.length ? 1 : 0;
