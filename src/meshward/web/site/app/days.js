// Availability, day by day: how it is called and how much was lacking.
const DAY_MS = 86_400_000;

// In a mesh of boards that are moved and switched off, minutes a day are ordinary: 99.9 % is a minute and a half,
// and below 95 % a board was away for over an hour.
const WELL_FROM = 0.999;
const WARN_FROM = 0.95;

/** The level of a share of a day from 0 to 1: "well", "warn", "bad", or "unknown" for null. */
export const levelOfShare = (share) =>
  share === null || share === undefined ? "unknown" : share >= WELL_FROM ? "well" : share >= WARN_FROM ? "warn" : "bad";

/** When the day begins that is so many after `firstDay` ("2026-11-25"), as ms since 1970; days are in UTC. */
export const dayMs = (firstDay, index) => Date.parse(`${firstDay}T00:00:00Z`) + index * DAY_MS;

/** Seconds that a share of a day lacks. The day that is not over lasts until `nowMs`. */
export const awayS = (share, startMs, nowMs) => ((1 - share) * Math.min(DAY_MS, Math.max(0, nowMs - startMs))) / 1000;

/** {mean, worst, known} over the days that are known; `worst` is the index of the worst one, null where none is. */
export function overDays(days) {
  let sum = 0;
  let known = 0;
  let worst = null;
  days.forEach((share, index) => {
    if (share === null || share === undefined) return;
    sum += share;
    known += 1;
    if (worst === null || share < days[worst]) worst = index;
  });
  return { mean: known ? sum / known : null, worst, known };
}
