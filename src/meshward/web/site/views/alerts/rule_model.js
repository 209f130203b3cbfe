// Rules: what a form holds, whether it can be, what becomes of it, and what of it can be tried. No DOM here.
import { numberOf } from "../../app/numbers.js";

const NAME = /^[a-z][a-z0-9_]{0,39}$/;
/** The API takes no longer times. */
const FOR_S_MAX = 7 * 86_400;

/** The unit of a metric as rules hold it: counters as rates. */
export const unitOfMetric = (metric) =>
  !metric ? "" : metric.kind === "counter" ? `${metric.unit || "1"}/s` : metric.unit;

/** What a form starts with; of a new rule where none is given. Numbers are texts as long as they are typed. */
export function draftOf(rule) {
  return {
    name: rule?.name ?? "",
    enabled: rule?.enabled ?? true,
    severity: rule?.severity ?? "warning",
    metric: rule?.metric ?? "",
    direction: rule?.direction || "above",
    threshold: text(rule?.threshold),
    clear: text(rule?.clear),
    for_s: rule?.for_s ?? 300,
    keep_firing_s: rule?.keep_firing_s ?? 300,
    nodes: rule?.nodes ?? [],
    tags: rule?.tags ?? [],
  };
}

const text = (value) => (value === null || value === undefined ? "" : String(value));

/** With another threshold. Where it counts as over keeps its distance, as the gateway has it. */
export function withThreshold(draft, typed, rule) {
  const next = { ...draft, threshold: typed };
  const value = numberOf(typed);
  if (rule?.clear !== null && rule?.clear !== undefined && rule.threshold !== null && Number.isFinite(value)) {
    next.clear = text(Number((value + rule.clear - rule.threshold).toPrecision(12)));
  }
  return next;
}

/** What is wrong with a draft: {field: name of a text}; {} for nothing. `taken` are the names that there are. */
export function wrongOf(draft, rule, taken) {
  const wrong = {};
  if (!rule && !NAME.test(draft.name)) wrong.name = "name";
  else if (!rule && taken.includes(draft.name)) wrong.name = "taken";
  if (!rule && !draft.metric) wrong.metric = "metric";
  const threshold = numberOf(draft.threshold);
  const clear = numberOf(draft.clear);
  const needed = !rule || rule.custom || rule.threshold !== null;
  if (Number.isNaN(threshold) || (needed && threshold === null)) wrong.threshold = "number";
  if (Number.isNaN(clear)) wrong.clear = "number";
  else if (clear !== null && threshold === null) wrong.clear = "alone";
  else if (clear !== null && (draft.direction === "above" ? clear > threshold : clear < threshold)) {
    wrong.clear = draft.direction === "above" ? "clearAbove" : "clearBelow";
  }
  for (const field of ["for_s", "keep_firing_s"]) {
    if (!(draft[field] >= 0 && draft[field] <= FOR_S_MAX)) wrong[field] = "time";
  }
  return wrong;
}

/** What of a draft is to be sent: all of a new rule, else what is another one. */
export function patchOf(draft, rule) {
  const threshold = numberOf(draft.threshold);
  const values = { ...draft, threshold, clear: numberOf(draft.clear) };
  delete values.name;
  if (values.threshold === null) delete values.threshold; // it cannot be taken back one by one
  if (values.clear === null) {
    // Nowhere else than at the threshold: said so where another place was in force.
    if (rule?.custom && rule.clear !== null) values.clear = threshold;
    else delete values.clear;
  }
  if (!rule) return values;
  if (!rule.custom) {
    delete values.metric;
    delete values.direction;
  }
  return Object.fromEntries(Object.entries(values).filter(([key, value]) => !same(value, rule[key])));
}

const same = (a, b) => (Array.isArray(a) ? a.length === b.length && a.every((one, i) => one === b[i]) : a === b);

/**
 * How a draft can be tried on what was measured: {trial, note} or {why}. Both `why` and `note` name a text: not all
 * rules are about one metric, and some are about more than one.
 */
export function trialOf(draft, rule) {
  if (rule && !rule.metric) return { why: "noMetric" };
  if (rule?.name === "leak") return { why: "trend" };
  const threshold = numberOf(draft.threshold);
  if (threshold === null && rule && !rule.custom) return { why: "hardware" };
  const trial = {
    metric: draft.metric,
    direction: draft.direction,
    threshold,
    clear: numberOf(draft.clear),
    for_s: draft.for_s,
    keep_firing_s: draft.keep_firing_s,
    nodes: draft.nodes,
    tags: draft.tags,
  };
  return { trial, note: { weak_link: "signalOnly" }[rule?.name] };
}

/**
 * Episodes by the day that they began, in this browser's time: [{startMs, count}], the oldest first. Count is null
 * for days before the oldest episode where not all were given.
 */
export function perDay({ episodes, count, days }, nowMs) {
  const buckets = [];
  const day = new Date(nowMs - days * DAY_MS);
  for (day.setHours(0, 0, 0, 0); day.getTime() <= nowMs; day.setDate(day.getDate() + 1)) {
    buckets.push({ startMs: day.getTime(), count: 0 });
  }
  for (const { from_at } of episodes) {
    const at = Date.parse(from_at);
    const bucket = buckets.findLast(({ startMs }) => startMs <= at) ?? buckets[0];
    if (bucket) bucket.count += 1;
  }
  if (count > episodes.length) {
    for (const bucket of buckets) {
      if (bucket.count) break;
      bucket.count = null;
    }
  }
  return buckets;
}

const DAY_MS = 86_400_000;

/** What the gateway refused, by field: {field: text}; {} where it names none. */
export function refusedFields(error) {
  const fields = error?.problem?.errors ?? [];
  if (fields.length) return Object.fromEntries(fields.map(({ field, detail }) => [field.split(/[.[]/)[0], detail]));
  // Of the rules themselves: "rule hot, threshold: …".
  const found = /^rule \w+, (\w+): ([^]+)$/.exec(error?.message ?? "");
  return found ? { [found[1]]: found[2] } : {};
}
