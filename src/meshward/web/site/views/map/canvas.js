// The map as a picture, with its keys and buttons.
import { effect, html, loadStyle, untracked, useEffect, useRef, useState } from "../../app/dom.js";
import { go, to } from "../../app/router.js";
import { nameOf } from "../../app/state.js";
import { colour, isDark } from "../../app/theme.js";
import { t } from "../../app/words.js";
import { Failed, Loading } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { COLOURS } from "./glyphs.js";
import { makeGraph } from "./graph.js";
import {
  fingerMoves,
  focusOn,
  focused,
  kind,
  KINDS,
  places,
  positionsKnown,
  select,
  selected,
  toggleFold,
  tree,
} from "./model.js";
import { ownId } from "./moves.js";
import { moveNode } from "./places.js";
import { scene } from "./scene.js";
import { neighboursOf, step } from "./tree.js";

const ZOOM_STEP = 1.3;
const reduced = matchMedia("(prefers-reduced-motion: reduce)");

export const paletteNow = () => Object.fromEntries(COLOURS.map((name) => [name, colour(name)]));

const load = async () => {
  const [module] = await Promise.all([
    import("cytoscape"),
    loadStyle("ui/style/map_canvas.css", "__________cytoscape_stylesheet"),
  ]);
  return module.default;
};

/** `graphRef.current` is the graph while there is one. */
export function Canvas({ graphRef }) {
  const box = useRef(null);
  const [state, setState] = useState("loading");
  const [round, setRound] = useState(0);
  useEffect(() => {
    let stop = () => {};
    let ended = false;
    load().then(
      (cytoscape) => {
        if (ended) return;
        stop = show(cytoscape, box.current, graphRef);
        setState("shown");
      },
      () => setState("failed"),
    );
    return () => {
      ended = true;
      stop();
      graphRef.current = null;
    };
  }, [round]);
  return html`<div class="map-canvas">
    ${state === "loading" && html`<div class="map-wait"><${Loading} /></div>`}
    ${state === "failed" && html`<div class="map-wait"><${Failed} error=${{ message: t("map.notLoaded") }}
      retry=${() => (setState("loading"), setRound(round + 1))} /></div>`}
    <div class="map-box" ref=${box} role="application" tabindex="0" aria-label=${t("map.canvas")}
      aria-describedby="map-keys"
      onKeyDown=${(event) => onKey(event, graphRef.current)} />
    <p class="unseen" id="map-keys">${t("map.keys")}</p>
    <div class="map-zoom" role="group" aria-label=${t("map.zoom")}>
      ${[
        ["plus", "zoomIn", () => graphRef.current?.zoomBy(ZOOM_STEP)],
        ["minus", "zoomOut", () => graphRef.current?.zoomBy(1 / ZOOM_STEP)],
        ["focus", "fit", () => graphRef.current?.fit()],
      ].map(
        ([icon, key, run]) =>
          html`<button type="button" key=${key} class="icon" aria-label=${t(`map.${key}`)} title=${t(`map.${key}`)}
            onClick=${run}><${Icon} name=${icon} /></button>`,
      )}
      ${
        kind.value === KINDS[0] &&
        html`<button type="button" class="icon map-finger" aria-pressed=${fingerMoves.value}
          aria-label=${t("map.moveNodes")} title=${t("map.moveNodes")}
          onClick=${() => (fingerMoves.value = !fingerMoves.value)}><${Icon} name="pin" /></button>`
      }
    </div>
  </div>`;
}

function show(cytoscape, box, graphRef) {
  let touched = null;
  const graph = makeGraph(cytoscape, box, {
    palette: paletteNow(),
    on: {
      pick: (id) => select((touched = id === ownId.peek() ? null : id)),
      focus: (id) => id !== ownId.peek() && focusOn(focused.peek() === id ? null : id),
      moved: moveNode,
      mayMove: (pointerType) => kind.peek() === KINDS[0] && (pointerType === "mouse" || fingerMoves.peek()),
      covered: () => coveredOf(box),
      titleOf: (id) => (id === ownId.peek() ? t("map.gateway") : nameOf(id)),
    },
  });
  graphRef.current = graph;
  let frame = 0;
  let first = true;
  const paint = () => {
    frame = 0;
    graph.draw(scene.peek(), { animate: !first && !reduced.matches });
    if (first) graph.fit(focused.peek() === null ? null : neighboursOf(places.peek(), focused.peek()));
    if (first && selected.peek() !== null) graph.reveal(selected.peek());
    first = false;
  };
  // However much changes at once, a frame is drawn once; a page that is not looked at draws nothing.
  const ends = [
    effect(() => {
      scene.value;
      if (positionsKnown.value) frame ||= requestAnimationFrame(paint);
    }),
    effect(() => {
      isDark.value;
      graph.recolour(untracked(paletteNow));
    }),
    effect(() => {
      const id = selected.value;
      // The picture holds still below a finger; else it makes room for the panel, which is laid out by then.
      const refit = id !== touched;
      touched = null;
      if (id !== null && !first)
        requestAnimationFrame(() => graphRef.current === graph && graph.reveal(id, { refit }));
    }),
    effect(() => {
      kind.value;
      if (!first) requestAnimationFrame(() => graphRef.current === graph && (graph.draw(scene.peek()), graph.fit()));
    }),
  ];
  return () => {
    cancelAnimationFrame(frame);
    for (const end of ends) end();
    graph.destroy();
  };
}

/** How much of the picture lies below the panel: at its side, on a phone at its lower edge. `foot` is the buttons'. */
function coveredOf(box) {
  const area = box.getBoundingClientRect();
  const [side, sheet, buttons] = [".map-side", ".map-panel", ".map-zoom"].map((name) =>
    document.querySelector(name)?.getBoundingClientRect(),
  );
  const foot = buttons?.width > buttons?.height ? Math.max(0, area.bottom - buttons.top) : 0;
  if (side?.width) return { right: Math.max(0, area.right - side.left), bottom: foot, foot };
  return { right: 0, bottom: sheet?.width ? Math.max(foot, area.bottom - sheet.top) : foot, foot };
}

function onKey(event, graph) {
  if (!graph || event.ctrlKey || event.metaKey || event.altKey) return;
  const id = selected.peek();
  const acts = {
    "+": () => graph.zoomBy(ZOOM_STEP),
    "=": () => graph.zoomBy(ZOOM_STEP),
    "-": () => graph.zoomBy(1 / ZOOM_STEP),
    0: () => graph.fit(),
    Escape: () => (focused.peek() === null ? select(null) : focusOn(null)),
    Enter: () => id !== null && go(to("nodes", id)),
    " ": () => id !== null && places.peek().get(id).children.length && toggleFold(id),
    f: () => id !== null && focusOn(focused.peek() === id ? null : id),
  };
  const next = id === null ? firstNode(event.key) : step(places.peek(), id, event.key, kind.peek());
  if (next !== null) select(next === ownId.peek() ? id : next);
  else if (Object.hasOwn(acts, event.key)) acts[event.key]();
  else return;
  event.preventDefault();
}

/** Where arrow keys begin. */
const firstNode = (key) =>
  key.startsWith("Arrow") ? (places.peek().get(ownId.peek())?.children[0] ?? tree.peek()[0]?.id ?? null) : null;
