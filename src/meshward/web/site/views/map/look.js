// Cytoscape's style sheet of the map.
import { QUALITIES } from "./links.js";

const SIZE = 46;
const ROOT_SIZE = 60;
/** From here on, a map is small: nodes grow as far as their neighbours let them, lines as far as they are seen. */
const SMALL_ZOOM = 0.3;
const SMALL_SHARE = 1.3;

/** How bold a map is to be drawn where a unit of it has `zoom` pixels: 1, 2, 4 or 8, as each change draws all anew. */
export const boldnessAt = (zoom) => 2 ** Math.max(0, Math.min(3, Math.floor(Math.log2(SMALL_ZOOM / zoom) + 0.5)));

/** How large a node of a look is, in units of the map. */
export const sizeOf = (look, boldness = 1) => (look === "root" ? ROOT_SIZE : SIZE) * (boldness > 1 ? SMALL_SHARE : 1);

/** `palette` holds the colours of style/base.css by name. */
export function lookOf(palette, boldness = 1) {
  return [
    {
      selector: "node",
      style: {
        width: sizeOf("", boldness),
        height: sizeOf("", boldness),
        "background-opacity": 0,
        "background-image": "data(image)",
        "background-fit": "contain",
        "background-clip": "none",
        "font-family": "Inter, system-ui, sans-serif",
        "font-weight": 500,
        color: palette.text,
        "text-valign": "bottom",
        "text-margin-y": 2,
        "text-wrap": "wrap",
        "text-max-width": 100_000,
        "text-background-color": palette.surface,
        "text-background-opacity": 0.8,
        "text-background-shape": "roundrectangle",
        "text-background-padding": 1,
        "overlay-opacity": 0,
        "z-index": 2,
      },
    },
    { selector: "node.named", style: { label: "data(label)" } },
    // Names stand on lines there: see-through, these would strike them out.
    { selector: "node.beside", style: { "text-background-opacity": 1, "text-background-padding": 2 } },
    { selector: "node.above", style: { "text-valign": "top", "text-margin-y": -2 } },
    {
      selector: "node.right",
      style: { "text-halign": "right", "text-valign": "center", "text-margin-y": 0, "text-margin-x": 3 },
    },
    {
      selector: "node.left",
      style: { "text-halign": "left", "text-valign": "center", "text-margin-y": 0, "text-margin-x": -3 },
    },
    {
      selector: "node.root",
      style: { width: sizeOf("root", boldness), height: sizeOf("root", boldness), "font-weight": 700 },
    },
    {
      selector: "edge",
      style: {
        "curve-style": "haystack",
        "haystack-radius": 0,
        "overlay-opacity": 0,
        opacity: 1,
        "z-index": 1,
      },
    },
    ...QUALITIES.map(({ key, colour, width }) => ({
      selector: `edge.${key}`,
      style: {
        width: width * boldness,
        "line-color": palette[colour],
        "line-style": key === "unknown" ? "dashed" : "solid",
        "line-dash-pattern": [12 * boldness, 8 * boldness],
      },
    })),
    { selector: "node.gone", style: { opacity: 0.6 } },
    // All lines of what was are without a quality: dashes would say nothing then.
    { selector: "edge.past", style: { "line-style": "solid" } },
    { selector: "edge.gone", style: { opacity: 0.5 } },
    {
      selector: "node.path",
      style: { "outline-width": 3 * boldness, "outline-color": palette.accent, "outline-offset": 1 },
    },
    {
      selector: "edge.path",
      style: {
        "underlay-color": palette.accent,
        "underlay-opacity": 0.3,
        "underlay-padding": 5 * boldness,
        "z-index": 2,
      },
    },
    {
      selector: "node.hit",
      style: {
        "outline-width": 4 * boldness,
        "outline-color": palette.text,
        "outline-style": "dotted",
        "outline-offset": 3,
      },
    },
    { selector: "node.urgent", style: { "z-index": 8 } },
    { selector: ".loud", style: { "font-weight": 700, "text-background-opacity": 0.95, "z-index": 9 } },
    {
      selector: "node.selected",
      style: {
        "outline-width": 4 * boldness,
        "outline-color": palette.text,
        "outline-style": "solid",
        "outline-offset": 2,
        "z-index": 10,
      },
    },
    { selector: ".dim", style: { opacity: 0.2 } },
    { selector: "node.dim", style: { "text-opacity": 0.5 } },
    { selector: "core", style: { "active-bg-opacity": 0 } },
  ];
}
