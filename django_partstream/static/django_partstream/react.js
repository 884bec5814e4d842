import { useCallback, useEffect, useRef, useState } from "react";

import { IDLE, walk } from "./walk.js";

/**
 * The parts of `url` as they arrive; null waits for a URL. `options` (see `parts()`) are read when
 * a walk starts: on mount, when `url` changes, and on `reload()`.
 */
export function useParts(url, options) {
  const address = String(url || "");
  const start = { address, ...IDLE, loading: address !== "" };
  const [state, setState] = useState(start);
  const [round, setRound] = useState(0);
  const current = useRef(null);
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  useEffect(() => {
    setState(start);
    if (!address) return undefined;
    const walking = walk(address, latest.current, (now) => setState({ address, ...now }));
    current.current = walking;
    return () => {
      walking.stop();
      current.current = null;
    };
  }, [address, round]);
  const retry = useCallback((...given) => void current.current?.retry(...given), []);
  const refresh = useCallback((...given) => void current.current?.refresh(...given), []);
  const reload = useCallback(() => setRound((number) => number + 1), []);
  // Until the effect has run, the state may belong to the previous address.
  const { address: _, ...shown } = state.address === address ? state : start;
  return { ...shown, retry, refresh, reload };
}
