// Settings, tokens and the audit log put in order for people. No DOM here.
import { numberOf } from "../../app/numbers.js";

/**
 * What of these numbers as typed is another one than in force: {changes, wrong}. `wrong` names those that are no
 * numbers, or beyond their limits [low, high].
 */
export function numbersOf(typed, current, limits) {
  const changes = {};
  const wrong = {};
  for (const [name, [low, high]] of Object.entries(limits)) {
    const value = numberOf(typed[name]) ?? Number.NaN;
    const whole = !Number.isInteger(current[name]) || name !== "updates_at_once" || Number.isInteger(value);
    if (!(value >= low && value <= high && whole)) wrong[name] = true;
    else if (value !== current[name]) changes[name] = value;
  }
  return { changes, wrong };
}

/** Settings of the configuration by table: [[table, [[key, text or null]]]]; those without a table first. */
export function byTable(fixed) {
  const tables = new Map([["", []]]);
  for (const [name, value] of Object.entries(fixed)) {
    const dot = name.indexOf(".");
    const table = dot < 0 ? "" : name.slice(0, dot);
    if (!tables.has(table)) tables.set(table, []);
    tables.get(table).push([name.slice(dot + 1), textOf(value)]);
  }
  return [...tables].filter(([, rows]) => rows.length);
}

function textOf(value) {
  if (value === null || value === undefined || value === "") return null;
  if (Array.isArray(value)) return value.length ? value.map(textOf).join(", ") : null;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** "valid", "expired" or "revoked". */
export const tokenState = ({ revoked_at, expires_at }, nowMs) =>
  revoked_at ? "revoked" : expires_at && Date.parse(expires_at) <= nowMs ? "expired" : "valid";

/** Entries of the audit log of this actor and action, with this text anywhere; "" for any. */
export function auditFits(entry, { actor, action, text }) {
  if (actor && entry.actor !== actor) return false;
  if (action && entry.action !== action) return false;
  if (!text) return true;
  const all = [entry.actor, entry.action, entry.subject, JSON.stringify(entry.detail)].join(" ");
  return all.toLowerCase().includes(text.toLowerCase());
}

/** "wave: 2, note: on my way" of what an entry says. */
export const detailText = (detail) =>
  Object.entries(detail)
    .map(([key, value]) => `${key}: ${textOf(value) ?? "–"}`)
    .join(", ");
