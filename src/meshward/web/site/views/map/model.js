// What the map shows, put together from the live mesh, the address and what the gateway keeps.
import { get } from "../../app/api.js";
import { batch, computed, effect, keep, signal, untracked } from "../../app/dom.js";
import { route, setParams } from "../../app/router.js";
import { dashboardChanges, nodes } from "../../app/state.js";
import { layoutTree } from "./layout.js";
import { askLastParents, askMoves, lastParent, moves, ownId, rememberParents } from "./moves.js";
import { lastParentsAt, treeAt } from "./replay.js";
import { sameTree, subtreeOf, treeOf } from "./tree.js";

const NUMBERS_EVERY_MS = 20_000;
const MOVES_EVERY_MS = 60_000;
const POSITIONS_WITHIN_MS = 1500;
/** More are too much for a phone at once. */
const PHONE_NODES_MAX = 300;

export const KINDS = ["radial", "layered"];
export const BADGES = ["none", "version", "role", "heap", "delay"];

const oneOf = (list, value) => (list.includes(value) ? value : list[0]);
const idOf = (text) => (/^\d{1,10}$/.test(text ?? "") ? Number(text) : null);

/** What the address says: how the map is shown, and what is looked for. */
export const options = computed(() => {
  const { params } = route.value;
  const wanted = (name) => params.get(name) ?? "";
  return {
    table: params.get("show") === "table",
    kind: oneOf(KINDS, params.get("layout")),
    badge: oneOf(BADGES, params.get("badge")),
    gone: params.get("gone") !== "no",
    selected: idOf(params.get("node")),
    focus: idOf(params.get("focus")),
    wanted: {
      q: wanted("q"),
      level: wanted("level"),
      role: wanted("role"),
      version: wanted("version"),
      tag: wanted("tag"),
    },
  };
});

/** The moment that is shown, in ms since 1970; null for now. In the address too, but not while it runs. */
export const atMs = signal(null);
/** The latest metrics of each node, by id. */
export const metrics = signal(new Map());
/** Where somebody put nodes of the radial layout: Map(id → [x, y]). */
export const positions = signal(new Map());
/** Whether a finger drags nodes; else it drags the map with them, and a mouse drags nodes in any case. */
export const fingerMoves = signal(false);
/** Whether these are known, or were waited for long enough: nodes are not to be shown elsewhere first. */
export const positionsKnown = signal(false);
/** Nodes whose subtree is folded away. */
export const collapsed = signal(new Set());

/** Radial or layered. */
export const kind = computed(() => options.value.kind);
const showsGone = computed(() => options.value.gone);

/** Those of `positions` that are shown: what was put somewhere in one layout is nowhere in another. */
export const placed = computed(() => (kind.value === KINDS[0] ? positions.value : NOWHERE));
const NOWHERE = new Map();

const keepTree = keep((tree) => tree, sameTree);

/** The tree that is shown, as layoutTree takes it. */
export const tree = computed(() => keepTree(atMs.value === null ? liveTree() : pastTree()));

const liveTree = () => treeOf(nodes.value, ownId.value, showsGone.value ? { get: lastParent } : null);

function pastTree() {
  const present = new Map(treeOf(nodes.value, ownId.value).map(({ id, parent }) => [id, parent]));
  const past = treeAt(present, moves.value?.moves ?? [], atMs.value);
  const list = [...past].map(([id, parent]) => ({ id, parent, gone: false }));
  if (showsGone.value) {
    const last = lastParentsAt(moves.value?.moves ?? [], atMs.value);
    for (const id of nodes.value.keys()) {
      if (!past.has(id)) list.push({ id, parent: last.get(id) ?? lastParent(id) ?? ownId.value, gone: true });
    }
  }
  return list.sort((a, b) => a.id - b.id);
}

/** Where the layout has all nodes, the root among them. */
export const places = computed(() =>
  layoutTree({ nodes: tree.value, rootId: ownId.value, kind: kind.value, collapsed: collapsed.value }),
);

/** The node that is selected and shown; null for none. */
export const selected = computed(() => (places.value.has(options.value.selected) ? options.value.selected : null));
export const focused = computed(() => (places.value.has(options.value.focus) ? options.value.focus : null));

/** Select a node, null for none; unfolds what hides it. */
export function select(id) {
  if (id !== null) unfoldTo(id);
  setParams({ node: id });
}

/** Dim all but a node and its neighbours; null for all as before. */
export function focusOn(id) {
  if (id !== null) unfoldTo(id);
  setParams({ focus: id, ...(id === null ? {} : { node: id }) });
}

function unfoldTo(id) {
  const folded = new Set(collapsed.peek());
  for (let at = places.peek().get(id)?.parent ?? null; at !== null; at = places.peek().get(at).parent)
    folded.delete(at);
  if (folded.size !== collapsed.peek().size) collapsed.value = folded;
}

export function toggleFold(id) {
  const folded = new Set(collapsed.peek());
  if (!folded.delete(id)) folded.add(id);
  collapsed.value = folded;
}

/** Fold all that is deeper than `depth`; from 0 on nothing but the first nodes is left. */
export function foldBelow(depth) {
  collapsed.value = new Set(
    [...places.peek()]
      .filter(([, place]) => place.depth >= depth && place.depth > 0 && place.children.length)
      .map(([id]) => id),
  );
}

export const unfoldAll = () => (collapsed.value = new Set());

/** Whether all below a node is folded away, and how much that is: its ids without itself. */
export const foldedIn = (id) => (collapsed.value.has(id) ? subtreeOf(places.value, id).slice(1) : []);

/** Ask for what the stream does not bring, for as long as the map is shown; returns how to stop. */
export function follow() {
  const stop = new AbortController();
  const ask = (path, take, fail = () => {}) =>
    get(path, {}, stop.signal).then(take, (error) => error.name !== "AbortError" && fail(error));
  const askNumbers = () => ask("/numbers", (answer) => (metrics.value = byNode(answer.nodes)));
  const every = (ms, doing) => setInterval(() => document.hidden || doing(), ms);
  const timers = [every(NUMBERS_EVERY_MS, askNumbers), every(MOVES_EVERY_MS, () => askMoves(stop.signal))];
  const effects = [
    effect(rememberParents),
    effect(followTime),
    effect(() => {
      dashboardChanges.value;
      ask("/dashboard", takePositions, knowPositions);
    }),
  ];
  const waited = setTimeout(knowPositions, POSITIONS_WITHIN_MS);
  askNumbers();
  askMoves(stop.signal).then(() => askLastParents(stop.signal));
  untracked(startFolded);
  return () => {
    stop.abort();
    clearTimeout(waited);
    for (const timer of timers) clearInterval(timer);
    for (const end of effects) end();
  };
}

const knowPositions = () => (positionsKnown.value = true);

function takePositions({ positions: kept }) {
  batch(() => {
    positions.value = new Map(Object.entries(kept).map(([id, at]) => [Number(id), at]));
    knowPositions();
  });
}

const byNode = (items) => new Map(items.map((item) => [item.node, item.metrics]));
const momentOf = (text) => (/^\d{9,11}$/.test(text ?? "") ? Number(text) * 1000 : null);

const wantedMs = computed(() => momentOf(route.value.params.get("time")));

/** As when somebody goes back, or follows a link. The address has whole seconds. */
function followTime() {
  const shown = atMs.peek();
  if (wantedMs.value !== (shown === null ? null : Math.floor(shown / 1000) * 1000)) atMs.value = wantedMs.value;
}

function startFolded() {
  if (!matchMedia("(max-width: 899px)").matches || collapsed.value.size || places.value.size <= PHONE_NODES_MAX) return;
  const depths = [...places.value.values()].map((place) => place.depth);
  let depth = 1;
  while (depths.filter((one) => one <= depth + 1).length <= PHONE_NODES_MAX) depth += 1;
  foldBelow(depth);
}
