// The library of firmware.
import { del, may, patch } from "../../app/api.js";
import { html, useState } from "../../app/dom.js";
import { bytes } from "../../app/format.js";
import { to } from "../../app/router.js";
import { t } from "../../app/words.js";
import { Ago, Badge, Empty, Failed, Field, Loading } from "../../parts/basics.js";
import { confirmDialog, showDialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { Menu } from "../../parts/menu.js";
import { attempt } from "../../parts/toast.js";
import { FirmwareFacts, Problems } from "./facts.js";
import { firmwareName } from "./sentences.js";

/** `asked` is useAsk of /firmware. */
export function Library({ asked }) {
  const { value, error, loading, reload } = asked;
  return html`<section class="stack tight">
    <h2>${t("updates.library.title")}</h2>
    ${error && html`<${Failed} error=${error} retry=${reload} />`}
    ${loading && html`<${Loading} />`}
    ${value && !value.length && html`<div class="card"><${Empty}
      icon="file">${t(may("operator") ? "updates.library.empty" : "updates.library.emptyViewer")}</${Empty}></div>`}
    ${value?.length > 0 && html`<ul class="plain firmware-cards">${value.map(
      (firmware) => html`<${Firmware} key=${firmware.sha256} firmware=${firmware} reload=${reload} />`,
    )}</ul>`}
  </section>`;
}

function Firmware({ firmware, reload }) {
  const name = firmwareName(firmware);
  const [busy, setBusy] = useState(false);
  const during = async (doing) => {
    setBusy(true);
    await doing();
    setBusy(false);
  };
  const items = [
    { text: t("updates.library.details"), icon: "info", run: () => showDetails(firmware) },
    { text: t("updates.library.editNotes"), icon: "edit", when: may("operator"),
      run: () => during(() => editNotes(firmware, reload)) },
    { text: t("updates.library.remove"), icon: "trash", when: may("admin"),
      run: () => during(() => remove(firmware, reload)) },
  ];
  return html`<li class="card firmware" aria-busy=${busy}>
    <div class="row spread firmware-head">
      <h3 class="cut" title=${name}><bdi>${name}</bdi></h3>
      <${Menu} label=${t("updates.library.actions", { name })} items=${items} small />
    </div>
    <p class="row">
      <${Badge} icon="file">${firmware.chip || firmware.hardware || t("updates.facts.unknown")}</${Badge}>
      <span class="muted">${bytes(firmware.size_bytes)}</span>
      ${!firmware.intact && html`<${Badge} level="bad" icon="bad">${t("updates.library.damaged")}</${Badge}>`}
      ${firmware.running > 0 && html`<${Badge} level="well"
        icon="check">${t("updates.new.firmwareRunning", { n: firmware.running })}</${Badge}>`}
    </p>
    ${firmware.name !== name && html`<p class="muted small cut" title=${firmware.name}><bdi>${firmware.name}</bdi></p>`}
    ${firmware.notes && html`<p class="firmware-notes" title=${firmware.notes}><bdi>${firmware.notes}</bdi></p>`}
    <div class="row spread firmware-foot">
      <span class="muted small who"><${Ago}
        at=${firmware.added_at} />, <bdi>${t("updates.library.by", { who: firmware.added_by })}</bdi></span>
      ${may("operator") && firmware.intact
        && html`<a class="button small" href=${to("updates", "new", { firmware: firmware.sha256 })}
        aria-label="${t("updates.library.update")}: ${name}">
        <${Icon} name="updates" /> ${t("updates.library.updateShort")}</a>`}
    </div>
  </li>`;
}

function showDetails(firmware) {
  const view = () => html`<div class="box-body">
    <${Problems} file=${firmware} />
    <${FirmwareFacts} file=${firmware} />
    ${firmware.notes && html`<p class="firmware-notes"><bdi>${firmware.notes}</bdi></p>`}
  </div><div class="box-foot" />`;
  return showDialog({ title: firmwareName(firmware), view, wide: true });
}

async function editNotes(firmware, reload) {
  let notes = firmware.notes;
  const view = ({ close }) => html`
    <div class="box-body"><${Field} label=${t("updates.drop.notes")} hint=${t("updates.drop.notesHint")}>${(control) =>
      html`<textarea ...${control} rows="5" maxlength="2000"
        onInput=${(event) => (notes = event.target.value)}>${firmware.notes}</textarea>`}</${Field}></div>
    <div class="box-foot">
      <button type="button" onClick=${() => close()}>${t("common.cancel")}</button>
      <button type="submit" class="primary"
        onClick=${(event) => (event.preventDefault(), close(true))}>${t("common.save")}</button>
    </div>`;
  if (!(await showDialog({ title: firmwareName(firmware), view }))) return;
  if (await attempt(() => patch(`/firmware/${firmware.sha256}`, { notes }), t("updates.library.noted"))) reload();
}

async function remove(firmware, reload) {
  const name = firmwareName(firmware);
  const boards = t("updates.boards", { n: firmware.running });
  const consequences = [t("updates.library.removeText"),
    firmware.running > 0 && t("updates.library.removeBack", { boards })];
  const action = t("updates.library.remove").replace(/ …$/, "");
  const sure = await confirmDialog({
    title: t("updates.library.removeTitle", { name }), consequences: consequences.filter(Boolean), action, danger: true,
  });
  if (!sure) return;
  const gone = await attempt(() => del(`/firmware/${firmware.sha256}`), t("updates.library.removed", { name }));
  if (gone !== undefined) reload();
}
