// A walk with observable state, shared by the React hook and the Vue composable.

import { parts } from "./partstream.js";
import { poll } from "./polling.js";
import { refreshing } from "./remembered.js";

export const IDLE = {
  parts: [],
  pending: [],
  total: null,
  loading: false,
  waiting: false,
  error: null,
};

/**
 * Walk `url` and call `tell` with each new state; refresh it each `every` seconds.
 *
 * Returns `stop()`, and `retry(names, { signal })` and `refresh(names, { signal })`, whose promises
 * are always fulfilled.
 */
export function walk(url, { signal, every, onPending, onWaiting, ...options } = {}, tell) {
  const controller = new AbortController();
  const stopped = controller.signal;
  const init = { ...options, signal: either(signal, stopped) };
  let state = IDLE;
  let loads = 0; // the walk and the retries that go on
  let runs = 0; // also refreshes, and also those that have ended
  const bringers = new Map(); // the number of the run that brought each part
  const waits = new Map(); // the pending parts of each run
  const troubled = new Set(); // the runs that wait for trouble to pass
  let broken = null; // the error that ended the walk; a retry of parts does not clear it

  function set(change) {
    if (Object.keys(change).every((key) => change[key] === state[key])) return;
    state = { ...state, ...change };
    if (!stopped.aborted) tell(state);
  }

  // What a later run brought stays.
  function put(part, run, change) {
    if (bringers.get(part.name) > run) return;
    bringers.set(part.name, run);
    const known = state.parts.find(({ name }) => name === part.name);
    // The value has not changed, so nothing is drawn anew.
    if (known?.etag && known.etag === part.etag) {
      set(change);
      return;
    }
    const all = known
      ? state.parts.map((one) => (one.name === part.name ? part : one))
      : [...state.parts, part];
    set({ ...change, parts: all });
  }

  // Each pending part once, also one that is pending in the walk and in a retry.
  function allPending() {
    const named = [...waits.values()].flat().map((part) => [part.name, part]);
    if (!named.length && !state.pending.length) return state.pending;
    return [...new Map(named).values()];
  }

  // The options of a run, which tell of its pending parts and of its waits.
  function observed(change) {
    const own = { ...init, ...change, signal: either(change.signal, init.signal) };
    own.onPending = (pending) => {
      waits.set(own, pending);
      set({ pending: allPending() });
      if (!stopped.aborted) onPending?.(state.pending);
    };
    own.onWaiting = (error) => {
      if (error) troubled.add(own);
      else troubled.delete(own);
      set({ waiting: troubled.size > 0 });
      if (error || !state.waiting) onWaiting?.(error);
    };
    return own;
  }

  // Ask for these parts, or for all: null. A load shows, a refresh replaces what is there.
  async function run(names, { isLoad = true, ...change }) {
    const own = observed({ ...change, only: names ?? options.only });
    const number = (runs += 1);
    let told = null; // the number of all parts
    if (isLoad) {
      loads += 1;
      set({ loading: true, error: broken });
    }
    try {
      for await (const { total, ...part } of parts(url, own)) {
        if (!names) told = total ?? told;
        put(part, number, { total: told ?? state.total });
      }
      if (!names) complete(number, told, isLoad);
    } catch (error) {
      if (!names && isLoad) broken = error;
      if (!change.signal?.aborted) set({ error });
    }
    if (isLoad) loads -= 1;
    waits.delete(own);
    set({ loading: loads > 0, pending: allPending() });
  }

  // All parts came: the others are not in the response any more. A part of a stream has no total.
  function complete(number, told, isLoad) {
    const left = state.parts.filter(({ name }) => bringers.get(name) >= number);
    const parts = left.length < state.parts.length ? left : state.parts;
    set({ parts, total: told ?? left.length });
    if (isLoad) return;
    broken = null;
    set({ error: null });
  }

  // A renderer may have renamed a part; its error has the name to ask for.
  function requested(name) {
    return state.parts.find((part) => part.name === name)?.error?.part ?? name;
  }

  async function retry(...given) {
    const { names, signal } = wanted(given);
    const failed = state.parts
      .filter(({ error }) => error?.retryable)
      .map(({ error }) => error.part);
    const some = names?.map(requested) ?? failed;
    if (some.length) await run(some, { signal });
  }

  async function refresh(...given) {
    const { names, signal } = wanted(given);
    const remembered = refreshing(state.parts, names, options.remembered);
    await run(names?.map(requested), { isLoad: false, first: null, signal, remembered });
  }

  run(null, {}).then(() => {
    if (every > 0) poll(every, refresh, init.signal);
  });
  return { retry, refresh, stop: () => controller.abort() };
}

// The names in `retry("a", "b")` or `retry(["a", "b"], { signal })`, and the signal. Names are null
// in `retry()`, also where a button calls it with an event.
function wanted(given) {
  const names = given.filter((one) => typeof one === "string" || Array.isArray(one));
  return { names: names.length ? names.flat() : null, signal: given.at(-1)?.signal };
}

// A signal that aborts as soon as either does; the first may be missing.
function either(one, other) {
  return one ? AbortSignal.any([one, other]) : other;
}
