// A timeline of the parts of a page, for development: a button that opens a chart. It observes
// `fetch()` and `EventSource`, so it works beside any client. Load it before the client.

import { attempt, observe } from "./timeline/observing.js";
import { mount } from "./timeline/panel.js";
import { Walks } from "./timeline/walks.js";

const LOADED = Symbol.for("partstream.timeline"); // a page may load the file from two addresses

function begin() {
  const walks = new Walks();
  observe((request, news, times) => walks.tell(request, news, times));
  const begun = () => attempt(() => mount(walks));
  if (document.body) begun();
  else document.addEventListener("DOMContentLoaded", begun);
}

// There is no document on a server that renders pages.
if (globalThis.document && !globalThis[LOADED]) {
  globalThis[LOADED] = true;
  begin();
}
