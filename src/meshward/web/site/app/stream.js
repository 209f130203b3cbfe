// The live stream: one snapshot, then numbered deltas; comes back by itself after a lost connection.
import { signal } from "@preact/signals";

/** "connecting", "live", "silent" (connected, and nothing is heard), or "down". */
export const link = signal("connecting");
/** When the gateway was last heard, in ms of this page's clock (performance.now). */
export const heardMs = signal(0);
/** Since when the link is down, as Date; null while it is not. */
export const downSince = signal(null);

const SILENT_MS = 12_000; // the gateway says something every 5 s
const GIVE_UP_MS = 20_000;
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

  function open() {
    clearTimeout(retry);
    if (stopped) return;
    const url = new URL("api/v1/stream", document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const mine = (socket = new WebSocket(url));
    mine.onopen = () => mine.send(JSON.stringify(epoch === null ? {} : { resume: number, epoch }));
    mine.onmessage = (event) => mine === socket && hear(JSON.parse(event.data));
    mine.onclose = (event) => mine === socket && lost(event.code);
  }

  function hear(message) {
    heardMs.value = performance.now();
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
    if (stopped) return;
    if (code === UNAUTHORIZED) return onRefused();
    link.value = "down";
    downSince.value ??= new Date();
    retry = setTimeout(check, backoffMs * (0.5 + Math.random()));
    backoffMs = Math.min(2 * backoffMs, BACKOFF_LAST_MS);
  }

  // A refused upgrade looks to a page like a gateway that is gone; a request tells them apart.
  async function check() {
    try {
      const answer = await fetch("api/v1/session", { cache: "no-store" });
      if (answer.status === 401) return onRefused();
    } catch {
      // Gone: the next attempt shows.
    }
    open();
  }

  function reopen() {
    const old = socket;
    socket = null;
    old?.close();
    link.value = "down";
    downSince.value ??= new Date();
    open();
  }

  const onOnline = () => link.value !== "live" && reopen();
  const onOffline = () => {
    link.value = "down";
    downSince.value ??= new Date();
  };
  const watch = setInterval(() => {
    if (!socket || socket.readyState !== WebSocket.OPEN) return;
    const quietMs = performance.now() - heardMs.value;
    if (quietMs > GIVE_UP_MS) reopen();
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
    socket?.close();
  };
}
