// The catalogue of metrics, and their values in words.
import { get } from "../../app/api.js";
import { signal, useEffect } from "../../app/dom.js";
import { measure } from "../../app/format.js";
import { locale, t } from "../../app/words.js";

const catalogue = signal(new Map());
/** Why the catalogue is not known; null while it is, or is asked for. */
export const catalogueError = signal(null);
let asked = false;

/** All metrics by name, in their order; empty until they are known. Asked for once: they change with a release. */
export function useCatalogue() {
  useEffect(askCatalogue, []);
  return catalogue.value;
}

/** Ask for it, where it is neither known nor asked for. */
export function askCatalogue() {
  if (asked) return;
  asked = true;
  catalogueError.value = null;
  get("/metric-catalogue").then(
    (metrics) => (catalogue.value = new Map(metrics.map((metric) => [metric.name, metric]))),
    (error) => {
      asked = false;
      catalogueError.value = error;
    },
  );
}

/** With a capital letter, as headings have it. */
export const headed = (text) => text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);

const YES_OR_NO = new Set(["online", "internet"]);

export const valueText = (name, value, unit) =>
  (YES_OR_NO.has(name) ? t(value ? "nodes.yes" : "nodes.no") : measure(value, unit));

/** Where a value is from. */
export function sourceText(source) {
  if (["mesh", "telemetry", "query"].includes(source)) return t(`nodes.sources.${source}`);
  return t("nodes.sources.report", { type: source });
}
