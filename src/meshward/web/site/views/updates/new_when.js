// When a rollout may work, and how long it waits for boards that are away.
import { classes, html } from "../../app/dom.js";
import { t } from "../../app/words.js";
import { Segments } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { anyWrong, Fold, Text, Tick } from "./fold.js";
import { DAYS, newWindow } from "./form.js";

export function When({ form, change, wrong }) {
  const isUsual = form.start === "now" && !form.approval && !form.windows.length && form.absentHours === "0"
    && form.lateJoiners;
  return html`<${Fold} title=${t("updates.new.when")} note=${isUsual ? t("updates.new.startNow") : undefined}
    open=${!isUsual}
    wrong=${anyWrong(wrong, ["start_at", "windows", "absent_wait_s"])}>
    <div class="field"><span class="label">${t("updates.new.start")}</span>
      <div><${Segments} label=${t("updates.new.start")} value=${form.start} onChange=${(start) => change({ start })}
        options=${[["now", t("updates.new.startNow")], ["at", t("updates.new.startAtOption")]]} /></div></div>
    ${form.start === "at" && html`<${Text} label=${t("updates.new.startAt")} hint=${t("updates.new.startAtHint")}
      wrong=${wrong.start_at}
      type="datetime-local" value=${form.startAt} set=${(startAt) => change({ startAt })} />`}
    <${Tick} label=${t("updates.new.approval")} checked=${form.approval} set=${(approval) => change({ approval })} />
    <${WindowRows} form=${form} change=${change} wrong=${wrong} />
    <${Text} label=${t("updates.new.absent")} hint=${t("updates.new.absentHint")} wrong=${wrong.absent_wait_s}
      inputmode="decimal" maxlength="8"
      value=${form.absentHours} set=${(absentHours) => change({ absentHours })} />
    <${Tick} label=${t("updates.new.lateJoiners")} checked=${form.lateJoiners}
      set=${(lateJoiners) => change({ lateJoiners })} />
  </${Fold}>`;
}

function WindowRows({ form, change, wrong }) {
  const rows = form.windows;
  const set = (key, part) => change({ windows: rows.map((row) => (row.key === key ? { ...row, ...part } : row)) });
  return html`<div class="field" role="group" aria-label=${t("updates.new.windows")}>
    <span class="label">${t("updates.new.windows")}</span>
    <span class="hint">${rows.length ? t("updates.new.windowsHint") : t("updates.new.windowsNone")}</span>
    ${rows.map((row, index) => html`<${WindowRow} key=${row.key} row=${row} n=${index + 1}
      wrong=${wrong[`windows[${index}]`]}
      set=${(part) => set(row.key, part)}
        remove=${() => change({ windows: rows.filter((one) => one.key !== row.key) })} />`)}
    <div><button type="button" class="small" onClick=${() => change({ windows: [...rows, newWindow()] })}><${Icon}
      name="plus" /> ${t("updates.new.addWindow")}</button></div>
  </div>`;
}

function WindowRow({ row, n, wrong, set, remove }) {
  const toggle = (day) => set({ days: DAYS.filter((one) => (one === day) !== row.days.includes(one)) });
  return html`<fieldset class="wave-row">
    <legend>${t("updates.new.window", { n })}</legend>
    <button type="button" class="quiet icon small remove" aria-label=${t("updates.new.removeWindow", { n })}
      onClick=${remove}><${Icon} name="trash" /></button>
    <div class="row days" role="group" aria-label=${t("updates.new.windowDays")}>${DAYS.map(
      (day) => html`<button type="button" key=${day} class=${classes("toggle", "small")}
        aria-pressed=${row.days.includes(day)} onClick=${() => toggle(day)}>${t(`updates.days.${day}`)}</button>`,
    )}</div>
    <div class="fields">
      <${Text} label=${t("updates.new.windowFrom")} type="time" value=${row.start} set=${(start) => set({ start })} />
      <${Text} label=${t("updates.new.windowTo")} type="time" value=${row.end} set=${(end) => set({ end })} />
      <${Text} label=${t("updates.new.windowZone")} hint=${t("updates.new.windowZoneHint")} value=${row.zone}
        set=${(zone) => set({ zone })} maxlength="64" />
    </div>
    ${wrong && html`<span class="wrong">${wrong}</span>`}
  </fieldset>`;
}
