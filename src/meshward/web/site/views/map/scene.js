// What is to be drawn: every node and every link with its look, ready to be compared with what is drawn already.
import { computed } from "../../app/dom.js";
import { bytes, measure } from "../../app/format.js";
import { LEVELS, levelOf } from "../../app/levels.js";
import { nameOf, nodes } from "../../app/state.js";
import { t } from "../../app/words.js";
import { fits, isFiltering } from "./filter.js";
import { linkOf } from "./links.js";
import { URGENT_RANK } from "./names.js";
import { atMs, focused, foldedIn, metrics, options, placed, places, selected, tree } from "./model.js";
import { ownId } from "./moves.js";
import { neighboursOf, pathOf } from "./tree.js";

const LABEL_MAX = 18;
/** More of what is looked for do not show their names in any case: they would hide each other. */
const LOUD_MAX = 12;

/** Level of a node at the moment that is shown; what is past has none, as it is not kept. */
export function shownLevel(id, gone) {
  if (gone) return "off";
  return atMs.value === null ? levelOf(nodes.value.get(id)) : "past";
}

const goneIds = computed(() => new Set(tree.value.filter(({ gone }) => gone).map(({ id }) => id)));
export const isGone = (id) => goneIds.value.has(id);

const pathIds = computed(() => new Set(selected.value === null ? [] : pathOf(places.value, selected.value)));
const nearIds = computed(() => (focused.value === null ? null : new Set(neighboursOf(places.value, focused.value))));

/** Whether a node is looked for; all are where nothing is. */
export function isHit(id) {
  const { wanted } = options.value;
  return !isFiltering(wanted) || fits(nodes.value.get(id), id, shownLevel(id, isGone(id)), wanted);
}

const hitCount = computed(() => [...places.value.keys()].filter(isHit).length);

/**
 * {nodes: [{id, x, y, label, short, beside, look, rank, classes}], links: [{id, from, to, quality, classes}],
 * names}, the root with them. `names` is another text where names have to be chosen anew.
 */
export const scene = computed(() => {
  const drawn = { nodes: [], links: [], names: "" };
  for (const [id, place] of places.value) {
    if (place.hidden) continue;
    drawn.nodes.push(nodeOf(id, place));
    if (place.parent !== null) drawn.links.push(lineOf(id, place));
  }
  drawn.names = drawn.nodes.map(({ id, x, y, label, rank }) => `${id} ${x} ${y} ${label} ${rank} ${isBeside()}`).join();
  return drawn;
});

/** Whose name is to be read first, for names.js: who is chosen, who is in trouble, who has many behind it. */
function rankOf(place, look, isLoud, isHit) {
  if (isLoud) return 0;
  if (isHit) return 0.8;
  const level = look.split(" ")[0];
  const urgency = level === "bad" ? 1 : level === "warn" ? 2 : URGENT_RANK;
  return urgency + 1 / (2 + place.behind);
}

function nodeOf(id, place) {
  const [x, y] = placed.value.get(id) ?? [place.x, place.y];
  if (id === ownId.value)
    return {
      id,
      x: 0,
      y: 0,
      label: t("map.gatewayShort"),
      short: t("map.gatewayShort"),
      look: "root",
      rank: 0.5,
      classes: pathIds.value.has(id) ? "root path" : "root",
    };
  const gone = isGone(id);
  const hit = isHit(id);
  const near = !nearIds.value || nearIds.value.has(id);
  const isSelected = id === selected.value;
  const sought = hit && Boolean(options.value.wanted.q);
  const isLoud = isSelected || (sought && near && hitCount.value <= LOUD_MAX);
  const names = [
    (!hit || !near) && "dim",
    sought && near && "hit",
    isSelected && "selected",
    pathIds.value.has(id) && "path",
    gone && "gone",
    isLoud && "loud",
    isBeside() && "beside",
  ];
  const face = faceOf(id, gone);
  const rank = rankOf(place, face.look, isLoud, sought && near);
  if (rank < URGENT_RANK) names.push("urgent");
  return { id, x, y, ...face, beside: isBeside(), rank, classes: names.filter(Boolean).join(" ") };
}

// Rows of the layered tree are close, and there is room to their right.
const isBeside = () => options.value.kind === "layered";

function faceOf(id, gone) {
  const folded = foldedIn(id);
  const label = [cut(nameOf(id)), badgeOf(id), folded.length > 0 && t("map.folded", { n: folded.length })].filter(
    Boolean,
  );
  const level = folded.length ? worstOf([id, ...folded]) : shownLevel(id, gone);
  return {
    label: label.join(isBeside() ? " · " : "\n"),
    short: label[0],
    look: folded.length ? `${level} folded` : level,
  };
}

/** The worst level of some nodes. */
function worstOf(ids) {
  const levels = new Set(ids.map((id) => shownLevel(id, isGone(id))));
  return LEVELS.find((level) => levels.has(level)) ?? "past";
}

function lineOf(id, place) {
  const gone = isGone(id);
  const { quality } =
    atMs.value === null && !gone ? linkOf(metrics.value.get(id), place.depth) : { quality: "unknown" };
  const near = !nearIds.value || (nearIds.value.has(id) && nearIds.value.has(place.parent));
  const names = [
    gone ? "gone" : atMs.value !== null && "past",
    pathIds.value.has(id) && "path",
    (!near || (!isHit(id) && isFiltering(options.value.wanted))) && "dim",
  ];
  return { id: `${place.parent}-${id}`, from: place.parent, to: id, quality, classes: names.filter(Boolean).join(" ") };
}

function badgeOf(id) {
  const node = nodes.value.get(id);
  if (!node || atMs.value !== null) return "";
  const { badge } = options.value;
  if (badge === "version" || badge === "role") return cut(node[badge]);
  if (badge === "heap") return node.free_heap_bytes === null ? "" : bytes(node.free_heap_bytes);
  return badge === "delay" && node.delay_ms !== null ? measure(node.delay_ms, "ms") : "";
}

const segmenter = Intl.Segmenter && new Intl.Segmenter();

/** At most so many characters, as people count them; apart from the direction of the text beside them. */
function cut(text) {
  if (!text) return "";
  if (text.length <= LABEL_MAX) return `\u2068${text.replaceAll("\n", " ")}\u2069`;
  const all = segmenter
    ? Array.from(segmenter.segment(text.slice(0, 8 * LABEL_MAX)), (part) => part.segment)
    : Array.from(text);
  const short = all.length > LABEL_MAX ? `${all.slice(0, LABEL_MAX - 1).join("")}…` : text;
  return `\u2068${short.replaceAll("\n", " ")}\u2069`;
}

/** The link of a node in words, as "weak (−81 dBm)". */
export function linkWords(id) {
  const { quality, how, value } = linkOf(metrics.value.get(id), places.value.get(id)?.depth);
  return t(`map.link.${how}`, {
    quality: t(`map.quality.${quality}`),
    value: value === null ? "" : measure(value, ""),
  });
}
