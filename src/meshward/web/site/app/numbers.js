// Numbers as people type them.

const NUMBER = /^[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?$/i;
// Either a thousand and more, or a fraction: which of them is not for us to guess.
const GROUPED = /^[+-]?[1-9]\d{0,2}(,\d{3})+$/;

/**
 * The number in a text, with point or comma: null for none, NaN for what is none. Grouped digits ("20,480") are none:
 * it cannot be told from a fraction whether they are meant.
 */
export function numberOf(typed) {
  const text = String(typed).trim().replace("−", "-");
  if (text === "") return null;
  return NUMBER.test(text) && !GROUPED.test(text) ? Number(text.replace(",", ".")) : Number.NaN;
}
