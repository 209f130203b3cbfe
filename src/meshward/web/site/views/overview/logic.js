// What the overview makes of nodes, alerts, rollouts and events. Nothing of a page is in it.
import { isFinal } from "../../app/rollouts.js";

/** Boards that are well: in the mesh, without an alert of their own. */
export const countWell = (nodes) => nodes.reduce((sum, node) => sum + (node.online && !node.alerts), 0);

/**
 * The versions that boards run: [{version, count, share, rest}], the most frequent first, those not known ("") last.
 * From the `most`-th on they are put together as one entry whose `rest` is the number of versions in it.
 */
export function byVersion(nodes, most = 6) {
  const counts = new Map();
  for (const { version } of nodes) counts.set(version, (counts.get(version) ?? 0) + 1);
  const unknown = counts.get("") ?? 0;
  counts.delete("");
  const known = [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0], undefined, { numeric: true }));
  const shown = known.length > most ? known.slice(0, most - 1) : known;
  const others = known.slice(shown.length);
  const entries = shown.map(([version, count]) => ({ version, count, rest: 0 }));
  if (others.length) {
    entries.push({ version: "", count: others.reduce((sum, [, count]) => sum + count, 0), rest: others.length });
  }
  if (unknown) entries.push({ version: "", count: unknown, rest: 0 });
  return entries.map((entry) => ({ ...entry, share: entry.count / nodes.length }));
}

/** How many boards are so many hops away: [[depth, count], …], the nearest first; those that nobody sees left out. */
export function byDepth(nodes) {
  const counts = new Map();
  for (const { online, depth } of nodes) if (online && depth) counts.set(depth, (counts.get(depth) ?? 0) + 1);
  return [...counts].sort((a, b) => a[0] - b[0]);
}

/** How many boards hang on each board, by id; on those without any it says nothing. */
export function countBehind(nodes) {
  const parents = new Map(nodes.filter((node) => node.online).map((node) => [node.id, node.parent]));
  const counts = new Map();
  for (const id of parents.keys()) {
    let above = parents.get(id);
    // A tree that is just changing may close a circle for a moment.
    for (let steps = 0; parents.has(above) && above !== id && steps < parents.size; steps++) {
      counts.set(above, (counts.get(above) ?? 0) + 1);
      above = parents.get(above);
    }
  }
  return counts;
}

const TROUBLE_BELOW = 80;

/** Ids of the boards that do worst, `most` of them at most, without those that an alert which fires names. */
export function inTrouble(nodes, firing, most = 5) {
  const told = new Set(firing.map((alert) => alert.node));
  for (const alert of firing) for (const id of alert.behind) told.add(id);
  const ill = nodes.filter(
    (node) => !told.has(node.id) && (!node.online || (node.health !== null && node.health < TROUBLE_BELOW)),
  );
  return ill
    .sort((a, b) => (a.health ?? 0) - (b.health ?? 0) || a.id - b.id)
    .slice(0, most)
    .map((node) => node.id);
}

const BY_PEOPLE = ["awaiting_approval", "awaiting_go", "paused"];

/** {active, last}: rollouts under way, those that wait for people first; and the one that ended last, or null. */
export function splitRollouts(rollouts) {
  const active = rollouts.filter((rollout) => !isFinal(rollout.state));
  active.sort((a, b) => waits(b) - waits(a) || b.created_at.localeCompare(a.created_at));
  const ended = rollouts.filter((rollout) => isFinal(rollout.state));
  ended.sort((a, b) => (b.ended_at ?? "").localeCompare(a.ended_at ?? ""));
  return { active, last: ended[0] ?? null };
}

const waits = (rollout) => BY_PEOPLE.includes(rollout.state);

/** The newest events, out of those that came by the stream and those that were asked for. */
export function latest(streamed, asked, most) {
  const byId = new Map();
  for (const event of [...streamed, ...asked]) byId.set(event.id, event);
  return [...byId.values()].sort((a, b) => b.id - a.id).slice(0, most);
}

/** The nodes that were in the mesh for the least of the time; those that were never away are left out. */
export const leastThere = (nodes, most = 5) =>
  nodes
    .filter((node) => node.ratio !== null && node.ratio < 1)
    .sort((a, b) => a.ratio - b.ratio || a.node - b.node)
    .slice(0, most);

/** Points of a history of the mesh for a chart: the median with its band, and null in gaps. */
export const band = (points) => points.map(([at, low, median, high]) => [at, median, low, high]);

/** The same for the sum over all nodes. */
export const totals = (points) => points.map(([at, , , , total]) => [at, total]);
