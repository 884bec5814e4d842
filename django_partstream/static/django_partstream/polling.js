// Polling that rests while nobody looks.

/**
 * Call `refresh()` again `seconds` after it has ended, until `signal` aborts. Rest while the tab is
 * hidden, and call it at once when the tab becomes visible.
 */
export function poll(seconds, refresh, signal) {
  const { document } = globalThis; // missing outside of browsers, where nothing is hidden
  let timer;
  let isBusy = false;

  async function begin() {
    clearTimeout(timer);
    if (isBusy) return;
    isBusy = true;
    await refresh();
    isBusy = false;
    wait();
  }

  function wait() {
    if (!signal.aborted && !document?.hidden) timer = setTimeout(begin, seconds * 1_000);
  }

  function look() {
    if (document.hidden) clearTimeout(timer);
    else begin();
  }

  document?.addEventListener("visibilitychange", look, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  wait();
}
