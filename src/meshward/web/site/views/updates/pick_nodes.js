// Choosing boards out of all: what is chosen at a glance, all of them to look through in a fold.
import { html, useId, useMemo, useState } from "../../app/dom.js";
import { t } from "../../app/words.js";
import { Icon } from "../../parts/icons.js";
import { roster } from "./roster.js";

const CHIPS_MAX = 12;

/** `chosen` are ids; boards that are not known any more stay chosen until they are taken out. */
export function PickNodes({ label, hint, wrong, chosen, onChange }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const named = new Map(roster.value.map((board) => [board.id, board]));
  const without = (node) => onChange(chosen.filter((one) => one !== node));
  return html`<div class="field pick-nodes" role="group" aria-labelledby="${id}-label">
    <span class="label" id="${id}-label">${label}</span>
    ${chosen.length > 0 && html`<div class="row chips">
      ${chosen.slice(0, CHIPS_MAX).map((node) =>
        html`<${Chip} key=${node} name=${named.get(node)?.name || String(node)} onRemove=${() => without(node)} />`)}
      ${chosen.length > CHIPS_MAX && html`<span class="muted">${t("updates.new.chosen", { n: chosen.length })}</span>`}
    </div>`}
    <div><button type="button" class="small" aria-expanded=${open} aria-controls="${id}-list"
      onClick=${() => setOpen(!open)}>
      <${Icon} name=${open ? "up" : "down"} /> ${t("updates.new.choose")}</button></div>
    ${open && html`<${List} id="${id}-list" label=${label} chosen=${chosen} onChange=${onChange} />`}
    ${hint && html`<span class="hint">${hint}</span>`}
    ${wrong && html`<span class="wrong">${wrong}</span>`}
  </div>`;
}

const Chip = ({ name, onRemove }) => html`<span class="chip"><bdi class="cut" title=${name}>${name}</bdi>
  <button type="button" class="quiet" aria-label=${t("updates.new.takeOut", { name })} onClick=${onRemove}><${Icon}
    name="close" /></button></span>`;

function List({ id, label, chosen, onChange }) {
  const [text, setText] = useState("");
  const all = roster.value;
  const shown = useMemo(() => found(all, text), [all, text]);
  const has = new Set(chosen);
  return html`<div class="pick-list" id=${id}>
    <input type="search" aria-label="${t("updates.new.find")}: ${label}" placeholder=${t("updates.new.find")}
      value=${text} onInput=${(event) => setText(event.target.value)} />
    <div class="pick-boxes" tabindex="-1">${shown.map(
      (board) => html`<${Choice} key=${board.id} board=${board} on=${has.has(board.id)}
        toggle=${(node, on) => onChange(on ? [...chosen, node] : chosen.filter((one) => one !== node))} />`,
    )}${!shown.length && html`<p class="muted">${t("updates.new.noneFound")}</p>`}</div>
  </div>`;
}

/** Boards whose name, id, role, version or tags have this text in them. */
export function found(boards, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return boards;
  return boards.filter((board) =>
    [board.name, board.id, board.role, board.version,
    board.tags].some((value) => String(value).toLowerCase().includes(wanted)));
}

const Choice = ({ board, on, toggle }) => html`<label class="check">
  <input type="checkbox" checked=${on} onChange=${(event) => toggle(board.id, event.target.checked)} />
  <bdi class="cut">${board.name || board.id}</bdi>
  <span class="muted small cut">${[board.name && board.id, board.role,
    board.hardware].filter(Boolean).join(" · ")}</span>
</label>`;
