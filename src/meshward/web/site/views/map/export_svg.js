// The map as an SVG file of its own. Every text in it is escaped. Nothing here knows of a page.
import { glyph } from "./glyphs.js";
import { QUALITIES } from "./links.js";
import { sizeOf } from "./look.js";

const MARGIN = 60;
const LINE_HEIGHT = 14;

// What XML 1.0 cannot hold at all.
const FORBIDDEN = new RegExp(
  "[\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\ufffe\\uffff]" +
    "|[\\ud800-\\udbff](?![\\udc00-\\udfff])|(?<![\\ud800-\\udbff])[\\udc00-\\udfff]",
  "g",
);
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** A text as it may stand in XML. */
const escaped = (text) =>
  String(text)
    .replace(FORBIDDEN, "\ufffd")
    .replace(/[&<>"']/g, (sign) => ENTITIES[sign]);

/** `scene` as it is drawn, `palette` the colours by name, `title` what the picture is. */
export function mapSvg({ scene, palette, title }) {
  const at = new Map(scene.nodes.map((node) => [node.id, node]));
  const box = boxOf(scene.nodes);
  const lines = scene.links.map((link) => lineSvg(link, at.get(link.from), at.get(link.to), palette));
  const marks = scene.nodes.map((node) => nodeSvg(node, palette));
  return `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="${box.join(" ")}" width="${box[2]}" height="${box[3]}" role="img">
<title>${escaped(title)}</title>
<rect x="${box[0]}" y="${box[1]}" width="100%" height="100%" fill="${palette.surface}"/>
<g stroke-linecap="round">
${lines.join("\n")}
</g>
<g font-family="Inter, system-ui, sans-serif" font-size="12" font-weight="500" text-anchor="middle"
  fill="${palette.text}">
${marks.join("\n")}
</g>
</svg>
`;
}

function boxOf(nodes) {
  const span = (values) => {
    const [least, most] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [0, 0]);
    return [Math.floor(least - MARGIN), Math.ceil(most - least + 2 * MARGIN)];
  };
  const [[x, width], [y, height]] = [span(nodes.map((node) => node.x)), span(nodes.map((node) => node.y))];
  return [x, y, width, height];
}

const opacity = (classes) =>
  /\bdim\b/.test(classes) ? ' opacity="0.2"' : /\bgone\b/.test(classes) ? ' opacity="0.6"' : "";
const n = (value) => Math.round(value * 10) / 10;

function lineSvg({ quality, classes }, from, to, palette) {
  const { colour, width, key } = QUALITIES.find((one) => one.key === quality);
  const dashes = key === "unknown" && !/\bpast\b/.test(classes) ? ' stroke-dasharray="5 5"' : "";
  const ends = `x1="${n(from.x)}" y1="${n(from.y)}" x2="${n(to.x)}" y2="${n(to.y)}"`;
  return `<line ${ends} stroke="${palette[colour]}" stroke-width="${width}"${dashes}${opacity(classes)}/>`;
}

/** Around letters, so that they are read on top of lines. */
const halo = (palette) => `stroke="${palette.surface}" stroke-width="4" stroke-linejoin="round" paint-order="stroke"`;

function nodeSvg({ x, y, label, beside, look, classes }, palette) {
  const size = sizeOf(look);
  const rows = label
    .split("\n")
    .map((text, i) =>
      beside
        ? `<text x="${size / 2 + 4}" y="4" text-anchor="start" ${halo(palette)}>${escaped(text)}</text>`
        : `<text y="${size / 2 + LINE_HEIGHT * (i + 1)}" ${halo(palette)}>${escaped(text)}</text>`,
    );
  const mark = `<g transform="translate(${-size / 2} ${-size / 2}) scale(${size / 64})">${glyph(look, palette)}</g>`;
  return `<g transform="translate(${n(x)} ${n(y)})"${opacity(classes)}>${mark}${rows.join("")}</g>`;
}
