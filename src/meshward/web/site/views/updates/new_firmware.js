// Step 1 of a new rollout: which firmware.
import { classes, html, useState } from "../../app/dom.js";
import { bytes } from "../../app/format.js";
import { t } from "../../app/words.js";
import { Ago, Failed, Loading } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { DropPlace } from "./drop.js";
import { firmwareName } from "./sentences.js";

const SHOWN_MAX = 6;

export function WhichFirmware({ asked, form, change, wrong }) {
  const [all, setAll] = useState(false);
  const { value, error, loading, reload } = asked;
  const usable = (value ?? []).filter((firmware) => firmware.intact && firmware.hardware);
  const chosenFirst = [...usable].sort((a, b) => form.images.includes(b.sha256) - form.images.includes(a.sha256));
  const shown = all ? usable : (usable.length > SHOWN_MAX ? chosenFirst : usable).slice(0, SHOWN_MAX);
  const toggle = (firmware) => change({ images: toggled(form.images, firmware, usable) });
  const use = (firmware) => {
    reload();
    change({ images: toggled(form.images.filter((sha) => sha !== firmware.sha256), firmware, [...usable, firmware]) });
  };
  const chosen = usable.filter((firmware) => form.images.includes(firmware.sha256));
  return html`<section class="card stack" aria-labelledby="step-firmware">
    <h2 id="step-firmware">${t("updates.new.steps.firmware")}</h2>
    ${error && html`<${Failed} error=${error} retry=${reload} />`}
    ${loading && html`<${Loading} />`}
    ${value && !usable.length && html`<p>${t("updates.new.firmwareNone")}</p>`}
    ${shown.length > 0 && html`<div class="choices" role="group" aria-labelledby="step-firmware">${shown.map(
      (firmware) => html`<${Option} key=${firmware.sha256} firmware=${firmware}
        on=${form.images.includes(firmware.sha256)} toggle=${toggle} />`,
    )}</div>`}
    ${!all && usable.length > SHOWN_MAX
      && html`<div><button type="button" class="small"
      onClick=${() => setAll(true)}>${t("updates.new.firmwareMore", { n: usable.length })}</button></div>`}
    ${wrong.images && html`<span class="wrong">${wrong.images}</span>`}
    ${usable.length > 0 && html`<p class="hint">${t(chosen.length ? "updates.new.otherHardware"
      : "updates.new.firmwareHint")}</p>`}
    <${DropPlace} compact inviting=${Boolean(value) && !usable.length}
      actions=${(known) => [[t(known ? "updates.drop.use" : "updates.drop.addAndUse"), use, true]]} />
  </section>`;
}

function Option({ firmware, on, toggle }) {
  const name = firmwareName(firmware);
  return html`<button type="button" class=${classes("choice", on && "on")} aria-pressed=${on}
    onClick=${() => toggle(firmware)}>
    <span class="choice-mark"><${Icon} name=${on ? "well" : "plus"} /></span>
    <span class="choice-text">
      <strong class="cut" title=${name}><bdi>${name}</bdi></strong>
      <span class="muted small">${firmware.chip || firmware.hardware} · ${bytes(firmware.size_bytes)} · <${Ago}
        at=${firmware.added_at} />
        ${firmware.running > 0 && html` · ${t("updates.new.firmwareRunning", { n: firmware.running })}`}</span>
      ${firmware.notes && html`<span class="small clamp" title=${firmware.notes}><bdi>${firmware.notes}</bdi></span>`}
    </span>
  </button>`;
}

/** The images with this one in or out; one for each hardware, so another of the same makes room. */
export function toggled(images, firmware, all) {
  if (images.includes(firmware.sha256)) return images.filter((sha) => sha !== firmware.sha256);
  const hardwareOf = (sha) => all.find((one) => one.sha256 === sha)?.hardware;
  return [...images.filter((sha) => hardwareOf(sha) !== firmware.hardware), firmware.sha256];
}
