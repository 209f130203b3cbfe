// A rule being changed or made, beside what it would have fired on.
import { del, patch } from "../../app/api.js";
import { html, useMemo, useState } from "../../app/dom.js";
import { go, to } from "../../app/router.js";
import { t } from "../../app/words.js";
import { Badge, Empty, Field, Segments } from "../../parts/basics.js";
import { confirmDialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { attempt, say } from "../../parts/toast.js";
import { Chips, DurationInput, nodeOptions, Switch, tagOptions } from "./controls.js";
import { SEVERITIES } from "./model.js";
import { draftOf, patchOf, refusedFields, unitOfMetric, withThreshold, wrongOf } from "./rule_model.js";
import { aboutRule, ruleTitle } from "./rule_words.js";
import { Trial } from "./trial.js";

const LIST = to("alerts", "rules");

/** `name` of a rule, null for a new one. */
export function Editor({ name, book }) {
  const rule = name === null ? null : book.byName.get(name);
  if (rule === undefined) return html`<${Empty} icon="search"><p>${t("alerts.editor.unknown")}</p>
    <a class="button" href=${LIST}>${t("alerts.editor.back")}</a></${Empty}>`;
  // Anew when the rule is another one, as after it was reset.
  return html`<${Form} key=${JSON.stringify(rule)} rule=${rule} book=${book} />`;
}

function Form({ rule, book }) {
  const [draft, setDraft] = useState(() => draftOf(rule));
  const [refused, setRefused] = useState({});
  const [asked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  const wrong = wrongOf(draft, rule, [...book.byName.keys()]);
  const changed = !rule || Object.keys(patchOf(draft, rule)).length > 0;
  const set = (changes) => {
    setDraft((before) => ({ ...before, ...changes }));
    setRefused({});
  };
  // What is missing is told once somebody wants to save; what is wrong, at once.
  const textOf = (field) =>
    refused[field] ??
    (wrong[field] && (asked || draft[field] !== "") ? t(`alerts.editor.wrong.${wrong[field]}`) : undefined);
  const save = async (event) => {
    event.preventDefault();
    setAsked(true);
    if (Object.keys(wrong).length) return;
    setBusy(true);
    try {
      book.put(await patch(`/alert-rules/${encodeURIComponent(draft.name)}`, patchOf(draft, rule)));
      say(t(rule ? "alerts.editor.saved" : "alerts.editor.made", { rule: ruleTitle(draft.name) }));
      go(LIST);
    } catch (error) {
      const fields = refusedFields(error);
      const isShown = Object.keys(fields).some((field) => field in draft);
      setRefused({ ...fields, all: isShown ? t("alerts.editor.look") : error.message });
      setBusy(false);
    }
  };
  return html`<div class="editor">
    <form class="card stack" onSubmit=${save} noValidate>
      <div class="card-head"><h2>${rule ? ruleTitle(rule.name) : t("alerts.rules.new")}</h2>
        ${rule && html`<${Badge}>${t(`alerts.rules.origin.${rule.origin}`)}</${Badge}>`}</div>
      ${rule && html`<p>${aboutRule(rule, book.metrics)}</p>`}
      ${rule
        ? html`<div class="row"><${Switch} on=${draft.enabled}
          label=${t("alerts.rules.switch", { rule: ruleTitle(rule.name) })} onChange=${(enabled) => set({ enabled })} />
          </div>`
        : html`<${NameField} draft=${draft} set=${set} wrong=${textOf("name")} />`}
      ${(!rule || rule.custom) && html`<${Watched} draft=${draft} set=${set} book=${book} wrong=${textOf("metric")} />`}
      ${rule && !rule.custom && rule.threshold === null && rule.name !== "low_heap"
        ? html`<p class="muted small">${t("alerts.editor.noThreshold")}</p>`
        : html`<${Limits} draft=${draft} rule=${rule} book=${book} set=${set} textOf=${textOf} />`}
      <div class="two">
        <${Field} label=${t("alerts.editor.for")} hint=${t("alerts.editor.forHint")} wrong=${textOf("for_s")}>
          ${(control) => html`<${DurationInput}
          control=${control} value=${draft.for_s} onChange=${(for_s) => set({ for_s })} />`}</${Field}>
        <${Field} label=${t("alerts.editor.keep")} hint=${t("alerts.editor.keepHint")} wrong=${textOf("keep_firing_s")}>
          ${(control) => html`<${DurationInput}
          control=${control} value=${draft.keep_firing_s} onChange=${(keep_firing_s) => set({ keep_firing_s })} />`}
            </${Field}>
      </div>
      <div class="field"><span class="label">${t("alerts.filters.severity")}</span>
        <div><${Segments} label=${t("alerts.filters.severity")} value=${draft.severity}
          onChange=${(severity) => set({ severity })}
          options=${SEVERITIES.map((key) => [key, t(`alerts.severities.${key}`)])} /></div></div>
      <${Whom} draft=${draft} set=${set} textOf=${textOf} />
      ${refused.all && html`<p class="wrong" role="alert">${refused.all}</p>`}
      ${asked && Object.keys(wrong).length > 0 && html`<p class="wrong" role="alert">${t("alerts.editor.look")}</p>`}
      <div class="row">
        <button class="primary" disabled=${busy || !changed}>${t(rule ? "common.save" : "alerts.editor.make")}</button>
        <a class="button" href=${LIST}>${t("common.cancel")}</a>
        ${rule?.origin === "api" && html`<${Reset} rule=${rule} book=${book} />`}
      </div>
    </form>
    <${Trial} draft=${draft} rule=${rule} ready=${!Object.keys(wrong).some((field) => field !== "name")} />
  </div>`;
}

const NameField = ({ draft, set, wrong }) =>
  html`<${Field} label=${t("alerts.editor.name")} hint=${t("alerts.editor.nameHint")} wrong=${wrong}>
    ${(control) => html`<input ...${control} class="mono"
    maxlength="40" autocomplete="off" autocapitalize="off" spellcheck="false" placeholder="cold_store"
      value=${draft.name}
    onInput=${(event) => set({ name: event.target.value.trim().toLowerCase().replace(/[ -]/g, "_") })} />`}</${Field}>`;

function Watched({ draft, set, book, wrong }) {
  return html`<${Field} label=${t("alerts.editor.metric")} wrong=${wrong}>
    ${(control) => html`<select ...${control} value=${draft.metric}
      onChange=${(event) => set({ metric: event.target.value })}>
      <option value="" disabled>${t("alerts.editor.choose")}</option>
      ${[...book.metrics.values()].map(({ name, words }) => html`<option key=${name} value=${name}>
        ${t("alerts.editor.metricOption", { words, name })}</option>`)}
    </select>`}</${Field}>
    <div class="field"><span class="label">${t("alerts.editor.direction")}</span>
      <div><${Segments} label=${t("alerts.editor.direction")} value=${draft.direction}
        onChange=${(direction) => set({ direction })}
        options=${["above", "below"].map((key) => [key, t(`alerts.editor.directions.${key}`)])} /></div></div>`;
}

function Limits({ draft, rule, book, set, textOf }) {
  const metric = book.metrics.get(draft.metric);
  const unit = (rule && !rule.custom ? rule.unit : unitOfMetric(metric)).replace(/^1\//, "/");
  const special = rule?.name === "low_heap" ? "heapHint" : unit.endsWith("/s") ? "rateHint" : "";
  const hint = special && t(`alerts.editor.${special}`);
  const input = (control, field, change) => html`<span class="with-unit">
    <input ...${control} inputmode="text" autocomplete="off" value=${draft[field]}
    onInput=${(event) => change(event.target.value)} />${unit && html`<span class="unit">${unit}</span>`}</span>`;
  return html`<div class="two">
    <${Field} label=${t("alerts.editor.threshold")} hint=${hint} wrong=${textOf("threshold")}>${(control) =>
      input(control, "threshold", (typed) => set(withThreshold(draft, typed, rule)))}</${Field}>
    ${draft.direction && (!rule || rule.custom || rule.clear !== null || rule.name === "low_heap") &&
    html`<${Field} label=${t("alerts.editor.clear")} hint=${t("alerts.editor.clearHint")} wrong=${textOf("clear")}>
      ${(control) =>
      input(control, "clear", (clear) => set({ clear }))}</${Field}>`}
  </div>`;
}

function Whom({ draft, set, textOf }) {
  const choices = useMemo(() => ({ nodes: nodeOptions(), tags: tagOptions() }), []);
  return html`<div class="two">
    <${Chips} label=${t("alerts.editor.nodes")} hint=${t("alerts.editor.nodesHint")} values=${draft.nodes}
      options=${choices.nodes} wrong=${textOf("nodes")}
      onChange=${(nodes) => set({ nodes })} />
    <${Chips} label=${t("alerts.editor.tags")} hint=${t("alerts.editor.tagsHint")} values=${draft.tags}
      options=${choices.tags} free wrong=${textOf("tags")}
      onChange=${(tags) => set({ tags })} />
  </div>`;
}

function Reset({ rule, book }) {
  const [busy, setBusy] = useState(false);
  const run = async () => {
    const title = ruleTitle(rule.name);
    const sure = await confirmDialog({
      title: t("alerts.editor.resetTitle", { rule: title }),
      consequences: [t(rule.custom ? "alerts.editor.removeConsequence" : "alerts.editor.resetConsequence")],
      action: t(rule.custom ? "alerts.editor.remove" : "alerts.editor.reset"),
      danger: true,
    });
    if (!sure) return;
    setBusy(true);
    const done = await attempt(
      () => del(`/alert-rules/${encodeURIComponent(rule.name)}`),
      t("alerts.editor.resetDone", { rule: title }),
    );
    setBusy(false);
    if (done === undefined) return;
    go(LIST);
    book.reload();
  };
  return html`<button type="button" class="danger" disabled=${busy} onClick=${run}>
    <${Icon} name=${rule.custom ? "trash" : "back"} />
    ${t(rule.custom ? "alerts.editor.remove" : "alerts.editor.reset")}</button>`;
}
