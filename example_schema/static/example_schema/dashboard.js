// The shop's dashboard: a card for each part, filled as soon as the part arrives.

import { deliver } from "./delivery.js";
import { drawings, drawAnything, element, quietly } from "./drawings.js";

const board = document.querySelector("#board");
const notice = document.querySelector("#notice");
const progress = document.querySelector("#progress");
const controls = document.querySelector("#controls");

// Walks: a new walk aborts the walk before.

let current = new AbortController();

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
  const parts = deliver[controls.over.value]({ ...options, onPending: showPending });
  for await (const part of parts) {
    const { name, value, error, total, worked } = part;
    const card = cardOf(name);
    if (error) fail(card, error);
    else show(card, value);
    tell(card, performance.now() - began, worked);
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
  const words = name.replaceAll("_", " ");
  const title = element("h2", { id: `title-${name}` }, words[0].toUpperCase() + words.slice(1));
  const took = quietly("", "span");
  took.title = "How long the server worked on it, where it says so, and when it was here";
  const head = element("div", { className: "head" }, title, took);
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

function wait(card) {
  tell(card);
  return settle(card, "waiting", element("div", { className: "skeleton", ariaHidden: "true" }));
}

// Give the card a progress bar, and return it.
function computing(card) {
  const again = card.classList.contains("again") ? " again" : "";
  const bar = element("div", { className: "bar", role: "progressbar" }, element("div"));
  Object.assign(bar, { ariaValueMin: "0", ariaValueMax: "100" });
  bar.setAttribute("aria-labelledby", card.getAttribute("aria-labelledby"));
  settle(card, `waiting computing${again}`, quietly("Computed in the background"), bar);
  return bar;
}

// Show a share of the work, from 0 to 1; null if the server does not know it.
function move(bar, share) {
  bar.ariaValueNow = share === null ? null : String(Math.round(share * 100));
  bar.firstElementChild.style.width = `${(share ?? 0) * 100}%`;
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

// Show the time until the part arrived and the server's time for it, both in milliseconds.
function tell(card, took, worked) {
  const times = [];
  if (worked !== undefined) times.push(`server ${Number(Number(worked).toPrecision(2))} ms`);
  if (took !== undefined) times.push(`${(took / 1000).toFixed(2)} s`);
  card.firstElementChild.lastElementChild.textContent = times.join(" · ");
}

// The page as a whole.

const expected = () => progress.firstElementChild.max; // the total that was reported last

function report(total) {
  const [bar, status] = progress.children;
  const failed = board.querySelectorAll(".failed").length;
  bar.max = Math.max(total, 1);
  bar.value = board.querySelectorAll(".filled, .failed").length;
  const computed = board.querySelectorAll(".computing").length;
  const notes = [failed && `${failed} failed`, computed && `${computed} in the background`];
  const text = [`${bar.value} of ${total} parts`, ...notes.filter(Boolean)].join(", ");
  if (status.textContent !== text) status.textContent = text; // screen readers announce each change
}

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
