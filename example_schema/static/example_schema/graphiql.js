// As graphene-django's page has them inline, which our policy refuses.
window.GRAPHENE_SETTINGS = { graphiqlHeaderEditorEnabled: true };

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

// GraphiQL 2, which graphene-django ships, knows no increments: give it all that is there by now.
const { fetch } = window;

window.fetch = async (...request) => {
  const response = await fetch(...request);
  if (!response.headers.get("Content-Type")?.startsWith("multipart/mixed")) return response;
  const body = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TransformStream(new Merging()))
    .pipeThrough(new TextEncoderStream());
  return new Response(body, response);
};

class Merging {
  text = "";
  data = null;

  transform(text, controller) {
    const parts = (this.text + text).split("\r\n---");
    this.text = parts.pop();
    for (const part of parts) controller.enqueue(`${this.taken(part)}\r\n---`);
  }

  flush(controller) {
    controller.enqueue(this.text);
  }

  taken(part) {
    const start = part.indexOf("{");
    if (start < 0) return part;
    const payload = JSON.parse(part.slice(start));
    const { data, errors = [], incremental = [], hasNext } = payload;
    this.data ??= data;
    for (const { path, data } of incremental) {
      merge(path.reduce((at, key) => at[key], this.data), data);
    }
    const told = [...errors, ...incremental.flatMap(({ errors }) => errors ?? [])];
    const whole = { data: this.data, ...(told.length ? { errors: told } : {}), hasNext };
    return part.slice(0, start) + JSON.stringify(whole);
  }
}

function merge(into, data) {
  for (const key in data) {
    const isInside = into[key] && data[key] && typeof data[key] === "object";
    if (isInside) merge(into[key], data[key]);
    else into[key] = data[key];
  }
}
