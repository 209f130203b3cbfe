// What the overview watches: as little as can be, so that a change that shows nowhere costs nothing.
import { computed, keep, useMemo } from "../../app/dom.js";
import { nodes } from "../../app/state.js";

/** A computed signal whose value stays the very same one while what is in it does. */
export const steady = (make) => computed(keep(make, (a, b) => JSON.stringify(a) === JSON.stringify(b)));

/** All nodes as a list. */
export const all = computed(() => [...nodes.value.values()]);

/** A value that is the same object as before while it says the same. */
export function useSteady(value) {
  const text = JSON.stringify(value);
  return useMemo(() => value, [text]);
}
