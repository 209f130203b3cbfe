// Relations in the tree, from the nodes as the stream has them.

/** The nodes from below the gateway to this one; empty for one that is not known. */
export function chainOf(nodes, id) {
  const chain = [];
  const seen = new Set();
  // Between two deltas parents may form a ring.
  for (let node = nodes.get(id); node && !seen.has(node.id); node = nodes.get(node.parent)) {
    seen.add(node.id);
    chain.unshift(node);
  }
  return chain;
}

/** All nodes whose way leads through this one, its children first. */
export function behind(nodes, id) {
  const found = [];
  const seen = new Set([id]);
  let level = nodes.get(id)?.children ?? [];
  while (level.length) {
    const fresh = level.filter((child) => !seen.has(child) && nodes.has(child));
    for (const child of fresh) seen.add(child);
    found.push(...fresh.map((child) => nodes.get(child)));
    level = fresh.flatMap((child) => nodes.get(child).children);
  }
  return found;
}

/** Changes of a parent, newest first as the gateway gives them, as stays: {at, parent, forS, isNow}, newest first. */
export function stays(changes, nowMs) {
  return changes.map((change, index) => {
    const next = changes[index - 1];
    const endMs = next ? Date.parse(next.at) : nowMs;
    return { at: change.at, parent: change.parent, forS: Math.max(0, (endMs - Date.parse(change.at)) / 1000),
      isNow: !next };
  });
}
