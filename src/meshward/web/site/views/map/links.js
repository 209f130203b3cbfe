// How good the link of a node to its parent is. Nothing here knows of a page.

/** From the best on, each with the least signal that it still has, and what a line of it is like. */
export const QUALITIES = [
  { key: "strong", leastDbm: -62, colour: "well-fill", width: 8 },
  { key: "good", leastDbm: -72, colour: "accent", width: 6 },
  { key: "weak", leastDbm: -80, colour: "warn-fill", width: 4.5 },
  { key: "poor", leastDbm: -Infinity, colour: "bad-fill", width: 3 },
  { key: "unknown", leastDbm: null, colour: "line-strong", width: 2.5 },
];

const LOSS_POOR_PERCENT = 20;
const LOSS_WEAK_PERCENT = 5;
// One way and for one hop: a quiet mesh of boards needs 5 to 30 ms.
const DELAY_MS = { good: 40, weak: 120, poor: 400 };

/**
 * {quality, how, value}: by the signal that the board receives its parent with; where it does not tell that, by
 * lost probes, then by its delay over the hops it goes. Delay and loss are of the whole way, so they blame a link for
 * those before it; still they are better than nothing.
 */
export function linkOf(metrics = {}, depth = 1) {
  const { rssi_dbm: signal, probe_loss_percent: loss, delay_ms: delay } = metrics;
  if (signal !== undefined) return { quality: bySignal(signal), how: "signal", value: signal };
  if (loss >= LOSS_WEAK_PERCENT)
    return { quality: loss >= LOSS_POOR_PERCENT ? "poor" : "weak", how: "loss", value: loss };
  if (delay !== undefined) return { quality: byDelay(delay / Math.max(1, depth)), how: "delay", value: delay };
  return { quality: "unknown", how: "unknown", value: null };
}

const bySignal = (signal) =>
  QUALITIES.find(({ leastDbm }) => leastDbm !== null && signal >= leastDbm)?.key ?? "unknown";

const byDelay = (hopMs) =>
  hopMs >= DELAY_MS.poor ? "poor" : hopMs >= DELAY_MS.weak ? "weak" : hopMs >= DELAY_MS.good ? "good" : "strong";
