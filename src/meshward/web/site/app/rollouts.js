// How far a rollout is, by the states of its boards: the same on every page. No DOM.

export const FINAL = ["completed", "aborted", "rolled_back", "failed"];
export const GOOD = ["completed", "already_installed"];
export const BAD = ["failed", "lost", "unreachable", "rolled_back"];
const GOING_BACK = ["rolling_back", "rolled_back"];
// On the way back, only boards that got the image are at work.
const NOT_BROUGHT_BACK = ["not_targeted", "cancelled", "already_installed", "unreachable", "pending", "scheduled"];

export const isFinal = (state) => FINAL.includes(state);

/** States of boards that a rollout in this state is not about. */
export const outside = (state) => (GOING_BACK.includes(state) ? NOT_BROUGHT_BACK : ["not_targeted"]);

/**
 * Of a rollout: {good, bad, total, share}: boards that run it, that failed, that are meant, and how much of it is done,
 * from 0 to 1. Boards that are asked once more after the soak were proven to run the image, so they stay good.
 */
export function tally({ counts, state }) {
  const sum = (states) => states.reduce((total, one) => total + (counts[one] ?? 0), 0);
  const all = sum(Object.keys(counts));
  const good = sum(GOOD) + (state === "proving" ? sum(["verifying"]) : 0);
  const meant = all - sum(outside(state));
  const done = GOING_BACK.includes(state) ? sum(["completed", "rolled_back"]) : good;
  return { good, bad: sum(BAD), total: all - sum(["not_targeted"]), share: meant ? done / meant : 0 };
}
