// Which names are to be read: as many as there is room for, the important first. Nothing here knows of a page.

/** Names of nodes in trouble come before it. */
export const URGENT_RANK = 3;
const LETTER_SHARE = 0.56; // of the font's height, for the usual letter
const LINE_SHARE = 1.15;
const CELL = 64;
const URGENT_ZOOM = 0.3; // below, a name would hide several nodes
const URGENT_FEW = 12; // so many names may do so
const FORCED_RANK = 0.5; // of the gateway: one finds the way by it
/** Where the names of the important go, the first that is free; all others only go to the first. */
const SIDES = ["below", "above", "right", "left"];
const SIDES_BESIDE = ["right", "below", "above"];

/** The size of names on the map where a unit of it has `zoom` pixels: on the screen no less than `leastPx`. */
export const fontAt = (zoom, leastPx) => Math.max(leastPx, leastPx / zoom);

/**
 * The names that show at this zoom: Map(id → {text, side}), `side` as "below" its node. `nodes` are {id, x, y, label,
 * short, beside, size, rank}: the lowest rank comes first. Where there is no room for the label, there may be for the
 * short one. The lowest ranks show in any case; below URGENT_RANK a name goes to whatever side is free, and, where
 * the map is large or such nodes are few, also over discs of others. Other names stand below their nodes, or to their
 * right where `beside` is true.
 */
export function namesThatFit(nodes, zoom, leastPx) {
  const font = fontAt(zoom, leastPx);
  const [discs, names] = [new Grid(CELL / zoom), new Grid(CELL / zoom)];
  for (const { id, x, y, size } of nodes)
    discs.add({ id, left: x - size / 2, right: x + size / 2, top: y - size / 2, bottom: y + size / 2 });
  const shown = new Map();
  const isUrgent = ({ rank }) => rank < URGENT_RANK;
  const mayCover = zoom >= URGENT_ZOOM || nodes.filter(isUrgent).length <= URGENT_FEW;
  for (const node of [...nodes].sort((a, b) => a.rank - b.rank)) {
    const texts = node.label === node.short ? [node.label] : [node.label, node.short];
    const sides = node.beside ? SIDES_BESIDE : SIDES;
    const boxes = texts.flatMap((text) =>
      sides.slice(0, isUrgent(node) ? sides.length : 1).map((side) => boxOf(node, text, side, font)),
    );
    const apart = boxes.filter((box) => !names.has(box));
    const shortOf = (list) => list.find(({ text }) => text === node.short);
    const box =
      apart.find((one) => !discs.has(one)) ??
      (isUrgent(node) && mayCover ? shortOf(apart) : undefined) ??
      (node.rank <= FORCED_RANK ? shortOf(boxes) : undefined);
    if (!box) continue;
    shown.set(node.id, { text: box.text, side: box.side });
    names.add(box);
  }
  return shown;
}

function boxOf({ id, x, y, size }, text, side, font) {
  const lines = text.split("\n");
  const width = Math.max(...lines.map((line) => line.length)) * LETTER_SHARE * font;
  const height = lines.length * LINE_SHARE * font;
  const away = size / 2 + 1;
  const left = { right: x + away, left: x - away - width }[side] ?? x - width / 2;
  const top = { below: y + away, above: y - away - height }[side] ?? y - height / 2;
  return { id, text, side, left, right: left + width, top, bottom: top + height };
}

/** Boxes by the squares that they touch. A box is not in its own node's way. */
class Grid {
  #cell;
  #squares = new Map();

  constructor(cell) {
    this.#cell = cell;
  }

  add(box) {
    for (const key of this.#keys(box)) {
      const square = this.#squares.get(key);
      if (square) square.push(box);
      else this.#squares.set(key, [box]);
    }
  }

  has(box) {
    for (const key of this.#keys(box)) {
      for (const other of this.#squares.get(key) ?? []) {
        if (
          other.id !== box.id &&
          box.left < other.right &&
          other.left < box.right &&
          box.top < other.bottom &&
          other.top < box.bottom
        )
          return true;
      }
    }
    return false;
  }

  *#keys({ left, right, top, bottom }) {
    const at = (value) => Math.floor(value / this.#cell);
    for (let x = at(left); x <= at(right); x++) for (let y = at(top); y <= at(bottom); y++) yield `${x},${y}`;
  }
}
