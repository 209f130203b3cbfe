// Alerts put in order for people: which follows from which, which come first, what a silence fits. No DOM here.
import { begunAt } from "../../app/levels.js";

export const SEVERITIES = ["critical", "warning", "info"];
/** The level that a severity looks like; what keeps quiet looks like none. */
export const LEVELS = { critical: "bad", warning: "warn", info: "unknown" };

/** What can be filtered by `quiet`. */
export const QUIET = ["told", "quiet"];

/**
 * Whether an alert meets all that is given: severity, rule, quiet ("told" or "quiet"), and `node`, a part of its
 * node's name or id.
 */
export function fits(alert, { severity, rule, quiet, node } = {}) {
  if (severity && alert.severity !== severity) return false;
  if (rule && alert.rule !== rule) return false;
  if (quiet && (quiet === "quiet") !== Boolean(alert.quiet)) return false;
  if (!node) return true;
  const wanted = node.toLowerCase();
  return String(alert.node ?? "").includes(wanted) || alert.name.toLowerCase().includes(wanted);
}

/**
 * Groups for a list: [{key, items: [{alert, under}]}], by severity, then "pending" for those whose time has not come.
 * `under` are alerts that follow from this one, over all steps. Loud before quiet, new before old.
 */
export function arrange(alerts) {
  const byFingerprint = new Map(alerts.map((alert) => [alert.fingerprint, alert]));
  const items = new Map();
  for (const alert of alerts) {
    const top = explanation(alert, byFingerprint);
    if (!items.has(top.id)) items.set(top.id, { alert: top, under: [] });
    if (top !== alert) items.get(top.id).under.push(alert);
  }
  const groups = new Map([...SEVERITIES, "pending"].map((key) => [key, []]));
  for (const item of items.values()) {
    item.under.sort(byLoudness);
    groups.get(item.alert.state === "pending" ? "pending" : item.alert.severity).push(item);
  }
  return [...groups]
    .filter(([, group]) => group.length)
    .map(([key, group]) => ({ key, items: group.sort((a, b) => byLoudness(a.alert, b.alert)) }));
}

/** The alert of these that an alert follows from in the end; itself where that is none. */
function explanation(alert, byFingerprint) {
  const seen = new Set();
  let top = alert;
  while (top.explained_by && byFingerprint.has(top.explained_by) && !seen.has(top)) {
    seen.add(top);
    top = byFingerprint.get(top.explained_by);
  }
  return seen.has(top) ? alert : top;
}

const byLoudness = (a, b) => Boolean(a.quiet) - Boolean(b.quiet) || b.since_at.localeCompare(a.since_at);

/** The unit of an alert's value: that of its rule, but for the few rules that watch a second thing. */
export function unitOf(alert, rule) {
  if (alert.rule === "weak_link" && alert.threshold > 0) return "%"; // probes without an answer
  if (alert.rule === "moving" && alert.node === null) return "nodes";
  return rule?.unit ?? "";
}

/** How long an alert that is over lasted since it fired, in seconds. */
export const lastedS = (alert) => (Date.parse(alert.resolved_at) - Date.parse(begunAt(alert))) / 1000;

/** The maintenance of the whole mesh that is under way: nobody is told of anything. */
export const wholeMesh = (silences) =>
  silences?.find(
    ({ kind, state, rules, nodes, tags }) =>
      kind === "maintenance" && state === "active" && !rules.length && !nodes.length && !tags.length,
  );

/** "2026-11-26T18:30" of a moment, for inputs: in this browser's time. */
export function localInput(ms) {
  const at = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return at.toISOString().slice(0, 16);
}

/**
 * A silence as the API wants it, from a form: {kind, scope fields, start, length, until, reason}. `start` is "" for
 * now; `length` is in seconds, or "until". Gives {body} or {wrong: {field: text name}}.
 */
export function silenceOf({ kind, rules, nodes, tags, start, length, until, reason }, nowMs) {
  const startMs = start ? Date.parse(start) : nowMs;
  if (Number.isNaN(startMs)) return { wrong: { start: "time" } };
  const body = { kind, rules, nodes, tags, reason: reason.trim() };
  if (start) body.starts_at = new Date(startMs).toISOString();
  if (length !== "until") return { body: { ...body, duration_s: length } };
  const untilMs = Date.parse(until);
  if (Number.isNaN(untilMs)) return { wrong: { until: "time" } };
  if (untilMs <= Math.max(startMs, nowMs)) return { wrong: { until: "past" } };
  if (untilMs - startMs > SILENCE_DAYS_MAX * DAY_MS) return { wrong: { until: "long" } };
  return { body: { ...body, ends_at: new Date(untilMs).toISOString() } };
}

const SILENCE_DAYS_MAX = 366;
const DAY_MS = 86_400_000;
