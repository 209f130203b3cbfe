// Step 3 of a new rollout: how careful, when, and everything that is rarely changed.
import { classes, html } from "../../app/dom.js";
import { t } from "../../app/words.js";
import { Field } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { anyWrong, Choice, Fold, Text, Tick } from "./fold.js";
import { CAREFUL, AT_ONCE, waveRow } from "./form.js";
import { Waves } from "./new_waves.js";
import { When } from "./new_when.js";
import { firmwareName } from "./sentences.js";

export function HowCareful({ form, change, wrong, library, fallbackName }) {
  // Waves of one's own begin as those that were chosen before.
  const choose = (preset) =>
    change(preset === "own" && form.preset !== "own"
      ? { preset, waves: (form.preset === "once" ? AT_ONCE : CAREFUL).map(waveRow) }
      : { preset });
  return html`<section class="card stack" aria-labelledby="step-how">
    <h2 id="step-how">${t("updates.new.steps.how")}</h2>
    <div class="choices three" role="group" aria-labelledby="step-how">${["careful", "once", "own"].map(
      (preset) => html`<button type="button" key=${preset} class=${classes("choice", form.preset === preset && "on")}
        aria-pressed=${form.preset === preset} onClick=${() => choose(preset)}>
        <span class="choice-mark"><${Icon} name=${form.preset === preset ? "well" : "plus"} /></span>
        <span class="choice-text"><strong>${t(`updates.new.presets.${preset}`)}</strong><span
          class="small">${t(`updates.new.presetText.${preset}`)}</span></span>
      </button>`,
    )}</div>
    ${form.preset === "own" && html`<${Waves} form=${form} change=${change} wrong=${wrong} />`}
    <div class="fields">
      <${Text} label=${t("updates.new.budget")} hint=${t("updates.new.budgetHint")} wrong=${wrong.failure_budget}
        value=${form.budget} set=${(budget) => change({ budget })} maxlength="12" />
      <${Choice} label=${t("updates.new.onFailure")}
        hint=${form.onFailure === "rollback" ? t("updates.new.onFailureHint") : undefined} value=${form.onFailure}
        set=${(onFailure) => change({ onFailure })}
        options=${["rollback", "pause"].map((key) => [key, t(`updates.new.onFailureOptions.${key}`)])} />
    </div>
    ${form.onFailure === "rollback"
      && html`<${WayBack} form=${form} change=${change} wrong=${wrong} library=${library} />`}
    <${When} form=${form} change=${change} wrong=${wrong} />
    <${Advanced} form=${form} change=${change} wrong=${wrong} fallbackName=${fallbackName} />
  </section>`;
}

function WayBack({ form, change, wrong, library }) {
  const chosen = library.filter((firmware) => form.images.includes(firmware.sha256));
  return html`<div class="fields wide">${chosen.map(({ hardware }) => {
    const fitting = library.filter((one) =>
      one.hardware === hardware && one.intact && !form.images.includes(one.sha256));
    const options = [["", t("updates.new.rollbackKnown")], ...fitting.map((one) => [one.sha256, firmwareName(one)])];
    return html`<${Choice} key=${hardware} label=${t("updates.new.rollbackTo", { hardware })}
      hint=${t("updates.new.rollbackHint")} wrong=${wrong.rollback_to}
      value=${form.rollbackTo[hardware] ?? ""} options=${options}
        set=${(sha) => change({ rollbackTo: { ...form.rollbackTo, [hardware]: sha } })} />`;
  })}</div>`;
}

function Advanced({ form, change, wrong, fallbackName }) {
  const { transfer, health } = form;
  const send = (part) => change({ transfer: { ...transfer, ...part } });
  const judge = (part) => change({ health: { ...health, ...part } });
  const number = (field, label, value, set, hint) =>
    html`<${Text} key=${field} label=${t(`updates.new.${label}`)} hint=${hint && t(`updates.new.${hint}`)}
      wrong=${wrong[field]} value=${value} set=${set} inputmode="decimal" maxlength="10" />`;
  return html`<${Fold} title=${t("updates.new.advanced")}
    wrong=${anyWrong(wrong, ["transfer", "health", "name", "notes"])}>
    <${Text} label=${t("updates.new.name")} hint=${t("updates.new.nameHint", { name: fallbackName })}
      wrong=${wrong.name} value=${form.name} set=${(name) => change({ name })} maxlength="100" />
    <${Field} label=${t("updates.new.notes")} wrong=${wrong.notes}>${(control) =>
      html`<textarea ...${control} rows="2" maxlength="4000" value=${form.notes}
        onInput=${(event) => change({ notes: event.target.value })} />`}</${Field}>
    <div class="fields">
      <${Choice} label=${t("updates.new.strategy")} value=${transfer.strategy} set=${(strategy) => send({ strategy })}
        options=${["auto", "broadcast", "sequential",
          "stock"].map((key) => [key, t(`updates.new.strategyOptions.${key}`)])} />
      <${Choice} label=${t("updates.new.compress")} value=${transfer.compress} set=${(compress) => send({ compress })}
        options=${["auto", "never", "gzip"].map((key) => [key, t(`updates.new.compressOptions.${key}`)])} />
      ${number("transfer.part_bytes", "partBytes", transfer.part_bytes, (part_bytes) => send({ part_bytes }),
        "partBytesHint")}
      ${number("transfer.window", "windowParts", transfer.window, (window) => send({ window }), "emptyBest")}
      ${number("transfer.concurrency", "concurrency", transfer.concurrency, (concurrency) => send({ concurrency }),
        "emptyBest")}
      ${number("transfer.backlog_bytes", "backlog", transfer.backlog_bytes,
        (backlog_bytes) => send({ backlog_bytes }), "emptyBest")}
      <${Text} label=${t("updates.new.chip")} hint=${t("updates.new.chipHint")} wrong=${wrong["transfer.chip"]}
        value=${transfer.chip} set=${(chip) => send({ chip })} maxlength="30" />
    </div>
    <${Tick} label=${t("updates.new.force")} hint=${t("updates.new.forceHint")} checked=${transfer.force}
      set=${(force) => send({ force })} />
    <h3>${t("updates.new.healthTitle")}</h3>
    <div class="fields">
      ${number("health.restarts_max", "restarts", health.restarts_max, (restarts_max) => judge({ restarts_max }))}
      ${number("health.absence_max_s", "absence", health.absence_max_s, (absence_max_s) => judge({ absence_max_s }))}
      ${number("health.delay_factor_max", "delay", health.delay_factor_max,
        (delay_factor_max) => judge({ delay_factor_max }))}
      ${number("health.heap_ratio_min", "heap", health.heap_ratio_min, (heap_ratio_min) => judge({ heap_ratio_min }))}
    </div>
  </${Fold}>`;
}
