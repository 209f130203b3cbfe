// How far each board of a rollout is, how fast it goes, and when it may be through. No DOM.
import { BAD, GOOD, outside } from "../../app/rollouts.js";

const ENDED = [...GOOD, ...BAD, "cancelled"];
/** States of nodes in the order in which they are counted. */
export const NODE_STATES = [
  "failed", "lost", "rolled_back", "rolling_back", "unreachable", "cancelled", "paused", "downloading", "rebooting",
  "verifying", "scheduled", "pending", "completed", "already_installed", "not_targeted",
];
const SPAN_MS = 30_000;
const SPAN_LEAST_S = 4;

export const isBad = (state) => BAD.includes(state);
export const isGood = (state) => GOOD.includes(state);

/** How far a board is on its way to run the image, or its last good one again: from 0 to 1. */
export function shareOf(node) {
  if (isGood(node.state) || node.state === "rolled_back") return 1;
  if (ENDED.includes(node.state)) return 0;
  if (["rebooting", "verifying"].includes(node.state)) return 0.99;
  return node.parts ? Math.min(1, node.parts_done / node.parts) : 0;
}

/** The share of the whole that is done: boards that run it count whole, those at work by their parts. */
export function doneShare(nodes, state) {
  const others = outside(state);
  const meant = nodes.filter((node) => !others.includes(node.state));
  return meant.length ? meant.reduce((sum, node) => sum + shareOf(node), 0) / meant.length : 0;
}

/** Wave by wave: {total, running, bad, share}. */
export function waveTallies(rollout) {
  const proving = rollout.state === "proving";
  return rollout.spec.waves.map((_, index) => {
    const members = rollout.nodes.filter((node) => node.wave === index);
    return {
      total: members.length,
      running: members.filter((node) => isGood(node.state) || (proving && node.state === "verifying")).length,
      bad: members.filter((node) => isBad(node.state)).length,
      share: doneShare(members),
    };
  });
}

/** A measurement of a rollout at a time, for `pace`. */
export function sampleOf(rollout, atMs) {
  const atWork = rollout.nodes.filter((node) => node.parts > 0);
  return {
    atMs,
    bytes: rollout.sent_bytes,
    done: new Map(atWork.map((node) => [node.node, node.parts_done])),
    // What boards lack that are given up nobody waits for.
    left: atWork.reduce((sum, node) =>
      sum + (ENDED.includes(node.state) ? 0 : Math.max(0, node.parts - node.parts_done)), 0),
  };
}

/** Add a measurement, and forget those that are too old to tell how fast it goes now. */
export const addSample = (samples, sample) => [...samples.filter(({ atMs }) => sample.atMs - atMs <= SPAN_MS), sample];

/**
 * {bytesPerS, leftS}: how fast bytes go out, and how long the boards at work still need for their parts; 0 where they
 * have all of them. Each is null where it cannot be told yet: too little was measured, or nothing moved.
 */
export function pace(samples) {
  const last = samples.at(-1);
  if (last?.done.size && !last.left) return { bytesPerS: rateOf(samples), leftS: 0 };
  // Only while somebody was at work: the time before counts for nothing.
  const working = samples.slice(Math.max(0, samples.findLastIndex(({ done }) => !done.size)));
  const seconds = secondsOf(working);
  const parts = working.slice(1).reduce((sum, sample, at) => sum + gained(working[at].done, sample.done), 0);
  const known = last?.left > 0 && parts > 0 && seconds >= SPAN_LEAST_S;
  return { bytesPerS: rateOf(samples), leftS: known ? (last.left * seconds) / parts : null };
}

const secondsOf = (samples) => (samples.length ? (samples.at(-1).atMs - samples[0].atMs) / 1000 : 0);

function rateOf(samples) {
  const seconds = secondsOf(samples);
  const sent = seconds && samples.at(-1).bytes - samples[0].bytes;
  return seconds >= SPAN_LEAST_S && sent >= 0 ? sent / seconds : null;
}

/** Parts that boards got from one measurement to the next; one that begins anew has lost its own. */
function gained(before, after) {
  let sum = 0;
  for (const [node, done] of after) sum += Math.max(0, done - (before.get(node) ?? 0));
  return sum;
}

/** The new list of nodes with the old objects wherever nothing changed, so that their rows are not drawn again. */
export function keepSame(before, after) {
  const known = new Map(before.map((node) => [node.node, node]));
  return after.map((node) => {
    const old = known.get(node.node);
    return old && Object.keys(node).every((key) => old[key] === node[key]) ? old : node;
  });
}

/** Boards in the order in which people want to see them: trouble, at work, waiting, done, not meant. */
export function byUrgency(a, b) {
  return NODE_STATES.indexOf(a.state) - NODE_STATES.indexOf(b.state) || (a.wave ?? 99) - (b.wave ?? 99)
    || a.node - b.node;
}
