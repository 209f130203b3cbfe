// The live stream: one snapshot, then numbered deltas; comes back by itself after a lost connection.
import { signal } from "@preact/signals";
import { gatewayMs } from "./format.js";

/** "connecting", "live", "silent" (connected, and nothing is heard), or "down". */
export const link = signal("connecting");
/** When the gateway was last heard, in ms of this page's clock (performance.now). */
export const heardMs = signal(0);
/** Since when the link is down, as Date; null while it is not. */
export const downSince = signal(null);

const SILENT_MS = 12_000; // the gateway says something every 5 s
const GIVE_UP_MS = 20_000;
const CONNECT_MS = 8000; // for a connection to be made, and for a request
const BACKOFF_FIRST_MS = 500;
const BACKOFF_LAST_MS = 10_000;
const UNAUTHORIZED = 4401;

/** Follow the gateway: `take(message)` gets each snapshot and delta, `onRefused` is told that the session ended. */
export function follow({ take, onRefused }) {
  let socket = null;
  let number = null;
  let epoch = null;
  let backoffMs = BACKOFF_FIRST_MS;
  let retry = 0;
  let stopped = false;
  let quietSinceMs = 0; // of this connection: when it was begun or made, or something was heard on it

  function open() {
    clearTimeout(retry);
    if (stopped) return;
    quietSinceMs = performance.now();
    const url = new URL("api/v1/stream", document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const mine = (socket = new WebSocket(url));
    mine.onopen = () => {
      if (mine !== socket) return;
      quietSinceMs = performance.now();
      mine.send(JSON.stringify(epoch === null ? {} : { resume: number, epoch }));
    };
    mine.onmessage = (event) => mine === socket && hear(JSON.parse(event.data));
    mine.onclose = (event) => mine === socket && lost(event.code);
  }

  function hear(message) {
    heardMs.value = quietSinceMs = performance.now();
    backoffMs = BACKOFF_FIRST_MS;
    if (message.type === "snapshot") epoch = message.epoch;
    if (message.type === "snapshot" || message.type === "delta") {
      number = message.n;
      take(message);
    }
    link.value = "live";
    downSince.value = null;
  }

  function lost(code) {
    socket = null;
    if (code === UNAUTHORIZED) return onRefused();
    link.value = "down";
    downSince.value ??= new Date(gatewayMs());
    retry = setTimeout(check, backoffMs * (0.5 + Math.random()));
    backoffMs = Math.min(2 * backoffMs, BACKOFF_LAST_MS);
  }

  // A refused upgrade looks to a page like a gateway that is gone; a request tells them apart.
  async function check() {
    const limit = new AbortController();
    const late = setTimeout(() => limit.abort(), CONNECT_MS);
    try {
      const answer = await fetch("api/v1/session", { cache: "no-store", signal: limit.signal });
      if (answer.status === 401 && !stopped) return onRefused();
    } catch {
      // Gone: the next attempt shows.
    } finally {
      clearTimeout(late);
    }
    if (!socket) open(); // the browser may have come online meanwhile
  }

  function leave() {
    const old = socket;
    socket = null;
    old?.close();
  }

  function reopen() {
    leave();
    link.value = "down";
    downSince.value ??= new Date(gatewayMs());
    open();
  }

  const onOnline = () => link.value !== "live" && reopen();
  const onOffline = () => {
    link.value = "down";
    downSince.value ??= new Date(gatewayMs());
  };
  const watch = setInterval(() => {
    if (!socket) return;
    const quietMs = performance.now() - quietSinceMs;
    if (socket.readyState === WebSocket.CONNECTING) {
      if (quietMs <= CONNECT_MS) return;
      leave();
      lost();
    } else if (quietMs > GIVE_UP_MS) reopen();
    else if (quietMs > SILENT_MS && link.value === "live") link.value = "silent";
  }, 1000);
  addEventListener("online", onOnline);
  addEventListener("offline", onOffline);
  open();

  return function stop() {
    stopped = true;
    clearInterval(watch);
    clearTimeout(retry);
    removeEventListener("online", onOnline);
    removeEventListener("offline", onOffline);
    leave();
    link.value = "connecting";
    downSince.value = null;
  };
}
