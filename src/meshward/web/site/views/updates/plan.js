// What a plan says, made ready to be shown. No DOM.
import { chainOf } from "../nodes/lineage.js";

/** How many boards each wave gets of `total`, as the gateway deals them out: [{name, size, nodes}] → [n]. */
export function expectedSizes(waves, total) {
  let left = total;
  return waves.map((wave, index) => {
    const wanted = wave.nodes?.length || Math.max(1, amountOf(wave.size, total));
    const taken = index === waves.length - 1 ? left : Math.min(left, wanted);
    left -= taken;
    return taken;
  });
}

/** Boards of `total` that an amount as "3" or "10%" is, to the nearest. */
function amountOf(amount, total) {
  const written = /^\s*([0-9.]+)\s*(%?)\s*$/.exec(amount ?? "");
  if (!written) return 0;
  const value = Number(written[1]);
  return Math.min(total, written[2] ? Math.round((value * total) / 100) : value);
}

/**
 * Ids from a board to the one that hangs below the gateway; a board that is not in the mesh has no way.
 * `nodes` is the Map of the stream.
 */
export const pathOf = (id, nodes) =>
  nodes.get(id)?.online ? chainOf(nodes, id).map((node) => node.id).reverse() : [];

/** Every board of a plan: id → {kind: "wave" | "installed" | "unknown" | "out", wave, reason}. */
export function placesOf(plan) {
  const places = new Map();
  for (const [id, reason] of Object.entries(plan.not_targeted)) places.set(Number(id), { kind: "out", reason });
  for (const id of plan.unknown) places.set(id, { kind: "unknown" });
  for (const id of plan.already_installed) places.set(id, { kind: "installed" });
  plan.waves.forEach((wave, index) => wave.nodes.forEach((id) => places.set(id, { kind: "wave", wave: index })));
  return places;
}

/** Boards that are left out, by reason, the most frequent first: [[reason, [ids]]]. */
export function reasonsOf(notTargeted) {
  const byReason = new Map();
  for (const [id, reason] of Object.entries(notTargeted)) {
    if (!byReason.has(reason)) byReason.set(reason, []);
    byReason.get(reason).push(Number(id));
  }
  return [...byReason].sort((a, b) => b[1].length - a[1].length);
}

// How warnings of the gateway begin that the page says in words of its own.
const NO_WAY = "no image is known to roll";
const NEVER_ASKED = /^\d+ nodes were never asked /;

/** Warnings that are said nowhere else on the page. */
export const otherWarnings = (plan) =>
  plan.warnings.filter((text) => !text.startsWith(NO_WAY) && !NEVER_ASKED.test(text));

/**
 * What is known to roll back to, by hardware: "all", "some" (of some boards it is known what they run) or "none".
 * `nodes` is the Map of the stream.
 */
export function waysBack(plan, nodes) {
  const meant = plan.waves.flatMap((wave) => wave.nodes).map((id) => nodes.get(id));
  const ways = Object.entries(plan.rollback).map(([hardware, sha]) => {
    const lacks = !sha && plan.warnings.some((text) => text.startsWith(`${NO_WAY} ${hardware} boards back`));
    const some = meant.some((node) => node?.hardware === hardware && node.firmware);
    return [hardware, lacks ? (some ? "some" : "none") : "all"];
  });
  return Object.fromEntries(ways);
}

/** Boards of the plan's waves that are not in the mesh now: {away, of}. `boards` are those of the roster. */
export function awayOf(plan, boards) {
  const here = new Set(boards.filter((board) => board.online).map((board) => board.id));
  const meant = plan.waves.flatMap((wave) => wave.nodes);
  return { away: meant.filter((id) => !here.has(id)).length, of: meant.length };
}

/** How many boards the plan reaches: those known by now, and those that may come of the question at the start. */
export function reachOf(plan) {
  const known = plan.waves.reduce((sum, wave) => sum + wave.nodes.length, 0);
  return { known, unknown: plan.unknown.length, installed: plan.already_installed.length };
}
