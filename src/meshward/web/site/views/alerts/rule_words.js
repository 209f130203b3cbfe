// Rules in words.
import { duration, measure, number } from "../../app/format.js";
import { nodes } from "../../app/state.js";
import { has, t } from "../../app/words.js";

/** What people call a rule; its own name where it is none of ours. */
export const ruleTitle = (name) => (has(`alerts.ruleTitles.${name}`) ? t(`alerts.ruleTitles.${name}`) : name);

/** A value with its unit. Rates of counts read better without a one in them. */
export function shown(value, unit) {
  if (unit === "1/s" || unit === "1/h") return `${number(value, 2)}/${unit.at(-1)}`;
  return measure(value, unit);
}

/** What a rule watches, in a sentence. Those of one's own are put together here, with the metric's own words. */
export function aboutRule(rule, metrics) {
  const metric = metrics.get(rule.metric);
  if (!rule.custom || !metric) return rule.about;
  return t(`alerts.ownAbout.${rule.direction}`, { metric: metric.words, value: shown(rule.threshold, rule.unit) });
}

/** Its threshold in words, and where it is over. */
export function limitOf(rule) {
  if (rule.name === "low_heap" && rule.threshold === null) return t("alerts.limit.hardware");
  if (rule.threshold === null) return "";
  const value = shown(rule.threshold, rule.unit);
  const limit = t(`alerts.limit.${rule.direction || "any"}`, { value });
  return rule.clear === null || rule.clear === rule.threshold
    ? limit
    : t("alerts.limit.withClear", { limit, clear: shown(rule.clear, rule.unit) });
}

/** How long until it fires, and until it is over. */
export const timesOf = (rule) =>
  [
    rule.for_s ? t("alerts.times.for", { time: duration(rule.for_s) }) : t("alerts.times.atOnce"),
    rule.keep_firing_s ? t("alerts.times.keep", { time: duration(rule.keep_firing_s) }) : "",
  ]
    .filter(Boolean)
    .join(", ");

/** "Kitchen, node 1005, tag garden" of whom a rule or a silence is about; "" for all. */
export function whomOf({ nodes: ids, tags }) {
  const some = ids.slice(0, NAMED_MAX).map(named).join(", ");
  const all = ids.length > NAMED_MAX ? t("alerts.whom.more", { some, n: ids.length - NAMED_MAX }) : some;
  const tagged = tags.length ? t("alerts.whom.tags", { n: tags.length, tags: tags.join(", ") }) : "";
  return [all, tagged].filter(Boolean).join(", ");
}

const NAMED_MAX = 6;

const named = (id) => nodes.peek().get(id)?.name || t("alerts.whom.node", { id: String(id) });
