// How a node or an alert does, in five levels. Each has a word, a shape and a colour: colour alone says nothing to
// one man in twelve. The colours are in style/base.css as --well, --warn, --bad, --off, --unknown.
import { computed } from "@preact/signals";
import { alerts } from "./state.js";

export const LEVELS = ["bad", "warn", "off", "unknown", "well"];

const WARN_BELOW = 80;
const BAD_BELOW = 50;

/** For how many hours an alert is silenced with one click. */
export const SILENCES_H = [1, 4, 8, 24];

let before = "";
let urgent = new Set();

/** Ids of nodes with a critical alert that people are told of; the same Set for as long as these are the same. */
export const urgentNodes = computed(() => {
  const loud = [...alerts.value.values()].filter((alert) => levelOfAlert(alert) === "bad" && alert.state === "firing");
  const ids = loud.map((alert) => alert.node).filter((id) => id !== null).sort();
  if (ids.join() !== before) urgent = new Set(ids);
  before = ids.join();
  return urgent;
});

/** "well", "warn", "bad", "off" (not in the mesh) or "unknown". */
export function levelOf(node) {
  if (!node) return "unknown";
  if (!node.online) return "off";
  if (urgentNodes.value.has(node.id)) return "bad";
  if (node.health === null || node.health === undefined) return "unknown";
  if (node.health < BAD_BELOW) return "bad";
  return node.health < WARN_BELOW || node.alerts > 0 ? "warn" : "well";
}

/** The level of a score from 0 to 100. */
export const levelOfScore = (score) =>
  score === null || score === undefined ? "unknown" : score < BAD_BELOW ? "bad" : score < WARN_BELOW ? "warn" : "well";

/** The level of an alert: what keeps quiet is no trouble to look at. */
export function levelOfAlert(alert) {
  if (alert.state === "resolved") return "well";
  if (alert.quiet) return "off";
  return alert.severity === "critical" ? "bad" : alert.severity === "warning" ? "warn" : "unknown";
}

/** Since when an alert is one: it fired, or while it is pending, what it watches for is there. */
export const begunAt = (alert) => alert.fired_at ?? alert.since_at;

/** Alerts that are firing of one node. */
export const alertsOf = (id) =>
  [...alerts.value.values()].filter((alert) => alert.node === id && alert.state === "firing");

const UPDATE_LEVELS = {
  well: ["completed", "already_installed"],
  bad: ["failed", "lost", "aborted", "rolled_back", "rolling_back"],
  warn: ["paused", "awaiting_approval", "awaiting_go", "unreachable"],
  off: ["cancelled", "not_targeted"],
};

/** Of a rollout, or of a node in one; what is under way is "unknown" yet. */
export const levelOfUpdate = (state) =>
  Object.keys(UPDATE_LEVELS).find((level) => UPDATE_LEVELS[level].includes(state)) ?? "unknown";
