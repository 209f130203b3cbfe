// The map on its canvas: draws scenes, moves what moved, and tells what was done to it. Everything of Cytoscape.js
// is in this file and in look.js.
import { glyphUrl } from "./glyphs.js";
import { boldnessAt, lookOf, sizeOf } from "./look.js";
import { fontAt, namesThatFit } from "./names.js";
import { restWhenIdle } from "./rest.js";

const MOVE_MS = 400;
/** More are put where they belong at once: a picture that changes that much is read anew in any case. */
const MOVED_TOGETHER_MAX = 400;
const ZOOM_LEAST = 0.03;
const ZOOM_MOST = 3;
const FIT_ZOOM_MOST = 1.2;
const FIT_PADDING = 36;
/** Room for the names at the right end of the layered tree. */
const NAMES_BESIDE_PX = 90;
/** Nearer to the edge, a node is out of sight: less than FIT_PADDING, so that none is when all of them are shown. */
const EDGE_PX = 24;
/** Of the page's font. */
const FONT_SHARE = 0.8;
const PIXEL_RATIO_MOST = 1.5;
/** With more nodes, lines are left out while the map is being moved: they take most of a frame. */
const LINES_MOVED_MAX = 500;
/** After a change of zoom: names are chosen anew when it is over. */
const NAMES_MS = 120;
const NAME_CLASSES = "named below above right left";

/**
 * A map in `box`. `on` is told: pick(id or null), focus(id) for a double click, moved(id, x, y) for a node that was
 * dragged there; and asked: titleOf(id); covered(), the pixels {right, bottom} of the box that something else
 * hides, `foot` of them for as long as it is shown; and mayMove(pointerType), whether a "mouse" or a finger drags the nodes, else the map with them.
 * `draw(scene, {animate})` shows another scene.
 */
export function makeGraph(cytoscape, box, { palette, on }) {
  let colours = palette;
  const cy = cytoscape({
    container: box,
    style: lookOf(colours),
    layout: { name: "preset" },
    minZoom: ZOOM_LEAST,
    maxZoom: ZOOM_MOST,
    boxSelectionEnabled: false,
    autounselectify: true,
    // Without a GPU, pixels are what costs.
    pixelRatio: Math.min(devicePixelRatio, PIXEL_RATIO_MOST),
  });
  restWhenIdle(cy.renderer());
  const drawn = { nodes: new Map(), links: new Map() };
  let moving = null;
  let wasMoved = false;
  let namesDrawn = null;
  let boldness = 1;
  // A wall screen has larger letters: see style/shell.css.
  const fontPx = FONT_SHARE * Number.parseFloat(getComputedStyle(document.documentElement).fontSize);

  cy.on("tap", (event) => on.pick(event.target === cy ? null : numberOf(event.target)));
  cy.on("dbltap", "node", (event) => on.focus(numberOf(event.target)));
  cy.on("dragfree", "node", ({ target }) => on.moved(numberOf(target), target.position("x"), target.position("y")));
  cy.on("mouseover", "node", ({ target }) => {
    box.style.cursor = "pointer";
    box.title = on.titleOf(numberOf(target));
  });
  cy.on("mouseout", "node", () => {
    box.style.cursor = "";
    box.title = "";
  });
  let isFixed = false;
  /** Asked anew at each touch, before Cytoscape.js hears of it. */
  const hold = ({ pointerType }) => {
    if (isFixed === !on.mayMove(pointerType)) return;
    isFixed = !isFixed;
    const nodes = cy.nodes().not(".root");
    if (isFixed) nodes.panify();
    else nodes.unpanify();
  };
  box.addEventListener("pointerdown", hold, true);
  cy.on("viewport", () => {
    wasMoved = true;
    if (cy.zoom() !== namedFor) nameSoon();
  });

  function draw(scene, { animate = false } = {}) {
    const targets = new Map();
    const added = [];
    cy.batch(() => {
      const cutOff = syncMap(drawn.links, scene.links, (link) => added.push(linkElement(link)), changeLink);
      const left = syncMap(drawn.nodes, scene.nodes, addNode, (before, now) => changeNode(before, now, targets));
      for (const id of cutOff) cy.getElementById(`l${id}`).remove();
      for (const id of left) cy.getElementById(`n${id}`).remove();
      if (added.length) cy.add(added);
    });
    cy.renderer().hideEdgesOnViewport = scene.nodes.length > LINES_MOVED_MAX;
    place(targets, animate && targets.size <= MOVED_TOGETHER_MAX);
    if (scene.names !== namesDrawn) name();
    namesDrawn = scene.names;
  }

  function addNode(node) {
    cy.add({
      group: "nodes",
      data: { id: `n${node.id}`, label: "", image: glyphUrl(node.look, colours) },
      position: { x: node.x, y: node.y },
      classes: node.classes,
      pannable: isFixed || node.look === "root", // it can be grabbed where it is not
    });
  }

  function changeNode(before, now, targets) {
    const element = cy.getElementById(`n${now.id}`);
    if (before.look !== now.look) element.data("image", glyphUrl(now.look, colours));
    if (before.classes !== now.classes) element.classes(`${now.classes} ${nameClasses(now.id)}`);
    if (before.x !== now.x || before.y !== now.y) targets.set(now.id, { element, x: now.x, y: now.y });
  }

  function changeLink(before, now) {
    const element = cy.getElementById(`l${now.id}`);
    if (before.quality !== now.quality || before.classes !== now.classes)
      element.classes(`${now.quality} ${now.classes}`);
  }

  /** Bring nodes to their places; what is under way to one goes on from where it is. */
  function place(targets, animate) {
    if (!targets.size) return;
    moving?.stop();
    const all = new Map([...(moving?.waiting ?? []), ...targets]);
    moving = animate ? tween(cy, all) : null;
    if (!animate) cy.batch(() => all.forEach(({ element, x, y }) => element.grabbed() || element.position({ x, y })));
  }

  let named = cy.collection();
  let fitting = new Map();
  const nameClasses = (id) => (fitting.has(id) ? `named ${fitting.get(id).side}` : "");
  let namedFor = 0;

  /** Names keep their size on the screen while the map shrinks; those that there is no room for go. */
  function name(zoom = cy.zoom()) {
    if (cy.destroyed()) return;
    namedFor = zoom;
    if (boldnessAt(zoom) !== boldness) {
      boldness = boldnessAt(zoom);
      cy.style(lookOf(colours, boldness));
    }
    fitting = namesThatFit(
      [...drawn.nodes.values()].map((node) => ({ ...node, size: sizeOf(node.look, boldness) })),
      zoom,
      fontPx,
    );
    const now = cy.nodes().filter((element) => fitting.has(numberOf(element)));
    cy.batch(() => {
      named.difference(now).removeStyle("font-size");
      named.removeClass(NAME_CLASSES);
      now.forEach((element) => {
        const { text, side } = fitting.get(numberOf(element));
        element.data("label", text).addClass(`named ${side}`);
      });
      now.style("font-size", fontAt(zoom, fontPx));
    });
    named = now;
  }

  const nameSoon = later(() => name(), NAMES_MS);

  const resized = new ResizeObserver(() => {
    cy.resize();
    if (!wasMoved) fit();
  });
  resized.observe(box);

  /** Show these nodes, or all, as large as there is room for. */
  function fit(ids = null) {
    const nodes = ids ? ids.map((id) => drawn.nodes.get(id)).filter(Boolean) : [...drawn.nodes.values()];
    if (!nodes.length || !cy.width() || !cy.height()) return;
    const [x, y] = ["x", "y"].map((axis) => {
      const [least, most] = nodes.reduce(
        ([a, b], node) => [Math.min(a, node[axis]), Math.max(b, node[axis])],
        [Infinity, -Infinity],
      );
      return { middle: (least + most) / 2, size: most - least };
    });
    const { right, foot } = on.covered();
    const width = cy.width() - right - (nodes.some((node) => node.beside) ? NAMES_BESIDE_PX : 0);
    const height = cy.height() - foot;
    const zoom = Math.min(
      (width - 2 * FIT_PADDING) / (x.size + 1),
      (height - 2 * FIT_PADDING) / (y.size + 1),
      FIT_ZOOM_MOST,
    );
    // All of it is to be seen, however much that is.
    const level = zoom > 0 ? zoom : ZOOM_LEAST;
    cy.minZoom(Math.min(cy.minZoom(), level));
    cy.viewport({ zoom: level, pan: { x: width / 2 - x.middle * level, y: height / 2 - y.middle * level } });
    wasMoved = Boolean(ids);
  }

  return {
    cy,
    draw,
    fit,
    /** Bring a node into sight, where it is not; with `refit` all of them, where nobody moved the map. */
    reveal(id, { refit = false } = {}) {
      if (refit && !wasMoved) fit();
      const element = cy.getElementById(`n${id}`);
      if (element.empty()) return;
      const { x, y } = element.renderedPosition();
      const { right, bottom } = on.covered();
      const [width, height] = [cy.width() - right, cy.height() - bottom];
      if (x > EDGE_PX && y > EDGE_PX && x < width - EDGE_PX && y < height - EDGE_PX) return;
      cy.panBy({ x: width / 2 - x, y: height / 2 - y });
    },
    zoomBy(factor) {
      cy.zoom({ level: cy.zoom() * factor, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
    },
    /** Other colours, as of another theme. */
    recolour(palette) {
      colours = palette;
      cy.style(lookOf(colours, boldness));
      cy.batch(() => {
        for (const node of drawn.nodes.values())
          cy.getElementById(`n${node.id}`).data("image", glyphUrl(node.look, colours));
      });
      name();
    },
    /** All of it as a picture, with the names that there is room for at its size. */
    png() {
      name(1);
      const picture = cy.png({
        full: true,
        output: "blob-promise",
        bg: colours.surface,
        scale: 2,
        maxWidth: 8000,
        maxHeight: 8000,
      });
      name();
      return picture;
    },
    destroy() {
      moving?.stop();
      nameSoon.stop();
      resized.disconnect();
      box.removeEventListener("pointerdown", hold, true);
      cy.destroy();
    },
  };
}

const numberOf = (element) => Number((element.isEdge() ? element.data("target") : element.id()).slice(1));

/** Do it once, so long after the last time that it was asked for. */
function later(doing, ms) {
  let timer = 0;
  const ask = () => {
    clearTimeout(timer);
    timer = setTimeout(doing, ms);
  };
  ask.stop = () => clearTimeout(timer);
  return ask;
}

const linkElement = ({ id, from, to, quality, classes }) => ({
  group: "edges",
  data: { id: `l${id}`, source: `n${from}`, target: `n${to}` },
  classes: `${quality} ${classes}`,
});

/** Bring a map of what is drawn up to date; returns the ids of what is no more. */
function syncMap(map, items, add, change) {
  const gone = new Set(map.keys());
  for (const item of items) {
    const before = map.get(item.id);
    if (before) change(before, item);
    else add(item);
    map.set(item.id, item);
    gone.delete(item.id);
  }
  for (const id of gone) map.delete(id);
  return gone;
}

/** `waiting` is empty once all are there. */
function tween(cy, targets) {
  const waiting = new Map(targets);
  const steps = [...targets.values()].map((target) => ({ ...target, from: { ...target.element.position() } }));
  const beganMs = performance.now();
  let frame = requestAnimationFrame(move);
  function move(nowMs) {
    const time = Math.min(1, Math.max(0, nowMs - beganMs) / MOVE_MS);
    const left = (1 - time) ** 3; // of the way: 0 in the end, so that they come to be exactly where they belong
    cy.batch(() => {
      for (const { element, from, x, y } of steps) {
        if (!element.grabbed()) element.position({ x: x + (from.x - x) * left, y: y + (from.y - y) * left });
      }
    });
    if (time < 1) frame = requestAnimationFrame(move);
    else waiting.clear();
  }
  return { waiting, stop: () => cancelAnimationFrame(frame) };
}
