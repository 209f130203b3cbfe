// What a chart shows, worked out without a page: columns, sums, scales and labels.
import { moment, number } from "../app/format.js";
import { locale } from "../app/words.js";

const DAY_S = 86_400;
/** Of the table beside a chart: more are not read. */
const ROWS_MAX = 200;

/**
 * Series of points [at_s, value, low, high] as uPlot wants them: one column of times, and a column for every line.
 * `columns` says what each is: {series, what: "value" | "low" | "high"}. Null is a gap; undefined is a time that only
 * another series has.
 */
export function aligned(series) {
  const times = [...new Set(series.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b);
  const rowOf = new Map(times.map((at, row) => [at, row]));
  const data = [times];
  const columns = [];
  series.forEach(({ points }, index) => {
    // The band before its line, so that the line is drawn on top.
    const parts = points.some(hasBand) ? [["high", 3], ["low", 2], ["value", 1]] : [["value", 1]];
    for (const [what, place] of parts) {
      const column = new Array(times.length).fill(undefined);
      for (const point of points) column[rowOf.get(point[0])] = point[place] ?? null;
      data.push(column);
      columns.push({ series: index, what });
    }
  });
  return { data, columns };
}

const hasBand = (point) => point[2] !== undefined && point[2] !== null && point[3] !== point[2];

/** {last, lastAt, least, most, mean, count} of the values between two moments; null where there is none. */
export function summary(points, from = -Infinity, until = Infinity) {
  const within = points.filter(([at, value]) => value !== null && value !== undefined && at >= from && at <= until);
  if (!within.length) return null;
  const values = within.map((point) => point[1]);
  const last = within.at(-1);
  return {
    last: last[1],
    lastAt: last[0],
    least: within.reduce((least, point) => Math.min(least, point[2] ?? point[1]), Infinity),
    most: within.reduce((most, point) => Math.max(most, point[3] ?? point[1]), -Infinity),
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    count: values.length,
  };
}

/** So many of the items at most, evenly spread, the last one among them. */
export function thinned(items, most = ROWS_MAX) {
  if (items.length <= most) return items;
  const step = (items.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, index) => items[Math.round(index * step)]);
}

/** The value of a column at a row, or the nearest before it that this series has. */
export function valueAt(column, row) {
  for (let at = row; at >= 0; at--) if (column[at] !== undefined) return column[at];
  return null;
}

/** Rows of values that stand alone between gaps: no line shows them. */
export function isolated(column) {
  const rows = [];
  const known = column.flatMap((value, row) => (value === undefined ? [] : [row]));
  known.forEach((row, place) => {
    const before = column[known[place - 1]];
    const after = column[known[place + 1]];
    if (column[row] !== null && (before ?? null) === null && (after ?? null) === null) rows.push(row);
  });
  return rows;
}

/** What the scale of values spans: some air around them, and never below 0 for what cannot be. */
export function spanOf(least, most) {
  if (least === null || most === null || !Number.isFinite(least)) return [0, 1];
  const air = least === most ? Math.max(Math.abs(most) * 0.05, 1) : (most - least) * 0.08;
  const low = least - air;
  return [least >= 0 && low < 0 ? 0 : low, most + air];
}

/** Steps of a scale of durations: what people count in. */
export const STEPS_S = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 43_200, DAY_S, 2 * DAY_S,
  7 * DAY_S, 30 * DAY_S, 90 * DAY_S, 365 * DAY_S];

/** A label on the scale of values, with as many digits as tell one from the next. */
export function scaleText(value, unit, step) {
  if (unit === "s") return shortDuration(value, step);
  if (unit !== "B" && unit !== "B/s") return number(value, digitsOf(step));
  const power = Math.min(3, Math.max(0, Math.floor(Math.log10(Math.max(Math.abs(value), step)) / 3)));
  const scale = 1000 ** power;
  return `${number(value / scale, digitsOf(step / scale))} ${["B", "kB", "MB", "GB"][power]}${unit.slice(1)}`;
}

const digitsOf = (step) => Math.min(4, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));

function shortDuration(seconds, step) {
  const [unit, length] = step >= DAY_S ? ["d", DAY_S] : step >= 3600 ? ["h", 3600] : step >= 60 ? ["min", 60]
    : ["s", 1];
  return `${number(seconds / length, 1)} ${unit}`;
}

const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const minute = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const second = new Intl.DateTimeFormat(locale,
  { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** A label on the scale of time: the day where a day begins. */
export function timeText(atS, stepS) {
  const at = new Date(atS * 1000);
  if (stepS >= DAY_S || (at.getHours() === 0 && at.getMinutes() === 0 && at.getSeconds() === 0)) return day.format(at);
  return (stepS >= 60 ? minute : second).format(at);
}

/** A moment of a chart in words. */
export const momentOf = (atS) => moment(new Date(atS * 1000).toISOString());

/** Notes that would stand on one another, put together: [{at, left, notes}], where `leftOf` gives the place of one. */
export function clusters(notes, leftOf, apart) {
  const found = [];
  for (const note of [...notes].sort((a, b) => a.at_s - b.at_s)) {
    const left = leftOf(note.at_s);
    const last = found.at(-1);
    if (last && left - last.left < apart) last.notes.push(note);
    else found.push({ left, notes: [note] });
  }
  return found;
}

/** The span of time shown, closer or wider by a factor around its middle, never past `latest`. */
export function zoomed(from, until, factor, latest) {
  const middle = (from + until) / 2;
  const half = Math.max(((until - from) / 2) * factor, 5);
  const end = Math.min(middle + half, Math.max(latest, until));
  return [end - 2 * half, end];
}
