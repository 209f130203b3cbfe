// What the overview watches: as little as can be, so that a change that shows nowhere costs nothing.
import { computed, html, memo, useComputed, useMemo } from "../../app/dom.js";
import { nodes } from "../../app/state.js";
import { NodeLink } from "../../parts/basics.js";

/** A computed signal whose value stays the very same one while what is in it does. */
export function steady(make) {
  let text = "";
  let value;
  return computed(() => {
    const next = make();
    const now = JSON.stringify(next);
    if (now !== text) {
      text = now;
      value = next;
    }
    return value;
  });
}

/** All nodes as a list. */
export const all = computed(() => [...nodes.value.values()]);

/** The node of an id as it is now; undefined for one that is not known. */
export const useNode = (id) => useComputed(() => nodes.value.get(id)).value;

/** A link to a node, drawn again only when that node changes. */
export const LiveNode = memo(({ id }) => html`<bdi class="who"><${NodeLink} node=${useNode(id)} id=${id} /></bdi>`);

/** A value that is the same object as before while it says the same. */
export function useSteady(value) {
  const text = JSON.stringify(value);
  return useMemo(() => value, [text]);
}
