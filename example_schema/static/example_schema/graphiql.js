// GraphiQL reads its query from the address. If there is none, begin with the dashboard's query.
if (!location.hash) {
  const query = document.currentScript.dataset.query;
  const variables = JSON.stringify({ first: 2, after: "" }, null, 2);
  history.replaceState(
    null,
    "",
    `#query=${encodeURIComponent(query)}&variables=${encodeURIComponent(variables)}`,
  );
}
