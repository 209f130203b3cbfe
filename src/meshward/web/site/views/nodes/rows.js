// Rows of the table: what the stream says of a node and its latest numbers, put together.
import { levelOf } from "../../app/levels.js";

/**
 * Makes rows {id, node, level, numbers, parentName}. A row whose parts are the same as before is the same object, so
 * that nothing of it is drawn again.
 */
export function rowMaker() {
  let before = new Map();
  return (nodes, numbers, names) => {
    const rows = [...nodes.values()].map((node) => {
      const mine = numbers.get(node.id) ?? null;
      const parentName = node.parent === null ? "" : names(node.parent);
      const old = before.get(node.id);
      const level = levelOf(node);
      if (old && old.node === node && old.level === level && old.parentName === parentName
        && isSame(old.numbers, mine)) return old;
      return { id: node.id, node, level, numbers: mine, parentName };
    });
    before = new Map(rows.map((row) => [row.id, row]));
    return rows;
  };
}

/** Whether the numbers would read the same: they are asked for every few seconds, and most stay. */
function isSame(a, b) {
  if (a === b) return true;
  if (!a || !b || a.silent_s !== b.silent_s || a.reboots !== b.reboots) return false;
  const keys = Object.keys(a.metrics);
  return keys.length === Object.keys(b.metrics).length && keys.every((key) => a.metrics[key] === b.metrics[key]);
}

/** A metric of a row now; null for a node that is away, whose last values say nothing of its link. */
export const metricOf = (row, name) => (row.node.online ? (row.numbers?.metrics[name] ?? null) : null);

export const heapOf = (row) => metricOf(row, "heap_free_bytes") ?? (row.node.online ? row.node.free_heap_bytes : null);
export const delayOf = (row) => metricOf(row, "delay_ms") ?? (row.node.online ? row.node.delay_ms : null);
export const lossOf = (row) => metricOf(row, "probe_loss_percent") ?? metricOf(row, "loss_percent");

/** Seconds since something was heard of it, as of now; null where that is not known. */
export function silenceOf(row, nowMs) {
  if (row.node.online) return row.numbers?.silent_s ?? null;
  return row.node.last_seen_at ? Math.max(0, (nowMs - Date.parse(row.node.last_seen_at)) / 1000) : null;
}
