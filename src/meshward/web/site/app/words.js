// Texts by their names: t("nodes.count", {n: 3}). Those of the first page are in words/en.js, all others in
// words/en_views.js; another language is another two files of that shape.
import en from "../words/en.js";

const words = { ...en };
export const locale = words.locale;
const plural = new Intl.PluralRules(locale);

/**
 * A text. `{name}` in it is filled in from `values`; where it is an object of plural forms ({one, other}),
 * `values.n` chooses. A name that is not known shows as it is, so that it is found.
 */
export function t(name, values = {}) {
  let text = name.split(".").reduce((part, key) => part?.[key], words);
  if (text && typeof text === "object") text = text[plural.select(values.n)] ?? text.other;
  if (typeof text !== "string") return name;
  return text.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? shown(values[key]) : whole));
}

let second;

/** Load what is not of the first page: the texts of all views besides the overview. */
export function loadWords() {
  second ??= import("../words/en_views.js").then(
    (part) => void Object.assign(words, part.default),
    (error) => {
      second = undefined;
      throw error;
    },
  );
  return second;
}

/** Whether there is such a text. */
export const has = (name) => typeof name.split(".").reduce((part, key) => part?.[key], words) === "string";

const shown = (value) => (typeof value === "number" ? value.toLocaleString(locale) : String(value));
