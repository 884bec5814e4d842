import { computed, onScopeDispose, shallowRef, toValue, watch } from "vue";

import { WAITING, walk } from "./walk.js";

/**
 * The parts of `url` (a text, a ref or a getter; null waits) as they come, as refs. `options`
 * (see `parts()`) are read when a walk begins.
 */
export function useParts(url, options) {
  const state = shallowRef(WAITING);
  let walking = null;

  function stop() {
    walking?.stop();
    walking = null;
  }

  function reload() {
    stop();
    state.value = WAITING;
    const address = toValue(url);
    if (address) {
      walking = walk(address, toValue(options), (next) => {
        state.value = next;
      });
    }
  }

  watch(() => String(toValue(url) ?? ""), reload, { immediate: true });
  onScopeDispose(stop);
  const of = (name) => computed(() => state.value[name]);
  return {
    parts: of("parts"),
    total: of("total"),
    loading: of("loading"),
    error: of("error"),
    retry: (...names) => walking?.retry(...names),
    reload,
  };
}
