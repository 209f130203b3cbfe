// What will happen, happens and happened, in words. No DOM.
import { duration, gatewayMs, wholeMoment } from "../../app/format.js";
import { isFinal, tally } from "../../app/rollouts.js";
import { t } from "../../app/words.js";
import { expectedSizes } from "./plan.js";

/** What a firmware is called: its project and version, else the name of its file. */
export function firmwareName(firmware) {
  if (!firmware) return "";
  const own = firmware.version && !/^arduino-lib-builder$/.test(firmware.project);
  return own ? [firmware.project, firmware.version].filter(Boolean).join(" ") : firmware.name;
}

/** A name for a rollout of these firmwares. */
export const rolloutName = (firmwares) =>
  [...new Set(firmwares.filter(Boolean).map(firmwareName))].join(" + ").slice(0, 100) || t("updates.new.noName");

/** The sentences on what a rollout will do once it is started, out of its plan; `ways` are waysBack of it. */
export function consequences(spec, plan, ways) {
  if (!plan.unknown.length && plan.waves.every((wave) => !wave.nodes.length)) {
    const n = plan.already_installed.length;
    return [n ? t("updates.tell.nobody", { n }) : t("updates.new.nobody")];
  }
  const sizes = sizesOf(spec, plan);
  return [startSentence(spec), waveSentence(plan, sizes), gateSentence(spec, sizes, ways),
    ...extras(spec)].filter(Boolean);
}

function startSentence(spec) {
  const at = spec.start_at && wholeMoment(spec.start_at);
  if (spec.approval) return t(at ? "updates.tell.approvalAt" : "updates.tell.approval", { at });
  if (at) return t("updates.tell.startAt", { at });
  return "";
}

/** How many boards each wave gets; where some are still to be asked, if all of them are meant. */
function sizesOf(spec, plan) {
  const sizes = plan.waves.map((wave) => wave.nodes.length);
  if (!plan.unknown.length) return sizes;
  return expectedSizes(spec.waves, sizes.reduce((sum, size) => sum + size, plan.unknown.length));
}

function waveSentence(plan, sizes) {
  const unknown = plan.unknown.length;
  const order = inOrder(sizes);
  if (!unknown) return order;
  return `${t("updates.tell.asksFirst", { n: unknown })} ${t("updates.tell.ifAll", { order })}`;
}

/** "1 board first, then 5, then the other 14." */
export function inOrder(sizes) {
  const waves = sizes.filter((size) => size > 0);
  if (waves.length === 1) return t("updates.tell.allAtOnce", { n: waves[0] });
  const [first, ...rest] = waves;
  const last = rest.pop();
  return [
    t("updates.tell.first", { n: first }),
    ...rest.map((n) => t("updates.tell.then", { n })),
    t("updates.tell.last", { n: last }),
  ].join(", ") + ".";
}

function gateSentence(spec, sizes, ways) {
  const known = Object.values(ways);
  const back = known.every((way) => way === "all") ? "rollsBack" : known.every((way) => way === "none")
    ? "pausesUnknown" : "rollsSome";
  const does = spec.on_failure === "rollback" ? back : "pauses";
  // Waves that nobody is in stop nothing.
  const [first, ...later] = spec.waves.filter((_, index) => sizes[index] > 0);
  const strict = /^0\s*%?$/.test(first.errors_max);
  return t(`updates.tell.${!strict ? "stops" : later.length ? "stopsStrict" : "stopsAny"}`, {
    budget: amountWords(spec.failure_budget),
    does: t(`updates.tell.${does}`),
  });
}

const amountWords = (amount) =>
  amount.trim().endsWith("%") ? amount.trim().replace(/\s*%$/, " %") : t("updates.boards", { n: Number(amount) || 0 });

function extras(spec) {
  const found = [];
  if (spec.windows.length) found.push(t("updates.tell.windows", { windows: spec.windows.map(windowWords).join("; ") }));
  const manual = spec.waves.slice(1).filter((wave) => wave.go_ahead === "manual").length;
  if (manual) found.push(t("updates.tell.manual", { n: manual }));
  return found;
}

/** "Mon–Fri, 22:00–05:00 (Europe/Berlin)" */
export function windowWords(window) {
  const days = dayWords(window.days);
  return `${days}, ${window.start}–${window.end} (${window.zone})`;
}

const ORDER = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

function dayWords(days) {
  const at = ORDER.map((day, index) => (days.includes(day) ? index : -1)).filter((index) => index >= 0);
  if (at.length === 7) return t("updates.days.every");
  const inARow = at.length > 2 && at.at(-1) - at[0] === at.length - 1;
  const shown = inARow ? [at[0], at.at(-1)] : at;
  return shown.map((index) => t(`updates.days.${ORDER[index]}`)).join(inARow ? "–" : ", ");
}

/** How long a plan takes: "about 25 min". */
export const about = (seconds) =>
  t("updates.about", { time: duration(seconds < 60 ? 60 : Math.ceil(seconds / 60) * 60) });

/** What became of a rollout that is over, or how far one is: "20 of 20 boards run sensor 1.2.0." */
export function resultSentence(rollout, what) {
  const { good, total } = tally(rollout);
  if (rollout.state === "rolled_back") {
    const back = rollout.counts.rolled_back ?? 0;
    return t("updates.result.rolledBack", { n: back, what });
  }
  if (!total) {
    return t(`updates.result.${!isFinal(rollout.state) ? "notYet" : rollout.started_at ? "nobody" : "nothing"}`);
  }
  return t("updates.result.run", { good, n: total, what });
}

/** What happens next, by itself or by somebody; `leftS` is what is left of a soak. */
export function nextSentence(rollout, leftS) {
  const { state, wave, spec } = rollout;
  const current = spec.waves[wave];
  const after = spec.waves.slice(wave + 1).find((_, index) => membersOf(rollout, wave + 1 + index) > 0);
  const values = {
    wave: current?.name ?? "",
    n: membersOf(rollout, wave),
    soak: duration(current?.soak_s ?? 0),
    left: leftS === null ? t("updates.live.aWhile") : duration(leftS),
    then: afterwards(after),
    at: spec.start_at ? wholeMoment(spec.start_at) : "",
    windows: spec.windows.map(windowWords).join("; "),
    time: duration(spec.absent_wait_s),
  };
  return t(`updates.next.${nextKey(rollout, current)}`, values);
}

function afterwards(after) {
  if (!after) return t("updates.next.thenDone");
  return t(after.go_ahead === "manual" ? "updates.next.thenAsk" : "updates.next.thenWave", { wave: after.name });
}

const membersOf = (rollout, wave) => rollout.nodes.filter((node) => node.wave === wave).length;

// The gateway's own words: what they quote, as names, is not to be taken for them.
const FOR_WINDOW = /^(waits for its maintenance window|(.*; waits for )?the maintenance window( is closed)?)$/s;

function nextKey({ state, spec, failure, reason }, current) {
  const forWindow = spec.windows.length > 0 && FOR_WINDOW.test(reason);
  if (state === "scheduled") {
    if (forWindow) return "window";
    return spec.start_at && Date.parse(spec.start_at) > gatewayMs() ? "startAt" : "queued";
  }
  if (state === "waiting") return forWindow ? "window" : "absent";
  if (state === "paused") return failure ? "pausedFailed" : "paused";
  if (state === "updating" && !current?.soak_s) return "updatingNoSoak";
  return state;
}
