// A walk with observable state, shared by the React hook and the Vue composable.

import { either, wanted } from "./loader.js";
import { parts } from "./partstream.js";

export const IDLE = {
  parts: [],
  pending: [],
  total: null,
  loading: false,
  waiting: false,
  error: null,
};

/** Walk `url` and call `tell` with each new state. Returns `{ retry(names, { signal }), stop() }`. */
export function walk(url, { signal, onPending, onWaiting, ...options } = {}, tell) {
  const controller = new AbortController();
  const stopped = controller.signal;
  const init = { ...options, signal: either(signal, stopped) };
  let state = IDLE;
  let running = 0;
  const waits = new Map(); // the pending parts of each run
  const troubled = new Set(); // the runs that wait for trouble to pass
  let broken = null; // the error that ended the walk; a retry of parts does not clear it

  function set(change) {
    state = { ...state, ...change };
    if (!stopped.aborted) tell(state);
  }

  function put({ total, ...part }, only) {
    const known = state.parts.some(({ name }) => name === part.name);
    const all = known
      ? state.parts.map((one) => (one.name === part.name ? part : one))
      : [...state.parts, part];
    set(only ? { parts: all } : { parts: all, total });
  }

  // Each pending part once, also one that is pending in the walk and in a retry.
  function allPending() {
    const named = [...waits.values()].flat().map((part) => [part.name, part]);
    return [...new Map(named).values()];
  }

  async function run(only, signal) {
    const own = { ...init, signal: either(signal, init.signal) };
    if (only) own.only = only;
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
    running += 1;
    set({ loading: true, error: broken });
    try {
      for await (const part of parts(url, own)) put(part, only);
      // A part of a stream has no total.
      if (!only) set({ total: state.total ?? state.parts.length });
    } catch (error) {
      if (!only) broken = error;
      if (!signal?.aborted) set({ error });
    }
    running -= 1;
    waits.delete(own);
    set({ loading: running > 0, pending: allPending() });
  }

  // A renderer may have renamed a part; its error has the name to ask for.
  function requested(name) {
    return state.parts.find((part) => part.name === name)?.error?.part ?? name;
  }

  async function retry(...given) {
    const { names, signal } = wanted(given);
    const failed = state.parts.filter(({ error }) => error?.retryable).map(({ error }) => error.part);
    const only = names?.map(requested) ?? failed;
    if (only.length) await run(only, signal);
  }

  run();
  return { retry, stop: () => controller.abort() };
}
