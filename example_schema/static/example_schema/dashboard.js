// The shop's dashboard: a card for each part, filled as soon as its page arrives.

import { drawings, drawAnything, element, quietly } from "./drawings.js";

const board = document.querySelector("#board");
const notice = document.querySelector("#notice");
const progress = document.querySelector("#progress");

// Delivery: pages over REST, one after another, until the cursor is null.

async function fetchPage(query = "") {
  const headers = { Accept: "application/json" };
  const response = await fetch(board.dataset.api + query, { headers });
  if (response.ok) return response.json();
  const { detail = response.statusText } = await response.json().catch(() => ({}));
  throw Object.assign(new Error(detail), { status: response.status });
}

async function* fetchPages() {
  let cursor = null;
  do {
    const page = await fetchPage(cursor ? `?cursor=${cursor}` : "");
    yield page;
    cursor = page.cursor;
  } while (cursor);
}

async function walk() {
  for await (const page of fetchPages()) {
    progress.firstElementChild.max = page.meta.total_parts;
    show(page);
  }
}

async function load() {
  notice.hidden = true;
  progress.hidden = false;
  board.replaceChildren(...Object.keys(drawings).map(makeCard));
  progress.firstElementChild.max = board.childElementCount;
  report();
  try {
    await walk().catch((error) => {
      // 400 and 410: the cursor is no longer good. Start again, once.
      if (error.status !== 400 && error.status !== 410) throw error;
      return walk();
    });
  } catch (error) {
    stop(error);
  }
  // What still waits comes no more: the walk stopped, or these parts are not for this user.
  board.querySelectorAll(".waiting").forEach((card) => card.remove());
}

async function retry(name) {
  const card = cardOf(name);
  wait(card);
  report();
  try {
    show(await fetchPage(`?parts=${encodeURIComponent(name)}`));
  } catch (error) {
    fail(card, { message: error.message, retryable: true });
    report();
  }
  card.focus(); // the button that had the focus is gone
}

// Cards: waiting, filled or failed.

function makeCard(name) {
  const words = name.replaceAll("_", " ");
  const title = element("h2", { id: `title-${name}` }, words[0].toUpperCase() + words.slice(1));
  const card = element("section", { tabIndex: -1 }, title, element("div"));
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
  card.ariaBusy = String(state === "waiting");
  card.lastElementChild.replaceChildren(...content);
  return card;
}

function wait(card) {
  return settle(card, "waiting", element("div", { className: "skeleton" }));
}

function fill(card, value) {
  const draw = drawings[card.dataset.part] ?? drawAnything;
  settle(card, "filled", ...(value === null ? [quietly("Nothing to show.")] : draw(value)));
}

function fail(card, { message, reference, retryable }) {
  const content = [element("p", {}, message)];
  if (reference) content.push(quietly(`Reference ${reference}`));
  if (retryable) {
    const button = element("button", { type: "button" }, "Retry");
    button.addEventListener("click", () => retry(card.dataset.part));
    content.push(button);
  }
  settle(card, "failed", ...content);
}

// The page as a whole.

function show({ results, errors = [] }) {
  const failures = new Map(errors.map((error) => [error.part, error]));
  for (const [name, value] of results.flatMap(Object.entries)) {
    if (failures.has(name)) fail(cardOf(name), failures.get(name));
    else fill(cardOf(name), value);
  }
  report();
}

function report() {
  const [bar, status] = progress.children;
  const failed = board.querySelectorAll(".failed").length;
  bar.value = board.querySelectorAll(".filled, .failed").length;
  status.textContent = `${bar.value} of ${bar.max} parts${failed ? `, ${failed} failed` : ""}`;
}

function stop(error) {
  const [message, signIn, again] = notice.children;
  const denied = error.status === 401 || error.status === 403;
  message.textContent = denied
    ? "The dashboard is for members of staff. Sign in as one to see it."
    : `The dashboard could not be loaded: ${error.message}`;
  signIn.hidden = !denied;
  again.hidden = denied;
  notice.hidden = false;
  progress.hidden = true;
}

notice.querySelector("button").addEventListener("click", load);
load();
