// The button and the panel that it opens, in a shadow tree: the page's styles and the panel's do not
// meet. The widths of bars are set by the CSSOM, so that a strict policy of the page allows them.

import { make, unseen, viewOf } from "./drawing.js";
import { CSS } from "./style.js";

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
    this.button.addEventListener("click", () => this.#toggle());
    document.addEventListener("keydown", (event) => this.#press(event));
    walks.onChange(() => this.#change());
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

  #change() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#draw();
    });
  }

  #draw() {
    const { all } = this.walks;
    const parts = all[0]?.parts.length ?? 0;
    this.count.replaceChildren(String(parts), unseen(parts === 1 ? " part" : " parts"));
    if (this.isOpen) this.#drawWalks(all);
  }

  #drawWalks(all) {
    this.empty.hidden = all.length > 0;
    const active = this.root.activeElement;
    for (const [walk, view] of this.#views) if (!all.includes(walk)) this.#forget(walk, view);
    for (const walk of [...all].reverse()) (this.#views.get(walk) ?? this.#begin(walk)).draw();
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
    return view;
  }

  #forget(walk, { element }) {
    const group = element.parentNode;
    element.remove();
    if (group.children.length === 1) group.remove();
    this.#views.delete(walk);
  }
}

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

const FIELDS = `textarea, select,
  input:not([type=radio], [type=checkbox], [type=range], [type=button], [type=submit])`;

const isEditable = (element) => element?.isContentEditable || element?.matches?.(FIELDS);
