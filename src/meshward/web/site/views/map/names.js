// Which names are to be read: as many as there is room for, the important first. Nothing here knows of a page.

/** Names of nodes in trouble come before it. */
export const URGENT_RANK = 3;
const LETTER_SHARE = 0.56; // of the font's height, for the usual letter
const LINE_SHARE = 1.15;
const CELL = 64;
const URGENT_ZOOM = 0.3; // below, a name would hide several nodes

/** The size of names on the map where a unit of it has `zoom` pixels: on the screen no less than `leastPx`. */
export const fontAt = (zoom, leastPx) => Math.max(leastPx, leastPx / zoom);

/**
 * The names that show at this zoom: Map(id → text). `nodes` are {id, x, y, label, short, beside, size, rank}: the
 * lowest rank comes first. Where there is no room for the label, there may be for the short one. Rank 0 shows in any
 * case, below URGENT_RANK also where another node's disc is beneath it. A label stands below its node, or to its
 * right where `beside` is true.
 */
export function namesThatFit(nodes, zoom, leastPx) {
  const font = fontAt(zoom, leastPx);
  const [discs, names] = [new Grid(CELL / zoom), new Grid(CELL / zoom)];
  for (const { id, x, y, size } of nodes)
    discs.add({ id, left: x - size / 2, right: x + size / 2, top: y - size / 2, bottom: y + size / 2 });
  const shown = new Map();
  for (const node of [...nodes].sort((a, b) => a.rank - b.rank)) {
    const texts = node.label === node.short ? [node.label] : [node.label, node.short];
    const boxes = texts.map((text) => boxOf(node, text, font));
    const free = boxes.findIndex((box) => !names.has(box) && !discs.has(box));
    const isUrgent = node.rank === 0 || (node.rank < URGENT_RANK && zoom >= URGENT_ZOOM && !names.has(boxes.at(-1)));
    if (free < 0 && !isUrgent) continue;
    const chosen = free < 0 ? texts.length - 1 : free;
    shown.set(node.id, texts[chosen]);
    names.add(boxes[chosen]);
  }
  return shown;
}

function boxOf({ id, x, y, size, beside }, text, font) {
  const lines = text.split("\n");
  const width = Math.max(...lines.map((line) => line.length)) * LETTER_SHARE * font;
  const height = lines.length * LINE_SHARE * font;
  const left = beside ? x + size / 2 + 1 : x - width / 2;
  const top = beside ? y - height / 2 : y + size / 2 + 1;
  return { id, left, right: left + width, top, bottom: top + height };
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
