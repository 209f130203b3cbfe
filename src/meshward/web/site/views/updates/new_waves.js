// Waves of one's own: who is in each, and what must hold before the next one.
import { html } from "../../app/dom.js";
import { t } from "../../app/words.js";
import { Segments } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { Text, Tick } from "./fold.js";
import { nextWave, WAVES_MAX } from "./form.js";
import { PickNodes } from "./pick_nodes.js";

export function Waves({ form, change, wrong }) {
  const rows = form.waves;
  const set = (key, part) => change({ waves: rows.map((row) => (row.key === key ? { ...row, ...part } : row)) });
  const remove = (key) => change({ waves: rows.filter((row) => row.key !== key) });
  const add = () => change({ waves: [...rows.slice(0, -1), nextWave(rows, t("updates.new.newWave")),
    ...rows.slice(-1)] });
  return html`<div class="stack inset">
    ${rows.map((row, index) => html`<${WaveRow} key=${row.key} row=${row} index=${index}
      set=${(part) => set(row.key, part)} remove=${rows.length > 1 && (() => remove(row.key))} wrong=${wrong} />`)}
    ${wrong.waves && html`<span class="wrong">${wrong.waves}</span>`}
    <div><button type="button" class="small" disabled=${rows.length >= WAVES_MAX} onClick=${add}><${Icon}
      name="plus" /> ${t("updates.new.addWave")}</button></div>
  </div>`;
}

function WaveRow({ row, index, set, remove, wrong }) {
  // What the fields mean is said once, at the first wave.
  const hint = (name) => (index === 0 ? t(`updates.new.${name}`) : undefined);
  const of = (field) => wrong[`waves[${index}].${field}`];
  const n = index + 1;
  return html`<fieldset class="wave-row">
    <legend>${t("updates.new.wave", { n })}</legend>
    ${remove && html`<button type="button" class="quiet icon small remove"
      aria-label=${t("updates.new.removeWave", { n })} onClick=${remove}><${Icon} name="trash" /></button>`}
    <div class="fields">
      <${Text} label=${t("updates.new.waveName")} wrong=${of("name")} value=${row.name} set=${(name) => set({ name })}
        maxlength="64" />
      ${row.by === "size" && html`<${Text} label=${t("updates.new.waveSize")} hint=${hint("waveSizeHint")}
        wrong=${of("size")}
        value=${row.size} set=${(size) => set({ size })} maxlength="12" />`}
      <${Text} label=${t("updates.new.waveSoak")} hint=${hint("waveSoakHint")} wrong=${of("soak_s")}
        value=${row.soakMin} set=${(soakMin) => set({ soakMin })} inputmode="decimal" maxlength="8" />
      <${Text} label=${t("updates.new.waveSuccess")} hint=${hint("waveSuccessHint")} wrong=${of("success_min")}
        value=${row.success} set=${(success) => set({ success })} maxlength="12" />
      <${Text} label=${t("updates.new.waveErrors")} hint=${hint("waveErrorsHint")} wrong=${of("errors_max")}
        value=${row.errors} set=${(errors) => set({ errors })} maxlength="12" />
      <${Text} label=${t("updates.new.waveBatch")} hint=${hint("waveBatchHint")} wrong=${of("batch")}
        value=${row.batch} set=${(batch) => set({ batch })} inputmode="numeric" maxlength="8" />
    </div>
    <div class="row">
      <${Segments} label=${t("updates.new.waveBy")} value=${row.by} onChange=${(by) => set({ by })}
        options=${[["size", t("updates.new.waveBySize")], ["nodes", t("updates.new.waveByNodes")]]} />
    </div>
    ${row.by === "nodes" && html`<${PickNodes} label=${t("updates.new.waveNodes")} wrong=${of("nodes")}
      chosen=${row.nodes} onChange=${(nodes) => set({ nodes })} />`}
    ${index > 0 && html`<${Tick} label=${t("updates.new.waveManual")} checked=${row.manual}
      set=${(manual) => set({ manual })} />`}
  </fieldset>`;
}
