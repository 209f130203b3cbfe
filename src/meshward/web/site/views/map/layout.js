// Where the nodes of a tree go: tidy, and without a page to draw on.
//
// Both layouts are one: subtrees are drawn apart from each other and pushed together until their outlines are a gap
// apart, once from the left and once from the right; the mean of both is as wide, and leans to no side.

/** Between two nodes at least, and between two depths at least, in units of the map. */
const RADIAL = { gap: 74, ring: 96 };
const LAYERED = { gap: 54, ring: 240 };
const ROUNDS = 2;

/**
 * Positions of a tree's nodes: Map(id → {x, y, depth, parent, hidden, leaves, behind, children}), the root at 0, 0.
 *
 * `nodes` are {id, parent}; a parent that is not among them, or that hangs below its own child, is the root.
 * `kind` is "radial" (depth outwards) or "layered" (depth to the right). What is below a node of `collapsed` is
 * hidden, and lies where that node is. Children are in the order of their ids, so that nothing moves while the tree
 * stays the same. `leaves` and `behind` count the whole subtree, hidden or not; `children` are ids.
 */
export function layoutTree({ nodes, rootId, kind = "radial", collapsed = new Set(), gap, ring }) {
  const tree = grow(nodes, rootId);
  const size = { ...(kind === "layered" ? LAYERED : RADIAL) };
  if (gap) size.gap = gap;
  if (ring) size.ring = ring;
  const shown = (item) => (collapsed.has(item.id) ? [] : item.children);
  const { across, put } = kind === "layered" ? layered(tree, shown, size) : radial(tree, shown, size);
  const places = new Map();
  for (const item of tree) {
    const hidden = !across.has(item);
    // Parents come before their children, so theirs is known.
    const { x, y } = hidden ? places.get(item.parent.id) : put(item);
    places.set(item.id, {
      x,
      y,
      hidden,
      depth: item.depth,
      parent: item.parent?.id ?? null,
      leaves: item.leaves,
      behind: item.behind,
      children: item.children.map((child) => child.id),
    });
  }
  return places;
}

/** The tree as a list, parents before children, children by id. */
function grow(nodes, rootId) {
  const root = { id: rootId, parent: null, depth: 0, children: [], leaves: 0, behind: 0 };
  const items = new Map([[rootId, root]]);
  const parents = new Map();
  for (const { id, parent } of nodes) {
    if (id === rootId || items.has(id)) continue;
    items.set(id, { id, parent: null, depth: 0, children: [], leaves: 0, behind: 0 });
    parents.set(id, parent);
  }
  const loose = inCircles(parents, rootId);
  for (const [id, item] of items) {
    if (item === root) continue;
    item.parent = loose.has(id) ? root : (items.get(parents.get(id)) ?? root);
    item.parent.children.push(item);
  }
  const list = [root];
  for (const item of list) {
    item.children.sort(byId);
    for (const child of item.children) {
      child.depth = item.depth + 1;
      list.push(child);
    }
  }
  for (const item of [...list].reverse()) {
    item.leaves ||= 1;
    if (!item.parent) continue;
    item.parent.leaves += item.leaves;
    item.parent.behind += 1 + item.behind;
  }
  return list;
}

const byId = (a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

/** One node of each circle that parents form: told wrongly, or told of different moments. */
function inCircles(parents, rootId) {
  const done = new Set([rootId]);
  const loose = new Set();
  for (const start of parents.keys()) {
    const way = new Set();
    let id = start;
    while (parents.has(id) && !done.has(id) && !way.has(id)) {
      way.add(id);
      id = parents.get(id);
    }
    if (way.has(id)) loose.add(id);
    for (const passed of way) done.add(passed);
  }
  return loose;
}

/** Map(item → place across its depth), the root at 0: neighbours of one depth are `apart(depth)` apart or more. */
function spread(tree, shown, apart) {
  const fromLeft = oneSided(tree, shown, apart, 1);
  const fromRight = oneSided(tree, shown, apart, -1);
  for (const [item, x] of fromLeft) fromLeft.set(item, (x - fromRight.get(item)) / 2);
  return fromLeft;
}

function oneSided(tree, shown, apart, direction) {
  const order = (item) => (direction > 0 ? shown(item) : [...shown(item)].reverse());
  const offsets = new Map(); // from the parent
  const outlines = new Map();
  const seen = [tree[0]];
  for (const item of seen) seen.push(...shown(item));
  for (const item of [...seen].reverse()) {
    let forest = null;
    for (const child of order(item)) {
      const outline = outlines.get(child);
      outlines.delete(child);
      const shift = forest ? push(forest, outline, item.depth + 1, apart) : 0;
      offsets.set(child, shift);
      forest ??= outline;
    }
    const ends = order(item);
    const middle = ends.length ? (offsets.get(ends[0]) + offsets.get(ends.at(-1))) / 2 : 0;
    for (const child of ends) offsets.set(child, offsets.get(child) - middle);
    outlines.set(item, below(forest, middle));
  }
  const places = new Map([[tree[0], 0]]);
  for (const item of seen) if (item.parent) places.set(item, places.get(item.parent) + offsets.get(item));
  return places;
}

// An outline is the left and the right border of a subtree, one cell for each depth: {step, next}, where `step` is
// from the cell above. Ends are kept, so that a longer border continues a shorter one without walking along it.

function below(forest, middle) {
  if (!forest) {
    const left = { step: 0, next: null };
    const right = { step: 0, next: null };
    return { left, right, leftEnd: left, rightEnd: right, leftEndX: 0, rightEndX: 0 };
  }
  forest.left.step -= middle;
  forest.right.step -= middle;
  forest.leftEndX -= middle;
  forest.rightEndX -= middle;
  forest.left = { step: 0, next: forest.left };
  forest.right = { step: 0, next: forest.right };
  return forest;
}

/** Put a subtree to the right of a forest, as near as may be; returns how far that is. Takes the shorter's depth. */
function push(forest, added, depth, apart) {
  let shift = -Infinity;
  let [a, b] = [forest.right, added.left];
  let [ax, bx] = [0, 0];
  for (let d = depth; a && b; d++) {
    ax += a.step;
    bx += b.step;
    shift = Math.max(shift, ax - bx + apart(d));
    a = a.next;
    b = b.next;
  }
  if (b) {
    b.step += shift + bx - forest.leftEndX;
    forest.leftEnd.next = b;
    forest.leftEnd = added.leftEnd;
    forest.leftEndX = shift + added.leftEndX;
  }
  const right = added.right;
  right.step += shift;
  if (a) {
    a.step += ax - shift - added.rightEndX;
    added.rightEnd.next = a;
  } else {
    forest.rightEnd = added.rightEnd;
    forest.rightEndX = shift + added.rightEndX;
  }
  forest.right = right;
  return shift;
}

function layered(tree, shown, { gap, ring }) {
  const across = spread(tree, shown, () => gap);
  return { across, put: (item) => ({ x: item.depth * ring, y: across.get(item) }) };
}

/**
 * Depth outwards. How much of the angle a depth takes follows from its ring, and the ring from how many nodes are on
 * it; so rings are guessed, and made to fit what came of that. Inner rings are guessed too large: what is crowded
 * there pushes all outer rings away. The root of what a depth needs was the best of a dozen shapes tried.
 */
function radial(tree, shown, size) {
  let radii = ringsOf(countsOf(tree, shown), size).map(Math.sqrt);
  let best = null;
  for (let round = 0; round < ROUNDS; round++) {
    const across = spread(tree, shown, (depth) => size.gap / radii[depth]);
    const turned = turn(across, size.gap / (radii[1] ?? 1));
    radii = ringsFor(turned, size);
    if (!best || radii.at(-1) < best.radii.at(-1)) best = { across, turned, radii };
  }
  const put = (item) => {
    const angle = best.turned.get(item) - Math.PI / 2;
    const radius = best.radii[item.depth];
    return { x: radius * Math.cos(angle), y: radius * Math.sin(angle) };
  };
  return { across: best.across, put };
}

/** Nodes that are shown, by depth. */
function countsOf(tree, shown) {
  const counts = [];
  let row = [tree[0]];
  while (row.length) {
    counts.push(row.length);
    row = row.flatMap(shown);
  }
  return counts;
}

function ringsOf(counts, { gap, ring }) {
  const radii = [0];
  for (const count of counts.slice(1)) radii.push(Math.max(radii.at(-1) + ring, (count * gap) / (2 * Math.PI)));
  return radii;
}

/** Places as angles of a full turn; `closing` is kept free between the last and the first, which are neighbours too. */
function turn(across, closing) {
  let [first, last] = across.size > 1 ? [Infinity, -Infinity] : [0, 0];
  for (const [item, x] of across) {
    if (!item.depth) continue;
    first = Math.min(first, x);
    last = Math.max(last, x);
  }
  const whole = last - first + closing;
  return new Map([...across].map(([item, x]) => [item, ((x - first) * 2 * Math.PI) / whole]));
}

/** The smallest rings on which neighbours are a gap apart, and depths a ring. */
function ringsFor(angles, { gap, ring }) {
  const depths = [];
  for (const [item, angle] of angles) (depths[item.depth] ??= []).push(angle);
  const radii = [0];
  for (const row of depths.slice(1)) {
    row.sort((a, b) => a - b);
    let nearest = row[0] + 2 * Math.PI - row.at(-1);
    for (let i = 1; i < row.length; i++) nearest = Math.min(nearest, row[i] - row[i - 1]);
    radii.push(Math.max(radii.at(-1) + ring, gap / (2 * Math.sin(Math.min(nearest, Math.PI) / 2))));
  }
  return radii;
}
