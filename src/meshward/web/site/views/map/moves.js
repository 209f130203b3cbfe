// Who moved where in the last 24 hours, and below whom each board was last.
import { get } from "../../app/api.js";
import { batch, computed, signal, untracked } from "../../app/dom.js";
import { gateway, nodes } from "../../app/state.js";
import { lastParentsAt } from "./replay.js";

/** Nodes that left before the moves we know: each is a request of its own. */
const ASKED_ALONE_MAX = 30;

export const ownId = computed(() => gateway.value?.own_id ?? 0);

/** {start, end, moves} of the last 24 hours; null before they are there. */
export const moves = signal(null);
export const movesError = signal(null);

const parentsSeen = new Map();
const parentsAsked = signal(new Map());
const parentsKnown = computed(() => lastParentsAt(moves.value?.moves ?? [], Infinity));

/** The parent that a node has, or had when it was last in the mesh; undefined where that is not known. */
export const lastParent = (id) => parentsSeen.get(id) ?? parentsKnown.value.get(id) ?? parentsAsked.value.get(id);

/** Remember all parents as they are now; to be called at each change of the nodes. */
export function rememberParents() {
  for (const node of nodes.value.values()) if (node.online) parentsSeen.set(node.id, node.parent ?? ownId.value);
  for (const id of parentsSeen.keys()) if (!nodes.value.has(id)) parentsSeen.delete(id);
}

/** Ask for the moves anew; `stop` is an AbortSignal, or nothing. */
export const askMoves = (stop) =>
  get("/moves", {}, stop).then(
    (answer) => batch(() => ([moves.value, movesError.value] = [answer, null])),
    (error) => {
      if (error.name !== "AbortError") movesError.value = error;
    },
  );

/** Ask for the last parents of nodes that left before the moves that are known. */
export function askLastParents(stop) {
  const asked = [...nodes.peek().values()].filter(
    (node) => !node.online && untracked(() => lastParent(node.id)) === undefined,
  );
  for (const { id } of asked.slice(0, ASKED_ALONE_MAX)) {
    get(`/nodes/${id}`, {}, stop).then(
      ({ parents }) => {
        const last = parents
          .filter(({ parent }) => parent !== null)
          .sort((a, b) => a.at.localeCompare(b.at))
          .at(-1);
        if (last) parentsAsked.value = new Map(parentsAsked.peek()).set(id, last.parent);
      },
      () => {}, // it is drawn below the gateway
    );
  }
}
