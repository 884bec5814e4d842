import { computed, onScopeDispose, shallowRef, toValue, watch } from "vue";

import { IDLE, walk } from "./walk.js";

/**
 * The parts of `url` as they arrive, as refs. `url` may be a ref or a getter; null waits for a URL.
 * `options` (see `parts()`) are read when a walk starts.
 */
export function useParts(url, options) {
  const address = () => String(toValue(url) || "");
  const state = shallowRef(IDLE);
  let walking = null;

  function stop() {
    walking?.stop();
    walking = null;
  }

  function reload() {
    stop();
    const begins = address() !== "";
    state.value = { ...IDLE, loading: begins };
    // In server-side rendering the walk would never be awaited or stopped.
    if (begins && globalThis.document) {
      walking = walk(address(), toValue(options), (next) => {
        state.value = next;
      });
    }
  }

  watch(address, reload, { immediate: true });
  onScopeDispose(stop);
  const of = (name) => computed(() => state.value[name]);
  return {
    parts: of("parts"),
    pending: of("pending"),
    total: of("total"),
    loading: of("loading"),
    waiting: of("waiting"),
    error: of("error"),
    retry: (...given) => void walking?.retry(...given),
    refresh: (...given) => void walking?.refresh(...given),
    reload,
  };
}
