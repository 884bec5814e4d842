// The button and the panel that it opens, in a shadow tree: the page's styles and the panel's do not
// meet. The widths of bars are set by the CSSOM, so that a strict policy of the page allows them.

import { CSS } from "./style.js";
import { milliseconds, percent, seconds, titleOf, waitingWords, wordsOf } from "./words.js";

const ID = "partstream-timeline";
const KEYS = "Alt+Shift+P";
const LEGEND = [
  ["bar", "from asked to shown"],
  ["bar server", "the server works (its place is an estimate)"],
  ["bar pending", "pending"],
  ["bar failed", "failed"],
];

/** Put the button on the page: into its element with the id, or into a corner. */
export function mount(walks) {
  const host = document.getElementById(ID) ?? document.body.appendChild(corner());
  new Panel(host.attachShadow({ mode: "open" }), walks);
}

function corner() {
  const host = make("div", { id: ID, role: "region" });
  host.setAttribute("aria-label", "Timeline");
  return host;
}

class Panel {
  #views = new Map(); // of each walk
  #changed = new Set();
  #frame = null;

  constructor(root, walks) {
    this.walks = walks;
    this.root = root;
    this.count = make("span", { className: "count" });
    this.button = make("button", { type: "button", title: KEYS }, "Timeline ", this.count);
    this.groups = make("div", { className: "groups", tabIndex: 0, role: "group" });
    this.panel = this.#makePanel();
    root.adoptedStyleSheets = [sheetOf(CSS)];
    root.append(this.button, this.panel);
    this.button.addEventListener("click", () => (this.isOpen ? this.close() : this.open()));
    document.addEventListener("keydown", (event) => this.#press(event));
    walks.onChange((walk) => this.#change(walk));
    this.#draw();
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  open() {
    this.opener = focused();
    this.#show(true);
    this.#draw();
    this.panel.focus();
  }

  close() {
    const hasFocus = this.panel.contains(this.root.activeElement);
    this.#show(false);
    if (hasFocus) (this.opener?.isConnected ? this.opener : this.button).focus();
  }

  #show(isOpen) {
    this.panel.hidden = !isOpen;
    this.button.ariaExpanded = String(isOpen);
  }

  #press(event) {
    const { altKey, shiftKey, ctrlKey, metaKey, code } = event;
    if (event.defaultPrevented || isEditable(event.composedPath()[0])) return;
    if (event.key === "Escape" && this.isOpen) this.close();
    else if (altKey && shiftKey && !ctrlKey && !metaKey && code === "KeyP") this.#toggle();
    else return;
    event.preventDefault();
  }

  #toggle() {
    if (this.isOpen) this.close();
    else this.open();
  }

  #makePanel() {
    const title = make("h2", { id: "title" }, "Timeline of parts");
    const close = make("button", { type: "button" }, "Close");
    const head = make("div", { className: "head" }, title, close);
    const legend = LEGEND.map(([className, text]) =>
      make("span", {}, make("i", { className, ariaHidden: "true" }), text, unseen("; ")),
    );
    close.addEventListener("click", () => this.close());
    this.groups.ariaLabel = "Walks, the latest first";
    this.button.setAttribute("aria-keyshortcuts", KEYS);
    this.button.setAttribute("aria-controls", "panel");
    this.empty = make("p", {}, "No answer with parts has come since the timeline was loaded.");
    const panel = make(
      "div",
      { id: "panel", role: "dialog", tabIndex: -1, hidden: true },
      head,
      make("p", { className: "legend" }, ...legend),
      this.empty,
      this.groups,
    );
    panel.setAttribute("aria-labelledby", "title");
    this.button.ariaExpanded = "false";
    return panel;
  }

  #change(walk) {
    this.#changed.add(walk);
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#draw();
    });
  }

  #draw() {
    const { all } = this.walks;
    const parts = all[0]?.parts.length ?? 0;
    this.count.replaceChildren(String(parts), unseen(parts === 1 ? " part" : " parts"));
    if (!this.isOpen) return;
    this.empty.hidden = all.length > 0;
    const active = this.root.activeElement;
    for (const [walk, view] of this.#views) if (!all.includes(walk)) this.#forget(walk, view);
    for (const walk of [...all].reverse()) {
      const view = this.#views.get(walk) ?? this.#begin(walk);
      if (this.#changed.has(walk)) view.draw();
    }
    this.#changed.clear();
    if (active !== this.root.activeElement) active?.focus(); // its group was moved
  }

  #begin(walk) {
    const known = [...this.groups.children].find(({ dataset }) => dataset.group === walk.group);
    const group = known ?? make("div", {}, make("h3", {}, walk.group));
    group.dataset.group = walk.group;
    if (group !== this.groups.firstChild) this.groups.prepend(group);
    const before = group.querySelector("details");
    if (before && !before.dataset.isKept) before.open = false;
    const view = viewOf(walk);
    group.firstChild.after(view.element);
    this.#views.set(walk, view);
    view.draw();
    return view;
  }

  #forget(walk, { element }) {
    const group = element.parentNode;
    element.remove();
    if (group.children.length === 1) group.remove();
    this.#views.delete(walk);
  }
}

// The element of a walk, and a function that draws what there is by now.
function viewOf(walk) {
  const summary = make("summary");
  const list = make("ol");
  const element = make("details", { open: true }, summary, list);
  summary.addEventListener("click", () => {
    element.dataset.isKept = "yes"; // the user decides
  });
  return {
    element,
    draw() {
      summary.textContent = titleOf(walk);
      const came = walk.parts.map((part) => rowOf(part.name, wordsOf(part, walk), spansOf(part), walk));
      const waits = [...walk.pending.values()].map((wait) =>
        rowOf(wait.name, waitingWords(wait, walk), waitingSpans(wait, walk), walk),
      );
      list.replaceChildren(...came, ...waits);
    },
  };
}

// A part: its words, which are for all to read, and its bar.
function rowOf(name, words, spans, walk) {
  const length = Math.max(walk.end - walk.asked, 1);
  const share = (time) => `${(time / length) * 100}%`;
  const bars = spans.map(({ className, from, to, title }) => {
    const bar = make("i", { className, title });
    bar.style.insetInlineStart = share(from - walk.asked);
    bar.style.width = share(to - from);
    return bar;
  });
  const text = make("p", {}, make("b", {}, name), make("span", {}, `: ${words}`));
  return make("li", {}, text, make("div", { className: "chart", ariaHidden: "true" }, ...bars));
}

function spansOf({ asked, shown, status, server, pending }) {
  const isFailed = ["error", "timeout", "denied"].includes(status);
  const all = [{ className: isFailed ? "bar failed" : "bar", from: asked, to: shown, title: "" }];
  if (pending) all.push(pendingSpan(pending.from, pending.to, pending.progress));
  if (server) {
    const { from, ms } = server;
    const title = `server ${milliseconds(ms)}`;
    all.push({ className: "bar server", from, to: Math.min(from + ms, shown), title });
  }
  return all;
}

function waitingSpans({ asked, from, progress }, { end }) {
  return [
    { className: "bar", from: asked, to: end, title: "" },
    pendingSpan(from, end, progress),
  ];
}

const pendingSpan = (from, to, progress) => ({
  className: "bar pending",
  from,
  to,
  title: `pending for ${seconds(to - from)}${progress === null ? "" : `, ${percent(progress)} done`}`,
});

function make(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const unseen = (text) => make("span", { className: "unseen" }, text);

function sheetOf(css) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync?.(css); // jsdom has no styles
  return sheet;
}

// The element with the focus, also in shadow trees.
function focused() {
  let active = document.activeElement;
  while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
  return active;
}

const isEditable = (element) =>
  element?.isContentEditable || /^(input|textarea|select)$/i.test(element?.tagName ?? "");
