// The mesh as a tree, and ways in it. Nothing here knows of a page.

/**
 * What layoutTree takes: [{id, parent, gone}] in the order of ids. `nodes` are NodeViews by id. Those that left are
 * in it where `lastParents` is given, below the one it names, else below the root.
 */
export function treeOf(nodes, ownId, lastParents = null) {
  const tree = [];
  for (const node of nodes.values()) {
    if (node.online) tree.push({ id: node.id, parent: node.parent ?? ownId, gone: false });
    else if (lastParents) tree.push({ id: node.id, parent: lastParents.get(node.id) ?? ownId, gone: true });
  }
  return tree.sort((a, b) => a.id - b.id);
}

/** Whether two trees are the same, so that the older one may stay in use. */
export const sameTree = (a, b) =>
  a.length === b.length &&
  a.every(({ id, parent, gone }, i) => id === b[i].id && parent === b[i].parent && gone === b[i].gone);

/** Ids from a node to the root, both with it. `places` is of layoutTree. */
export function pathOf(places, id) {
  const path = [];
  for (let at = id; at !== null && places.has(at); at = places.get(at).parent) path.push(at);
  return path;
}

/** A node and all that hang below it. */
export function subtreeOf(places, id) {
  const list = places.has(id) ? [id] : [];
  for (const one of list) list.push(...places.get(one).children);
  return list;
}

/** A node, its parent and its children: what is left when others are out of focus. */
export function neighboursOf(places, id) {
  const place = places.get(id);
  return place ? [id, ...(place.parent === null ? [] : [place.parent]), ...place.children] : [];
}

const STEPS = {
  radial: { ArrowUp: "parent", ArrowDown: "child", ArrowLeft: "before", ArrowRight: "after" },
  layered: { ArrowLeft: "parent", ArrowRight: "child", ArrowUp: "before", ArrowDown: "after" },
};

/** Where an arrow key leads from a node, among those that are shown; null for nowhere, or another key. */
export function step(places, id, key, kind = "radial") {
  const way = STEPS[kind]?.[key];
  const place = places.get(id);
  if (!way || !place) return null;
  if (way === "parent") return place.parent;
  if (way === "child") return place.children.find((child) => !places.get(child).hidden) ?? null;
  const row = [...places.keys()].filter((one) => places.get(one).depth === place.depth && !places.get(one).hidden);
  const at = row.indexOf(id) + (way === "after" ? 1 : -1);
  return row[(at + row.length) % row.length] ?? null;
}
