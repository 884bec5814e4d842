// GraphiQL reads what it shows from the address. Nothing there: begin with the dashboard.
if (!location.hash) {
  const query = document.currentScript.dataset.query;
  const variables = JSON.stringify({ first: 2, after: "" }, null, 2);
  history.replaceState(
    null,
    "",
    `#query=${encodeURIComponent(query)}&variables=${encodeURIComponent(variables)}`,
  );
}
