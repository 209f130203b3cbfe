// The tree as it was: moves undone from how it is now. Nothing here knows of a page.

/**
 * Map(id → parent) at a moment. `present` is that map of now, `moves` of the API: oldest first, each with `before`,
 * the parent that it took a node from (null where it was not in the mesh).
 */
export function treeAt(present, moves, atMs) {
  const tree = new Map(present);
  for (let i = moves.length - 1; i >= 0 && Date.parse(moves[i].at) > atMs; i--) {
    const { node, before } = moves[i];
    if (before === null) tree.delete(node);
    else tree.set(node, before);
  }
  return tree;
}

/** Map(id → the parent it had when it was last in the mesh), of those that left by then. */
export function lastParentsAt(moves, atMs) {
  const parents = new Map();
  for (const { at, node, parent, before } of moves) {
    if (Date.parse(at) > atMs) break;
    if (parent === null && before !== null) parents.set(node, before);
    else if (parent !== null) parents.set(node, parent);
  }
  return parents;
}

/** "joined", "left" or "moved". */
export const kindOf = (move) => (move.parent === null ? "left" : move.before === null ? "joined" : "moved");

/** The moment of the next change after `atMs`, or of the one before it (`way` −1); null where there is none. */
export function changeBeside(moves, atMs, way) {
  const times = moves.map((move) => Date.parse(move.at));
  const found = way > 0 ? times.find((time) => time > atMs) : times.findLast((time) => time < atMs);
  return found ?? null;
}

/** How many changes there were in each of `count` equal spans from `startMs` to `endMs`. */
export function ticksOf(moves, startMs, endMs, count) {
  const ticks = new Array(count).fill(0);
  const spanMs = (endMs - startMs) / count;
  if (!(spanMs > 0)) return ticks;
  for (const { at } of moves) {
    const tick = Math.floor((Date.parse(at) - startMs) / spanMs);
    if (tick >= 0 && tick <= count) ticks[Math.min(tick, count - 1)] += 1;
  }
  return ticks;
}
