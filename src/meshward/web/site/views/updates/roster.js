// What the forms need to know of the boards; another value only when something of that changed.
import { computed } from "../../app/dom.js";
import { nodes } from "../../app/state.js";

const FIELDS = ["id", "name", "role", "hardware", "version", "excluded", "exclusion_reason", "online"];
let last = [];

/** All boards, by name and then id; the same list for as long as nothing in it changed. */
export const roster = computed(() => {
  const next = [...nodes.value.values()]
    .map((node) => ({ ...Object.fromEntries(FIELDS.map((field) => [field, node[field]])), tags: node.tags.join("\n") }))
    .sort((a, b) => (a.name || "\uffff").localeCompare(b.name || "\uffff") || a.id - b.id);
  const same = next.length === last.length
    && next.every((node, at) => Object.keys(node).every((key) => node[key] === last[at][key]));
  if (!same) last = next;
  return last;
});

/** How often each value is there among boards, the most frequent first: [[value, count]]. */
export function counted(boards, valuesOf) {
  const counts = new Map();
  for (const board of boards) for (const value of valuesOf(board)) if (value) counts.set(value,
    (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || String(a[0]).localeCompare(String(b[0])));
}
