// Which nodes are shown: what the address says, and what that means.
import { LEVELS } from "../../app/levels.js";
import { metricOf } from "./rows.js";

/** Parameters of the address that choose nodes. */
export const FILTERS = ["q", "level", "mesh", "role", "hardware", "version", "tag", "excluded", "outdated", "signal"];
/** All of a view: with order and columns. */
const VIEW_PARAMS = [...FILTERS, "sort", "cols"];
/** Of built-in views: under this a link has little to spare. */
const WEAK_DBM = -75;
/** Stands for nodes that say nothing of this in a choice. */
export const NONE = "(none)";

/** Views that are always there. */
export const BUILT_IN = [
  { key: "all", query: "" },
  { key: "trouble", query: "level=bad%2Cwarn&sort=level%2Chealth" },
  { key: "away", query: "mesh=out&sort=seen" },
  { key: "outdated", query: "outdated=yes&sort=version" },
  { key: "weak", query: `signal=${WEAK_DBM}&sort=rssi` },
];

/** The parts of an address that make a view, as a text that is the same for the same view. */
export function queryOf(params) {
  const query = new URLSearchParams();
  for (const name of VIEW_PARAMS) if (params.get(name)) query.set(name, params.get(name));
  return query.toString();
}

/** Changes to the address that show a view: what is not in it is taken away. */
export function changesTo(query) {
  const params = new URLSearchParams(query);
  return Object.fromEntries(VIEW_PARAMS.map((name) => [name, params.get(name)]));
}

export const levelsOf = (params) => (params.get("level") ?? "").split(",").filter((level) => LEVELS.includes(level));

/** A function that says whether a row is meant. `newest` is what newestVersions gives. */
export function filterOf(params, newest) {
  const tests = [];
  const words = (params.get("q") ?? "").toLocaleLowerCase().split(/\s+/).filter(Boolean);
  if (words.length) tests.push((row) => words.every((word) => textOf(row.node).includes(word)));
  const levels = levelsOf(params);
  if (levels.length) tests.push((row) => levels.includes(row.level));
  for (const name of ["role", "hardware", "version"]) {
    const wanted = params.get(name);
    if (wanted) tests.push((row) => (row.node[name] || NONE) === wanted);
  }
  const tag = params.get("tag");
  if (tag) tests.push((row) => (tag === NONE ? row.node.tags.length === 0 : row.node.tags.includes(tag)));
  const mesh = params.get("mesh");
  if (mesh === "in" || mesh === "out") tests.push((row) => row.node.online === (mesh === "in"));
  const excluded = params.get("excluded");
  if (excluded === "yes" || excluded === "no") tests.push((row) => row.node.excluded === (excluded === "yes"));
  if (params.get("outdated") === "yes") tests.push((row) => isOutdated(row.node, newest));
  const signal = Number(params.get("signal"));
  if (params.get("signal") && Number.isFinite(signal)) {
    tests.push((row) => metricOf(row, "rssi_dbm") !== null && metricOf(row, "rssi_dbm") < signal);
  }
  return (row) => tests.every((fits) => fits(row));
}

// Names may hold two spellings of one letter, and case says nothing.
const textOf = (node) =>
  [node.name, node.id, node.hardware, node.role, node.version, ...node.tags].join("\n").toLocaleLowerCase();

/** So many filters are set: shown where they are folded away. */
export const countOf = (params) => FILTERS.filter((name) => name !== "q" && params.get(name)).length;

const numeric = new Intl.Collator("en", { numeric: true });
const kindOf = (node) => `${node.hardware}\n${node.role}`;

/** The newest version that boards of the same hardware and role run, by these two. */
export function newestVersions(nodes) {
  const newest = new Map();
  for (const node of nodes) {
    if (!node.version) continue;
    const best = newest.get(kindOf(node));
    if (best === undefined || numeric.compare(node.version, best) > 0) newest.set(kindOf(node), node.version);
  }
  return newest;
}

/** Whether others of its kind run a newer version. Not told of boards whose version is not known. */
const isOutdated = (node, newest) =>
  Boolean(node.version) && numeric.compare(node.version, newest.get(kindOf(node)) ?? "") < 0;

/** What can be chosen of a field: [value, how many], the most first. */
export function choicesOf(rows, valuesOf) {
  const counts = new Map();
  for (const row of rows) for (const value of valuesOf(row)) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || numeric.compare(a[0], b[0]));
}
