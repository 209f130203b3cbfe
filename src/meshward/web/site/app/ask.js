// A hook for what a view asks of the gateway.
import { get } from "./api.js";
import { useEffect, useRef, useState } from "./dom.js";

/**
 * What `path` gives: {value, error, loading, reload}. Asked again when path or params change, every `everyMs` while
 * the page is in sight, and by reload(). The last value stays while the next is on its way, or fails. A path of null
 * asks nothing.
 */
export function useAsk(path, params, { everyMs = 0 } = {}) {
  const key = path && JSON.stringify([path, params ?? {}]);
  const [state, setState] = useState({ key: null, value: null, error: null });
  const [round, setRound] = useState(0);
  const latest = useRef(key);
  latest.current = key;
  useEffect(() => {
    if (key === null) return undefined;
    const stop = new AbortController();
    get(path, params, stop.signal).then(
      (value) => latest.current === key && setState({ key, value, error: null }),
      (error) => {
        if (error.name === "AbortError" || latest.current !== key) return;
        setState((before) => ({ key, value: before.key === key ? before.value : null, error }));
      },
    );
    return () => stop.abort();
  }, [key, round]);
  useEffect(() => {
    if (!everyMs || key === null) return undefined;
    const timer = setInterval(() => document.hidden || setRound((n) => n + 1), everyMs);
    return () => clearInterval(timer);
  }, [key, everyMs]);
  const mine = state.key === key ? state : { value: null, error: null };
  return { ...mine, loading: mine.value === null && mine.error === null && key !== null, reload: () => setRound((n) => n + 1) };
}
