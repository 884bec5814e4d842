// The shop's dashboard: a card for each part, filled as soon as the part arrives.

import { deliver } from "./delivery.js";
import { drawings, drawAnything, element, quietly } from "./drawings.js";

const COMPUTED = "Computed in the background";

const titles = JSON.parse(document.querySelector("#titles").textContent);
const board = document.querySelector("#board");
const notice = document.querySelector("#notice");
const progress = document.querySelector("#progress");
const controls = document.querySelector("#controls");

// Walks: a new walk aborts the walk before.

let current = new AbortController();
const troubles = new Map(); // what each walk waits out

async function load() {
  current.abort();
  current = new AbortController();
  const { signal } = current;
  notice.hidden = true;
  progress.hidden = false;
  board.replaceChildren(...Object.keys(drawings).map(makeCard));
  report(board.childElementCount);
  try {
    await fill({ signal });
  } catch (error) {
    if (signal.aborted) return;
    stop(error);
  }
  // Remove the cards that still wait: the walk stopped, or this user does not get these parts.
  board.querySelectorAll(".waiting:not(.again)").forEach((card) => card.remove());
  report(board.childElementCount);
}

async function fill(options) {
  const began = performance.now();
  const onWaiting = (error) => {
    if (error) troubles.set(onWaiting, error);
    else troubles.delete(onWaiting);
    report(expected());
  };
  const parts = deliver[controls.over.value]({ ...options, onPending: showPending, onWaiting });
  for await (const part of parts) {
    const { name, value, error, total, timing } = part;
    const card = cardOf(name);
    const wasPending = card.classList.contains("computing");
    if (error) fail(card, error);
    else show(card, value);
    tell(card, performance.now() - began, wasPending ? "in the background" : timing);
    report(options.only ? expected() : (total ?? Math.max(expected(), board.childElementCount)));
  }
}

async function retry(card) {
  const only = card.dataset.part;
  const { signal } = current;
  wait(card).classList.add("again"); // keep this card if the walk ends without it
  report(expected());
  card.focus(); // the focused button is gone
  try {
    await fill({ only, signal });
  } catch (error) {
    if (signal.aborted) return;
    fail(card, { message: error.message, retryable: true });
    report(expected());
  }
}

// The server computes these parts in the background: [{ name, progress }, …].
function showPending(pending) {
  for (const { name, progress: share } of pending) {
    const card = cardOf(name);
    move(card.querySelector(".bar") ?? computing(card), share);
  }
  report(expected());
}

// Cards: waiting (with a bar, while the part is computed in the background), filled or failed.

function makeCard(name) {
  const words = titles[name] ?? name.replaceAll("_", " ");
  const title = element("h2", { id: `title-${name}` }, words[0].toUpperCase() + words.slice(1));
  const head = element("div", { className: "head" }, title, quietly(""));
  const card = element("section", { tabIndex: -1 }, head, element("div"));
  card.dataset.part = name;
  card.setAttribute("aria-labelledby", title.id);
  return wait(card);
}

function cardOf(name) {
  const card = [...board.children].find(({ dataset }) => dataset.part === name);
  return card ?? board.appendChild(makeCard(name));
}

function settle(card, state, ...content) {
  card.className = state;
  card.ariaBusy = String(state.startsWith("waiting"));
  card.lastElementChild.replaceChildren(...content);
  return card;
}

const skeleton = () => element("div", { className: "skeleton", ariaHidden: "true" });

function wait(card) {
  tell(card);
  return settle(card, "waiting", skeleton());
}

// Give the card a progress bar, and return it.
function computing(card) {
  const again = card.classList.contains("again") ? " again" : "";
  const bar = element("div", { className: "bar", role: "progressbar" }, element("div"));
  Object.assign(bar, { ariaValueMin: "0", ariaValueMax: "100" });
  bar.setAttribute("aria-labelledby", card.getAttribute("aria-labelledby"));
  settle(card, `waiting computing${again}`, quietly(COMPUTED), bar, skeleton());
  return bar;
}

// Show a share of the work, from 0 to 1; null if the server does not know it.
function move(bar, share) {
  const percent = share === null ? null : String(Math.round(share * 100));
  bar.ariaValueNow = percent;
  bar.firstElementChild.style.width = `${(share ?? 0) * 100}%`;
  bar.previousElementSibling.textContent = percent ? `${COMPUTED}: ${percent} % done` : COMPUTED;
}

function show(card, value) {
  const draw = drawings[card.dataset.part] ?? drawAnything;
  settle(card, "filled", ...(value === null ? [quietly("Nothing to show.")] : draw(value)));
}

function fail(card, { message, reference, retryable }) {
  const content = [element("p", {}, message)];
  if (reference) content.push(quietly(`Reference ${reference}`));
  if (retryable) {
    const button = element("button", { type: "button" }, "Retry");
    button.addEventListener("click", () => retry(card));
    content.push(button);
  }
  settle(card, "failed", ...content);
}

// Say in words when the part was here, after so many milliseconds, and what the server told of its
// work: a timing, or where the part was computed.
function tell(card, took, work) {
  const words = [];
  if (took !== undefined) words.push(`here after ${(took / 1000).toFixed(2)} s`);
  if (typeof work === "string") words.push(`computed ${work}`);
  else if (work?.cached) words.push("the server had it in its cache");
  else if (work) words.push(`the server worked ${milliseconds(work.ms)}`);
  card.firstElementChild.lastElementChild.textContent = words.join("; ");
}

const milliseconds = (ms) => `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`;

// The page as a whole.

const expected = () => progress.firstElementChild.max; // the total that was reported last

function report(total) {
  const [bar, status] = progress.children;
  const failed = board.querySelectorAll(".failed").length;
  bar.max = Math.max(total, 1);
  bar.value = board.querySelectorAll(".filled, .failed").length;
  const computed = board.querySelectorAll(".computing").length;
  const notes = [
    failed && `${failed} failed`,
    computed && `${computed} in the background`,
    ...Array.from(troubles.values(), troubleOf),
  ];
  const text = [`${bar.value} of ${total} parts`, ...notes.filter(Boolean)].join(", ");
  if (status.textContent !== text) status.textContent = text; // screen readers announce each change
  status.className = troubles.size ? "troubled" : "";
}

const troubleOf = ({ status }) =>
  `${status ? "the server is busy" : "no connection"}: trying again`;

function stop(error) {
  const [message, signIn, again] = notice.children;
  const denied = error.status === 401 || error.status === 403;
  message.textContent = denied
    ? "The dashboard is for members of staff. Sign in as one to see it."
    : `The dashboard could not be loaded: ${error.message}`;
  signIn.hidden = !denied;
  signIn.search = new URLSearchParams({ next: location.pathname + location.search });
  again.hidden = denied;
  notice.hidden = false;
  progress.hidden = true;
}

// The transport stands in the address, so that a link can select it.

const address = new URL(location.href);
if (address.searchParams.get("over") in deliver) {
  controls.over.value = address.searchParams.get("over");
}

controls.addEventListener("change", () => {
  address.searchParams.set("over", controls.over.value);
  history.replaceState(null, "", address);
  load();
});
controls.addEventListener("submit", (event) => {
  event.preventDefault();
  load();
});
notice.querySelector("button").addEventListener("click", () => {
  controls.querySelector("button").focus(); // the focused button is hidden by load()
  load();
});
load();
