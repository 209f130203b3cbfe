// Files that are dropped on the page or chosen: what each is, before anything happens with it.
import { may } from "../../app/api.js";
import { classes, html, useEffect, useRef, useState } from "../../app/dom.js";
import { percent } from "../../app/format.js";
import { upload } from "../../app/upload.js";
import { t } from "../../app/words.js";
import { Field, Level, Note, Progress } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { attempt, complain } from "../../parts/toast.js";
import { FirmwareFacts, Problems, problemsOf, sentence } from "./facts.js";
import { firmwareName } from "./sentences.js";
import { useShown } from "./shown.js";

const AT_ONCE_MAX = 4; // the gateway takes in no more files at the same time
let lastKey = 0;

/**
 * The place for new files; the whole page takes drops while it is there. `actions(known)` are [[text, run(firmware),
 * primary]] for a file that the gateway takes; each adds it to the library first, where it is not in it yet.
 * `inviting` is false where something else is to be done first.
 */
export function DropPlace({ actions, compact = false, inviting = true }) {
  const [files, setFiles] = useState([]);
  const picker = useRef(null);
  const replaced = useRef(null);
  // What was looked at, and its notes, stay: the newest is above.
  const take = (list, instead = null) => {
    const kept = files.filter(({ key }) => key !== instead);
    const taken = [...list].slice(0, AT_ONCE_MAX - kept.length);
    if (taken.length < list.length) complain(t("updates.drop.tooMany", { n: AT_ONCE_MAX }));
    setFiles([...taken.map((file) => ({ key: ++lastKey, file })), ...kept]);
  };
  const over = useDrops(take);
  const choose = (instead = null) => {
    replaced.current = instead;
    picker.current.click();
  };
  const drop = (key) => setFiles((all) => all.filter((one) => one.key !== key));
  return html`<section class=${classes("card", "drop-place", over && "over", compact && "compact")}
    aria-label=${t("updates.drop.title")}>
    <input ref=${picker} hidden type="file" multiple accept=".bin,.gz,application/octet-stream"
      onChange=${(event) => (take(event.target.files, replaced.current), (event.target.value = ""))} />
    ${over && html`<div class="drop-veil"><div><${Icon} name="download"
      size="44" /> ${t("updates.drop.here")}</div></div>`}
    <div class="drop-ask">
      <${Icon} name="upload" size="32" />
      <div>
        <p><span class="drop-text">${t("updates.drop.text")}</span>
          <button type="button" class=${files.length || !inviting ? "" : "primary"} onClick=${() => choose()}><${Icon}
            name="file" /> ${t("updates.drop.choose")}</button></p>
        <p class="muted small">${t("updates.drop.after")}</p>
      </div>
    </div>
    ${files.map(({ key, file }) => html`<${Checked} key=${key} file=${file} actions=${actions}
      choose=${() => choose(key)} done=${() => drop(key)} />`)}
  </section>`;
}

/** Whether a file is held over the page; `take` gets those that are dropped. */
function useDrops(take) {
  const [over, setOver] = useState(false);
  const latest = useRef(take);
  latest.current = take;
  useEffect(() => {
    let depth = 0;
    const holds = (event) => event.dataTransfer?.types?.includes("Files") && !document.querySelector("dialog[open]");
    const listeners = {
      dragenter: (event) => holds(event) && (event.preventDefault(), (depth += 1), setOver(true)),
      dragover: (event) => holds(event) && event.preventDefault(),
      dragleave: (event) => holds(event) && (depth = Math.max(0, depth - 1)) === 0 && setOver(false),
      drop: (event) => {
        if (!holds(event)) return;
        event.preventDefault();
        depth = 0;
        setOver(false);
        if (event.dataTransfer.files.length) latest.current(event.dataTransfer.files);
      },
    };
    for (const [name, listener] of Object.entries(listeners)) addEventListener(name, listener);
    return () => {
      for (const [name, listener] of Object.entries(listeners)) removeEventListener(name, listener);
    };
  }, []);
  return over;
}

function Checked({ file, actions, choose, done }) {
  const [sent, setSent] = useState(0);
  const [{ check, error }, setResult] = useState({ check: null, error: null });
  useEffect(() => {
    let mine = true;
    upload("/firmware/check", file, {}, (share) => mine && setSent(share)).then(
      (found) => mine && setResult({ check: found, error: null }),
      (failed) => mine && setResult({ check: null, error: failed }),
    );
    return () => (mine = false);
  }, [file]);
  return html`<div class="checked" aria-live="polite">
    <div class="row spread">
      <h3 class="cut" title=${file.name}><${Icon} name="file" /> <bdi>${file.name}</bdi></h3>
      <button type="button" class="quiet icon" aria-label=${t("updates.drop.dismiss", { name: file.name })}
        onClick=${done}><${Icon} name="close" /></button>
    </div>
    ${check
      ? html`<${Verdict} file=${file} check=${check} actions=${actions} choose=${choose} done=${done} />`
      : error
        ? html`<${Note} level="bad"><p>${t("updates.drop.failed")} ${sentence(error.message)}</p>
            <button type="button" class="small" onClick=${choose}>${t("updates.drop.other")}</button></${Note}>`
        : html`<div><p class="muted">${sent < 1
            ? t("updates.drop.reading", { share: percent(sent) })
            : t("updates.drop.looking")}</p><${Progress} share=${sent} label=${t("updates.drop.looking")} /></div>`}
  </div>`;
}

function Verdict({ file, check, actions, choose, done }) {
  const [busy, setBusy] = useState(false);
  const [notes, setNotes] = useState("");
  const shown = useShown();
  const warned = problemsOf(check.inspection).some(({ severity }) => severity !== "note");
  const run = async (act) => {
    setBusy(true);
    const kept = check.known ? check : await attempt(
      () => upload("/firmware", file, { notes: notes.trim() }),
      (added) => t("updates.drop.added", { name: firmwareName(added) }),
    );
    if (!shown.current) return;
    setBusy(false);
    if (kept) done(), act?.(kept);
  };
  if (!check.taken) {
    return html`<div class="stack">
      <${Note} level="bad" role="alert">
        <p><strong>${t("updates.drop.refused")}</strong></p>
        <p>${check.inspection.kind === "flash" ? t("updates.drop.flash") : sentence(check.refusal)}</p>
      </${Note}>
      <${FirmwareFacts} file=${check} />
      <${Problems} file=${check} />
      <div class="row"><button type="button" class="primary" onClick=${choose}>${t("updates.drop.other")}</button></div>
    </div>`;
  }
  return html`<div class="stack">
    <p><${Level} level=${warned ? "warn" : "well"} text=${t(warned ? "updates.drop.warned" : "updates.drop.taken")} />
      ${check.known && html`<span class="muted"> ${t("updates.drop.known")}</span>`}</p>
    <${Problems} file=${check} />
    <${FirmwareFacts} file=${check} />
    ${!check.known && may("operator")
      && html`<${Field} label=${t("updates.drop.notes")} hint=${t("updates.drop.notesHint")}>${(control) =>
      html`<textarea ...${control} rows="2" maxlength="2000" value=${notes}
        onInput=${(event) => setNotes(event.target.value)} />`}</${Field}>`}
    <div class="row">${actions(check.known).map(
      ([text, act, primary]) => html`<button type="button" key=${text} class=${primary ? "primary" : ""}
        disabled=${busy} onClick=${() => run(act)}>${text}</button>`,
    )}</div>
  </div>`;
}
