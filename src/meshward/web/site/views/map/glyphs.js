// The looks of nodes as small pictures: told apart by their shape as by their colour. The same shapes as the icons
// of levels have; as text for an image, and for the exported SVG.

const TICK = "M20 33l8 8 16-17";
const CROSS = "M23 23l18 18M41 23L23 41";
const OCTAGON = "M22 6h20l16 16v20L42 58H22L6 42V22z";
const TRIANGLE = "M32 6L60 55H4z";
const DISC = "M32 6a26 26 0 1 0 .01 0z";

const SHAPES = {
  well: { body: DISC, sign: TICK },
  warn: { body: TRIANGLE, sign: "M32 24v15M32 46v.1" },
  bad: { body: OCTAGON, sign: CROSS },
  off: { body: DISC, sign: "M15 49L49 15", dashed: true },
  unknown: { body: DISC, sign: "M21 32h.1M32 32h.1M43 32h.1" },
  past: { body: DISC, sign: "" },
};

/**
 * The look of a node in a box of 64 by 64: "root", or a level, "past" for none, with " folded" where its subtree is
 * folded away. `palette` holds the colours of style/base.css by name.
 */
export function glyph(look, palette) {
  if (look === "root") {
    return (
      `<rect x="5" y="5" width="54" height="54" rx="13" fill="${palette.accent}"/>` +
      `<path d="M17 46V30L32 17l15 13v16z" fill="${palette["accent-text"]}"/>`
    );
  }
  const [level, folded] = look.split(" ");
  const { body, sign, dashed } = SHAPES[level];
  const [soft, line, text] =
    level === "past"
      ? [palette.raised, palette.text, palette.text]
      : [`-soft`, `-fill`, ""].map((end) => palette[level + end]);
  const dashes = dashed ? ' stroke-dasharray="9 6"' : "";
  return (
    `<path d="${body}" fill="${soft}" stroke="${line}" stroke-width="5" stroke-linejoin="round"${dashes}/>` +
    `<path d="${sign}" fill="none" stroke="${text}" stroke-width="6" stroke-linecap="round" stroke-linejoin="round"/>` +
    (folded
      ? `<circle cx="50" cy="50" r="13" fill="${palette.text}"/>` +
        `<path d="M50 43v14M43 50h14" stroke="${palette.raised}" stroke-width="4"/>`
      : "")
  );
}

/** Names of the colours that glyphs and lines are drawn with. */
export const COLOURS = [
  ...["page", "raised", "surface", "text", "muted", "line", "line-strong", "accent", "accent-text", "accent-soft"],
  ...["well", "warn", "bad", "off", "unknown"].flatMap((level) => [level, `${level}-soft`, `${level}-fill`]),
];

/** The look as the address of an image. */
export function glyphUrl(look, palette) {
  const field = 'xmlns="http://www.w3.org/2000/svg" width="96" height="96" viewBox="0 0 64 64"';
  const svg = `<svg ${field}>${glyph(look, palette)}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
