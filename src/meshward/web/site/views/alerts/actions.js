// What people do about alerts.
import { del, post } from "../../app/api.js";
import { html, useState } from "../../app/dom.js";
import { t } from "../../app/words.js";
import { Field } from "../../parts/basics.js";
import { confirmDialog, showDialog } from "../../parts/dialog.js";
import { attempt, complain, say } from "../../parts/toast.js";
import { SilenceForm } from "./silence_form.js";
import { nameOf } from "../../app/state.js";

export const HOUR_S = 3600;

/** Acknowledge these alerts, with a note that is asked for; resolves to whether it was done. */
export async function acknowledge(alerts) {
  const said = await showDialog({ title: t("alerts.ack.title", { n: alerts.length }), view: NoteDialog });
  if (!said) return false;
  let done = 0;
  for (const { id } of alerts) {
    try {
      await post(`/alerts/${encodeURIComponent(id)}/ack`, { note: said.note });
      done += 1;
    } catch (error) {
      complain(error);
      if (error.passing) break; // the others would fail alike
    }
  }
  if (done) say(t("alerts.ack.done", { n: done }));
  return done > 0;
}

function NoteDialog({ close }) {
  const [note, setNote] = useState("");
  return html`<div class="box-body">
      <p>${t("alerts.ack.about")}</p>
      <${Field} label=${t("alerts.ack.note")} hint=${t("alerts.ack.noteHint")}>
        ${(control) => html`<input ...${control} maxlength="400"
        autofocus value=${note} onInput=${(event) => setNote(event.target.value)} />`}</${Field}>
    </div>
    <div class="box-foot">
      <button type="button" onClick=${() => close()}>${t("common.cancel")}</button>
      <button type="submit" class="primary" onClick=${() => close({ note: note.trim() })}>${t("alerts.ack.do")}</button>
    </div>`;
}

/** Take back an acknowledgement. */
export const takeBack = ({ id }) =>
  attempt(() => post(`/alerts/${encodeURIComponent(id)}/unack`), t("alerts.ack.takenBack"));

/** Silence the rule of an alert on its node, or in the whole mesh where it is about no node. */
export const silenceAlert = (alert, durationS, text) =>
  attempt(
    () =>
      post("/silences", {
        rules: [alert.rule],
        nodes: alert.node === null ? [] : [alert.node],
        duration_s: durationS,
      }),
    t("alerts.silence.done", { time: text }),
  );

/** An hour of maintenance, of a node or, without one, of the whole mesh. */
export const maintain = (node) =>
  attempt(
    () => post("/silences", { kind: "maintenance", nodes: node === undefined ? [] : [node], duration_s: HOUR_S }),
    node === undefined ? t("alerts.maintenance.doneMesh") : t("alerts.maintenance.doneNode", { name: nameOf(node) }),
  );

/** End a silence or a maintenance window by its id, once somebody agreed. */
export async function endSilence(id, kind = "silence") {
  const sure = await confirmDialog({
    title: t(`alerts.silence.endTitle.${kind}`),
    consequences: [t("alerts.silence.endConsequence")],
    action: t("alerts.silence.endNow"),
  });
  if (!sure) return null;
  return attempt(() => del(`/silences/${encodeURIComponent(id)}`), t("alerts.silence.ended"));
}

/** Ask for all of a new silence, starting from `preset`; resolves to what was made. */
export const newSilence = (book, preset = {}) =>
  showDialog({
    title: t("alerts.silence.new"),
    wide: true,
    view: ({ close }) => html`<${SilenceForm} rules=${book.rules} preset=${preset} close=${close} />`,
  });
