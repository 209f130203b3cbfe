// A hook for what a view asks of the gateway.
import { get, unreachable } from "./api.js";
import { useEffect, useRef, useState } from "./dom.js";
import { snapshots } from "./state.js";

const PATIENCE_MS = 30_000; // a connection that is half dead says nothing for ever
const NOTHING = { value: null, error: null };

/**
 * What `path` gives: {value, error, stale, loading, reload}. Asked again when path or params change, every `everyMs`
 * while the page is in sight, when the stream began anew, and by reload(). The last value stays while the next is on
 * its way, or fails; `stale` is then why it is no fresh one. A path of null asks nothing.
 */
export function useAsk(path, params, { everyMs = 0 } = {}) {
  const key = path && JSON.stringify([path, params ?? {}]);
  const [state, setState] = useState({ key: null, ...NOTHING });
  const current = useRef(null);
  useEffect(() => {
    if (key === null) return undefined;
    const mine = asker(path, params, (news) =>
      setState((before) => ({ ...NOTHING, ...(before.key === key && before), ...news, key })),
    );
    current.current = mine;
    const ignore = snapshots.subscribe(mine.ask); // the first time at once
    return () => {
      ignore();
      mine.stop();
      current.current = null;
    };
  }, [key]);
  useEffect(() => (everyMs && key !== null ? again(current.current, everyMs) : undefined), [key, everyMs]);
  const mine = state.key === key ? state : NOTHING;
  return {
    value: mine.value,
    error: mine.error,
    stale: mine.value === null ? null : mine.error,
    loading: mine.value === null && mine.error === null && key !== null,
    reload: () => current.current?.ask(),
  };
}

/** Asks one thing, one request at a time: a wish while one is under way is granted after it. */
function asker(path, params, tell) {
  let flying = null;
  let wished = false;
  let stopped = false;
  let endedMs = 0;
  async function ask() {
    wished = flying !== null;
    if (wished || stopped) return;
    const mine = (flying = new AbortController());
    const late = setTimeout(() => mine.abort(), PATIENCE_MS);
    const news = await get(path, params, mine.signal).then(
      (value) => ({ value, error: null }),
      (error) => ({ error: error.name === "AbortError" ? unreachable() : error }),
    );
    clearTimeout(late);
    flying = null;
    endedMs = performance.now();
    if (stopped) return;
    tell(news);
    if (wished) ask();
  }
  function stop() {
    stopped = true;
    flying?.abort();
  }
  /** Ask if that is due; what is under way will do. */
  const freshen = (everyMs) => flying || performance.now() - endedMs < everyMs || ask();
  return { ask, stop, freshen };
}

/** Asks every so often while the page is in sight, and when it comes back into sight; until the result is called. */
function again(asker, everyMs) {
  const onTick = () => document.hidden || asker.freshen(0);
  const onSight = () => document.hidden || asker.freshen(everyMs);
  const timer = setInterval(onTick, everyMs);
  document.addEventListener("visibilitychange", onSight);
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", onSight);
  };
}
