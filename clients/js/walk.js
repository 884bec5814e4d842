// What the React hook and the Vue composable share: a walk whose state is told as it changes.

import { parts } from "./partstream.js";

export const WAITING = { parts: [], total: null, loading: false, error: null };

/** Walk `url`; `tell` gets each new state. Returns `{ retry(...names), stop() }`. */
export function walk(url, { signal, ...options } = {}, tell) {
  const controller = new AbortController();
  const signals = signal ? [signal, controller.signal] : [controller.signal];
  const init = { ...options, signal: AbortSignal.any(signals) };
  let state = WAITING;
  let running = 0;

  function set(change) {
    state = { ...state, ...change };
    if (!controller.signal.aborted) tell(state);
  }

  function put({ total, ...part }, only) {
    const known = state.parts.some(({ name }) => name === part.name);
    const all = known
      ? state.parts.map((one) => (one.name === part.name ? part : one))
      : [...state.parts, part];
    set(only ? { parts: all } : { parts: all, total });
  }

  async function run(only) {
    running += 1;
    set({ loading: true, error: null });
    try {
      for await (const part of parts(url, only ? { ...init, only } : init)) put(part, only);
    } catch (error) {
      set({ error });
    }
    running -= 1;
    set({ loading: running > 0 });
  }

  run();
  return { retry: (...names) => void run(names), stop: () => controller.abort() };
}
