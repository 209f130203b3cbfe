// Which nodes somebody looks for. Nothing here knows of a page.

/** What can be filtered by, besides the text: names of parameters of the address. */
export const FILTERS = ["level", "role", "version", "tag"];

/** Whether anything is looked for. */
export const isFiltering = (wanted) => Boolean(wanted.q) || FILTERS.some((name) => wanted[name]);

/** Whether a node of that level is what is looked for. `node` may be missing: one that the gateway forgot. */
export function fits(node, id, level, wanted) {
  if (wanted.q && !isNamed(node, id, wanted.q)) return false;
  if (wanted.level && level !== wanted.level) return false;
  if (wanted.role && node?.role !== wanted.role) return false;
  if (wanted.version && node?.version !== wanted.version) return false;
  return !wanted.tag || Boolean(node?.tags.includes(wanted.tag));
}

/** Whether its name holds the text, or its id begins with it. */
const isNamed = (node, id, text) => {
  const sought = text.trim().toLowerCase();
  return Boolean(node?.name.toLowerCase().includes(sought)) || String(id).startsWith(sought);
};

/** The roles, versions and tags that there are, each in order. */
export function choicesOf(nodes) {
  const sets = { role: new Set(), version: new Set(), tag: new Set() };
  for (const node of nodes) {
    if (node.role) sets.role.add(node.role);
    if (node.version) sets.version.add(node.version);
    for (const tag of node.tags) sets.tag.add(tag);
  }
  return Object.fromEntries(Object.entries(sets).map(([name, set]) => [name, [...set].sort()]));
}
