// Numbers and times as people read them.
import { signal } from "@preact/signals";
import { locale, t } from "./words.js";

/** The Date of an answer is in whole seconds, and up to a second old when it is sent. */
const DATE_LAG_MS = 2000;

// By how much the gateway's clock is before this browser's. All times that are told are of the gateway's.
let aheadMs = 0;

/** The gateway's time, as ms since 1970. */
export const gatewayMs = () => Date.now() + aheadMs;

/** The same; moves once a second, for ages that are shown. */
export const nowMs = signal(gatewayMs());
const tick = () => (nowMs.value = gatewayMs());
setInterval(() => document.hidden || tick(), 1000);
document.addEventListener("visibilitychange", tick);

/** Learn the gateway's time from the Date of its answer to what was asked at `askedMs` of this browser's clock. */
export function learnTime(date, askedMs) {
  const atMs = Date.parse(date ?? "");
  if (Number.isNaN(atMs)) return;
  // Changed by no more than it must be: a clock that is right stays as it is, and ages do not jump.
  const fitting = Math.min(Math.max(aheadMs, atMs - Date.now()), atMs + DATE_LAG_MS - askedMs);
  if (fitting === aheadMs) return;
  aheadMs = fitting;
  tick();
}

/** A length of time in its two largest units: "4 d 3 h", "12 min", "8 s". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return t("units.s", { n: s });
  if (s < 600) return two("min", Math.floor(s / 60), "s", s % 60);
  // Rounded before it is taken apart: no hour has 60 minutes left over.
  const minutes = Math.round(s / 60);
  if (minutes < 60) return t("units.min", { n: minutes });
  if (minutes < 24 * 60) return two("h", Math.floor(minutes / 60), "min", minutes % 60);
  const hours = Math.round(s / 3600);
  return two("d", Math.floor(hours / 24), "h", hours % 24);
}

function two(unit, n, smaller, m) {
  const first = t(`units.${unit}`, { n });
  return m ? `${first} ${t(`units.${smaller}`, { n: m })}` : first;
}

/** Seconds since an ISO time, by the clock that ticks. */
export const ageS = (iso) => (nowMs.value - Date.parse(iso)) / 1000;

/** "3 min ago"; "–" where there is no time. */
export function ago(iso) {
  if (!iso) return "–";
  const seconds = ageS(iso);
  return seconds < 2 ? t("units.now") : t("units.ago", { time: duration(seconds) });
}

const sameDay = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const otherDay = new Intl.DateTimeFormat(locale, {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
const otherYear = new Intl.DateTimeFormat(locale, {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
const whole = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });

/** A moment: the time of today, else day and time, with the year where it is another one; this browser's time zone. */
export function moment(iso) {
  if (!iso) return "–";
  const at = new Date(iso);
  const now = new Date(gatewayMs());
  if (at.toDateString() === now.toDateString()) return sameDay.format(at);
  return (at.getFullYear() === now.getFullYear() ? otherDay : otherYear).format(at);
}

/** A moment in full, for titles. */
export const wholeMoment = (iso) => (iso ? whole.format(new Date(iso)) : "");

/** "412 kB"; in steps of 1000, as files and transfers are. */
export function bytes(count) {
  if (count === null || count === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = count;
  let unit = 0;
  while (Math.abs(value) >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${number(value, unit && Math.abs(value) < 100 ? 1 : 0)} ${units[unit]}`;
}

/** A number with at most so many digits after the point. */
export function number(value, digits = 1) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return value.toLocaleString(locale, { maximumFractionDigits: digits });
}

/** "43 %" of a share from 0 to 1. */
export function percent(share, digits = 0) {
  if (share === null || share === undefined || !Number.isFinite(share)) return "–";
  // What is not all must not read as all.
  const shown = share < 1 ? Math.min(share * 100, 100 - 10 ** -digits) : share * 100;
  return `${number(shown, digits)} %`;
}

/** A value with its unit, as metrics have them. */
export function measure(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "B") return bytes(value);
  if (unit === "B/s") return `${bytes(value)}/s`;
  if (unit === "s") return duration(value);
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  if (unit === "1/h" || unit === "/s") return `${number(value, digits)}${unit.replace("1", "")}`;
  return `${number(value, digits)}${unit ? ` ${unit}` : ""}`;
}
