// The walks as elements. Data is inserted as text, never as HTML.

import { FAILED, milliseconds, percent, seconds, titleOf, waitingWords, wordsOf } from "./words.js";

/** The element of a walk, and a function that draws what has changed. */
export function viewOf(walk) {
  const summary = make("summary");
  const list = make("ol");
  const element = make("details", { open: true }, summary, list);
  summary.addEventListener("click", () => {
    element.dataset.isKept = "yes"; // the user decides
  });
  let drawn = 0;
  return {
    element,
    draw() {
      if (drawn === walk.changes) return;
      drawn = walk.changes;
      summary.textContent = titleOf(walk);
      const came = walk.parts.map((part) =>
        rowOf(part.name, wordsOf(part, walk), spansOf(part), walk),
      );
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
  const all = [
    {
      className: FAILED.includes(status) ? "bar failed" : "bar",
      from: asked,
      to: shown,
      title: "",
    },
  ];
  if (pending) all.push(pendingSpan(pending.from, pending.to, pending.progress));
  if (server) {
    const { from, ms } = server;
    const title = `server ${milliseconds(ms)}`;
    all.push({ className: "bar server", from, to: Math.min(from + ms, shown), title });
  }
  return all;
}

function waitingSpans({ asked, from, progress }, { end }) {
  return [{ className: "bar", from: asked, to: end, title: "" }, pendingSpan(from, end, progress)];
}

const pendingSpan = (from, to, progress) => ({
  className: "bar pending",
  from,
  to,
  title: `pending for ${seconds(to - from)}${progress === null ? "" : `, ${percent(progress)} done`}`,
});

export function make(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Text for screen readers only. */
export const unseen = (text) => make("span", { className: "unseen" }, text);
