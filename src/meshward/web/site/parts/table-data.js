// The order of a table's rows, and which of them are in sight.

/** An order as text, "-health,name", as list: [{key, down}]. */
export const orderOf = (text) =>
  (text ?? "").split(",").filter(Boolean).map((part) => ({ key: part.replace(/^-/, ""), down: part.startsWith("-") }));

/** And back. */
const orderText = (order) => order.map(({ key, down }) => (down ? `-${key}` : key)).join(",");

/**
 * The order after a click on a column: by it alone, or with `further` by it after those there are. The first click is
 * upwards, the second turns it, the third takes it away.
 */
export function turned(text, key, further) {
  const order = orderOf(text);
  const mine = further || order.length === 1 ? order.find((one) => one.key === key) : undefined;
  const next = !mine ? { key, down: false } : !mine.down ? { key, down: true } : null;
  if (!further) return next ? orderText([next]) : "";
  const others = mine ? order.map((one) => (one === mine ? next : one)) : [...order, next];
  return orderText(others.filter(Boolean));
}

const letters = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** Rows in that order; what has no value is last either way, and equal rows stay as they were. */
export function sorted(rows, columns, text) {
  const order = orderOf(text)
    .map(({ key, down }) => ({ value: columns.find((column) => column.key === key)?.value, sign: down ? -1 : 1 }))
    .filter(({ value }) => value);
  if (!order.length) return rows;
  const keyed = rows.map((row) => ({ row, values: order.map(({ value }) => value(row)) }));
  keyed.sort((a, b) => {
    for (let at = 0; at < order.length; at++) {
      const way = compare(a.values[at], b.values[at], order[at].sign);
      if (way) return way;
    }
    return 0;
  });
  return keyed.map(({ row }) => row);
}

const isNothing = (value) => value === null || value === undefined || value === "";

function compare(a, b, sign) {
  if (isNothing(a) || isNothing(b)) return isNothing(a) - isNothing(b);
  return sign * (typeof a === "number" && typeof b === "number" ? a - b : letters.compare(String(a), String(b)));
}

/** Of `count` rows of a height those in sight, with a margin: [first, after the last]. */
export function windowOf(count, rowPx, scrolledPx, heightPx, margin = 12) {
  const first = Math.max(0, Math.floor(scrolledPx / rowPx) - margin);
  return [Math.min(first, count), Math.min(count, Math.ceil((scrolledPx + heightPx) / rowPx) + margin)];
}

/** What is selected after a click on `key`; with the key it began at, all between the two. */
export function picked(selected, keys, key, from) {
  const next = new Set(selected);
  const on = !next.has(key);
  const ends = [keys.indexOf(key), keys.indexOf(from)].sort((a, b) => a - b);
  const meant = ends[0] < 0 ? [key] : keys.slice(ends[0], ends[1] + 1);
  for (const one of meant) on ? next.add(one) : next.delete(one);
  return next;
}
