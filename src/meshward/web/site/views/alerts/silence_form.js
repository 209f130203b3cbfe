// A new silence or maintenance window: what it fits, from when, how long, and why.
import { post } from "../../app/api.js";
import { html, useMemo, useState } from "../../app/dom.js";
import { gatewayMs, nowMs } from "../../app/format.js";
import { SILENCES_H } from "../../app/levels.js";
import { t } from "../../app/words.js";
import { Field, Segments } from "../../parts/basics.js";
import { say } from "../../parts/toast.js";
import { Chips, nodeOptions, tagOptions } from "./controls.js";
import { localInput, silenceOf } from "./model.js";
import { refusedFields } from "./rule_model.js";
import { ruleTitle } from "./rule_words.js";

const H = 3600;

/** `preset` has some of {kind, rules, nodes, tags, length}. Closes with the silence that was made. */
export function SilenceForm({ rules, preset, close }) {
  const [form, setForm] = useState(() => ({
    kind: "silence",
    rules: [],
    nodes: [],
    tags: [],
    start: "",
    length: H,
    until: localInput(nowMs.peek() + 12 * H * 1000),
    reason: "",
    ...preset,
  }));
  const [wrong, setWrong] = useState({});
  const [busy, setBusy] = useState(false);
  const choices = useMemo(() => ({ nodes: nodeOptions(), tags: tagOptions() }), []);
  const ruleOptions = rules.map(({ name }) => ({ value: name, text: ruleTitle(name) }));
  const set = (changes) => (setForm({ ...form, ...changes }), setWrong({}));
  const submit = async () => {
    const made = silenceOf(form, gatewayMs());
    if (made.wrong) {
      const texts = Object.entries(made.wrong).map(([key, name]) => [key, t(`alerts.silence.wrong.${name}`)]);
      setWrong(Object.fromEntries(texts));
      return;
    }
    setBusy(true);
    try {
      const silence = await post("/silences", made.body);
      say(t(`alerts.silence.made.${silence.kind}`));
      close(silence);
    } catch (error) {
      const fields = refusedFields(error);
      setWrong({ start: fields.starts_at, until: fields.ends_at ?? fields.duration_s, ...fields, all: error.message });
      setBusy(false);
    }
  };
  const everything = !form.rules.length && !form.nodes.length && !form.tags.length;
  return html`<div class="box-body silence-form">
      <div class="field"><span class="label">${t("alerts.silence.kind")}</span>
        <div><${Segments} label=${t("alerts.silence.kind")} value=${form.kind} onChange=${(kind) => set({ kind })}
          options=${["silence", "maintenance"].map((kind) => [kind, t(`alerts.silence.kinds.${kind}`)])} /></div>
        <span class="hint">${t(`alerts.silence.kindHint.${form.kind}`)}</span></div>
      <div class="two">
        <${Chips} label=${t("alerts.silence.nodes")} hint=${t("alerts.silence.nodesHint")} values=${form.nodes}
          options=${choices.nodes}
          wrong=${wrong.nodes} onChange=${(nodes) => set({ nodes })} />
        <${Chips} label=${t("alerts.silence.rules")} hint=${t("alerts.silence.rulesHint")} values=${form.rules}
          options=${ruleOptions}
          wrong=${wrong.rules} onChange=${(rules) => set({ rules })} />
      </div>
      <${Chips} label=${t("alerts.silence.tags")} hint=${t("alerts.silence.tagsHint")} values=${form.tags}
        options=${choices.tags} free
        wrong=${wrong.tags} onChange=${(tags) => set({ tags })} />
      <div class="field"><span class="label">${t("alerts.silence.length")}</span>
        <div><${Segments} label=${t("alerts.silence.length")} value=${form.length}
          onChange=${(length) => set({ length })}
          options=${[...SILENCES_H.map((n) => [n * H, t("units.h", { n })]), ["until", t("alerts.silence.until")]]} />
            </div></div>
      <div class="two">
        <${Field} label=${t("alerts.silence.start")} hint=${t("alerts.silence.startHint")} wrong=${wrong.start}>
          ${(control) => html`<input ...${control}
          type="datetime-local" value=${form.start} onInput=${(event) => set({ start: event.target.value })} />`}
            </${Field}>
        ${form.length === "until" &&
        html`<${Field} label=${t("alerts.silence.end")} wrong=${wrong.until}>
          ${(control) => html`<input ...${control} type="datetime-local"
          value=${form.until} onInput=${(event) => set({ until: event.target.value })} />`}</${Field}>`}
      </div>
      <${Field} label=${t("alerts.silence.reason")} hint=${t("alerts.silence.reasonHint")}>
        ${(control) => html`<input ...${control} maxlength="400"
        value=${form.reason} onInput=${(event) => set({ reason: event.target.value })} />`}</${Field}>
      ${everything && html`<p class="note warn"><span>${t("alerts.silence.everything")}</span></p>`}
      ${wrong.all && html`<p class="wrong" role="alert">${wrong.all}</p>`}
    </div>
    <div class="box-foot">
      <button type="button" onClick=${() => close()}>${t("common.cancel")}</button>
      <button type="submit" class="primary" disabled=${busy} onClick=${submit}>${t(`alerts.silence.do.${form.kind}`)}
        </button>
    </div>`;
}
