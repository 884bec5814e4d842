import { useCallback, useEffect, useRef, useState } from "react";

import { WAITING, walk } from "./walk.js";

/**
 * The parts of `url` as they come; null waits. `options` (see `parts()`) are read when a walk
 * begins: at first, when `url` changes, and by `reload()`.
 */
export function useParts(url, options) {
  const [state, setState] = useState(url ? { ...WAITING, loading: true } : WAITING);
  const [round, setRound] = useState(0);
  const current = useRef(null);
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  useEffect(() => {
    setState(WAITING);
    if (!url) return undefined;
    const walking = walk(url, latest.current, setState);
    current.current = walking;
    return () => {
      walking.stop();
      current.current = null;
    };
  }, [url, round]);
  const retry = useCallback((...names) => current.current?.retry(...names), []);
  const reload = useCallback(() => setRound((number) => number + 1), []);
  return { ...state, retry, reload };
}
