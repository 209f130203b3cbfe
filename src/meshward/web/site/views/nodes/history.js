// History as charts want it: ranges, gaps, sums before and after an update.
const HOUR_S = 3600;
export const DAY_S = 86_400;

/** What can be chosen: its name in the address, its length, and how often what ends now is asked for again. */
export const RANGES = [
  { key: "1h", lengthS: HOUR_S, everyS: 30 },
  { key: "6h", lengthS: 6 * HOUR_S, everyS: 60 },
  { key: "24h", lengthS: DAY_S, everyS: 120 },
  { key: "7d", lengthS: 7 * DAY_S, everyS: 600 },
  { key: "30d", lengthS: 30 * DAY_S, everyS: 1800 },
];
const USUAL = "24h";
const LEAST_S = 10;
const MOST_S = 366 * DAY_S;

/** What an address asks for: {key, from, until, everyS}; key is null, and everyS 0, for a span somebody zoomed to. */
export function spanOf(params, nowS) {
  const from = Number(params.get("from"));
  const until = Number(params.get("until"));
  if (from > 0 && until - from >= LEAST_S && until - from <= MOST_S) return { key: null, from, until, everyS: 0 };
  const range = RANGES.find((one) => one.key === params.get("range")) ?? RANGES.find((one) => one.key === USUAL);
  // In steps, so that all charts ask for the same time.
  const end = Math.ceil(nowS / range.everyS) * range.everyS;
  return { key: range.key, from: end - range.lengthS, until: end, everyS: range.everyS };
}

/** Changes to the address for a span of time; nulls for the range that was chosen before. */
export const zoomTo = (from, until) =>
  (from === null ? { from: null, until: null } : { from: Math.floor(from), until: Math.ceil(until) });

const GAP_STEPS = 4;
const GAP_LEAST_S = 150;

/**
 * Points of the API's history as a chart's, [at_s, value, low, high]: each in the middle of its step, with a gap where
 * nothing was told for long, and at each restart: what was before has nothing to do with what was after.
 */
export function chartPoints({ points, resolution_s: stepS }, restartsS = []) {
  const middle = stepS / 2;
  const shown = points.map(([at, mean, low, high]) => [at + middle, mean, low, high]);
  const longestS = Math.max(GAP_LEAST_S, GAP_STEPS * (stepS || usualStep(shown)));
  const breaks = [...restartsS].sort((a, b) => a - b);
  const result = [];
  shown.forEach((point, index) => {
    const before = shown[index - 1];
    if (before && before[1] !== null && point[1] !== null) {
      const restart = breaks.find((at) => at > before[0] && at <= point[0]);
      if (restart !== undefined || point[0] - before[0] > longestS) result.push([(before[0] + point[0]) / 2, null]);
    }
    result.push(point);
  });
  return result;
}

function usualStep(points) {
  const steps = points.slice(1).map((point, index) => point[0] - points[index][0]).sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)] ?? 0;
}

/** Points of the API's mesh history: the median, with all between least and most as its band. */
export const peerPoints = ({ points, resolution_s: stepS }) =>
  points.map(([at, low, median, high]) => [at + stepS / 2, median, low, high]);

/** The most nodes that told a value in any step. */
export const peersOf = ({ points }) => points.reduce((most, point) => Math.max(most, point[5] ?? 0), 0);

/** The mean over all samples of points as the API has them; null where there is none. */
export function meanOf(points) {
  let sum = 0;
  let count = 0;
  for (const [, mean, , , samples] of points) {
    if (mean === null || !samples) continue;
    sum += mean * samples;
    count += samples;
  }
  return count ? sum / count : null;
}

/** How much a mean changed, as a share of the first; null where that says nothing. */
export const changeOf = (before, after) =>
  (before === null || after === null || before === 0 ? null : (after - before) / Math.abs(before));

/** When the attempts of a node that can be compared ended: those that came to run something else. */
export const comparable = (attempts) =>
  attempts.filter((one) => one.ended_at && one.state === "completed" && ["install", "rollback"].includes(one.kind));
