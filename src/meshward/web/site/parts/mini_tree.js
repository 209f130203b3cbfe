// The tree of the mesh as a small picture: who is in which wave, how far everybody is.
import { computed, html, keep, loadStyle, memo, untracked, useEffect, useMemo, useRef, useState } from "../app/dom.js";
import { nameOf, nodes } from "../app/state.js";
import { t } from "../app/words.js";
import { layoutTree } from "../views/map/layout.js";
import { askLastParents, askMoves, lastParent, moves, ownId, rememberParents } from "../views/map/moves.js";
import { sameTree, step, treeOf } from "../views/map/tree.js";
import { Icon } from "./icons.js";

const RADIUS = 27;
const SIZE = { gap: 64, ring: 72 };
const ZOOM_MAX = 8;

loadStyle("ui/style/mini_tree.css");

// Those that are away are drawn where they were last: in an update one board after the other restarts, and the picture
// must hold still.
const whole = computed(
  keep(() => {
    rememberParents();
    return treeOf(nodes.value, ownId.value, { get: lastParent });
  }, sameTree),
);

const isOneLost = () =>
  [...nodes.peek().values()].some(({ id, online }) => !online && untracked(() => lastParent(id)) === undefined);

/** Ask where boards were that were away before this page was loaded. */
function askForLost() {
  const stop = new AbortController();
  const asked = isOneLost() && moves.peek() === null ? askMoves(stop.signal) : Promise.resolve();
  asked.then(() => stop.signal.aborted || askLastParents(stop.signal));
  return () => stop.abort();
}

/**
 * The live tree, each node as `paint(id)` has it: {level, text, ring, share, title}, or null for one that is not
 * meant. `level` is its colour, `text` stands in it (three letters or digits at most; else a sign of the level),
 * `ring` is true for one to look at, `share` (0 to 1) is drawn as an arc around it, `title` is what it says to
 * pointers and screen readers besides its name. Nodes that are not in the mesh are drawn where `paint` has something
 * to say of them. With `onPick(id)`, nodes can be chosen; arrow keys go along the tree.
 */
export function MiniTree({ paint, onPick, label, height = 320 }) {
  const [zoom, setZoom] = useState(1);
  const tree = whole.value;
  const isKnown = tree.length > 0;
  useEffect(() => (isKnown ? askForLost() : undefined), [isKnown]);
  const root = ownId.value;
  const painted = new Map(tree.map(({ id, gone }) => [id, paint(id) ?? (gone ? undefined : null)]));
  const shown = useSteady(tree.filter(({ id }) => painted.get(id) !== undefined));
  const places = useMemo(() => layoutTree({ nodes: shown, rootId: root, ...SIZE }), [shown, root]);
  const box = useMemo(() => boxOf(places), [places]);
  const [at, setAt] = useState(null);
  const current = places.has(at) ? at : shown[0]?.id;
  const svg = useRef(null);
  const onKey = (event) => {
    const next = step(places, current, event.key);
    if (next === null || next === root) return;
    event.preventDefault();
    setAt(next);
    svg.current.querySelector(`[data-node="${Number(next)}"]`)?.focus();
  };
  const left = new Map(shown.map(({ id, gone }) => [id, gone]));
  const latest = useRef(onPick);
  latest.current = onPick;
  const pick = useMemo(() => onPick && ((id) => latest.current(id)), [Boolean(onPick)]);
  return html`<div class="mini-tree">
    <div class="mini-tree-box" style=${{ height: `${height}px` }} tabindex=${zoom > 1 ? 0 : undefined} role="group"
      aria-label=${label}>
      <svg ref=${svg} viewBox=${box} role=${onPick ? "group" : "img"} aria-label=${label}
        onKeyDown=${onPick ? onKey : undefined}
        style=${{ width: `${zoom * 100}%`, height: `${zoom * 100}%` }}>
        ${[...places].map(([id, { x, y, parent }]) => {
          if (parent === null) return null;
          const from = places.get(parent);
          return html`<${Line} key=${`l${id}`} ax=${from.x} ay=${from.y} bx=${x} by=${y} gone=${left.get(id)} />`;
        })}
        ${[...places].map(([id, { x, y }]) =>
          id === root
            ? html`<${Root} key="root" />`
            : html`<${Spot} key=${id} id=${id} x=${x} y=${y} ...${painted.get(id) ?? NOT_MEANT} name=${nameOf(id)}
                pick=${pick} first=${id === current} />`,
        )}
      </svg>
    </div>
    <div class="mini-tree-zoom">
      <button type="button" class="small icon" disabled=${zoom <= 1} aria-label=${t("map.mini.smaller")}
        onClick=${() => setZoom(Math.max(1, zoom / 2))}><${Icon} name="minus" /></button>
      <button type="button" class="small icon" disabled=${zoom >= ZOOM_MAX} aria-label=${t("map.mini.larger")}
        onClick=${() => setZoom(Math.min(ZOOM_MAX, zoom * 2))}><${Icon} name="plus" /></button>
    </div>
  </div>`;
}

/** For those without a text: colour alone says nothing to some. */
const GLYPHS = { well: "✓", warn: "!", bad: "×", off: "–", unknown: "?" };
const NOT_MEANT = { level: "none", text: "", ring: false, share: undefined, title: undefined };

/** The list of before where it is the same tree. */
function useSteady(tree) {
  const before = useRef(tree);
  if (!sameTree(before.current, tree)) before.current = tree;
  return before.current;
}

function boxOf(places) {
  const all = [...places.values()];
  const least = (of) => all.reduce((a, place) => Math.min(a, of(place)), 0);
  const margin = RADIUS + 14;
  const [x, y] = [least((p) => p.x) - margin, least((p) => p.y) - margin];
  return [x, y, margin - least((p) => -p.x) - x, margin - least((p) => -p.y) - y].map(Math.round).join(" ");
}

const Line = memo(
  ({ ax, ay, bx, by, gone }) => html`<line class=${gone ? "gone" : ""} x1=${ax} y1=${ay} x2=${bx} y2=${by} />`,
);

const Root = () => html`<g class="root"><title>${t("map.gateway")}</title>
  <rect x=${-RADIUS} y=${-RADIUS} width=${2 * RADIUS} height=${2 * RADIUS} rx="8" /><path
    d="M-13 9V-3L0-13 13-3V9z" /></g>`;

const Spot = memo(function Spot({ id, x, y, level, text, ring, share, title, name, pick, first }) {
  const words = title ? t("map.mini.node", { name, text: title }) : name;
  const glyph = text ?? GLYPHS[level];
  const choose = pick && (() => pick(id));
  const onKey = (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    pick(id);
  };
  return html`<g class="spot ${level ?? "none"}${ring ? " ring" : ""}${pick ? " pick" : ""}" data-node=${id}
    transform=${`translate(${x} ${y})`}
    role=${pick ? "button" : undefined} tabindex=${pick ? (first ? 0 : -1) : undefined}
      aria-label=${pick ? words : undefined}
    onClick=${choose} onKeyDown=${choose && onKey}>
    <title>${words}</title>
    <circle class="disc" r=${level === "none" ? RADIUS * 0.6 : RADIUS} />
    ${ring && html`<circle class="halo" r=${RADIUS + 8} />`}
    ${share !== undefined && share !== null && html`<circle class="share" r=${RADIUS} pathLength="100"
      stroke-dasharray=${`${100 * share} 100`} transform="rotate(-90)" />`}
    ${glyph && html`<text class=${String(glyph).length > 2 ? "long" : ""} dy="0.35em">${glyph}</text>`}
  </g>`;
});
