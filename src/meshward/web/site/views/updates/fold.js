// Small parts of the form of a new rollout.
import { html, useEffect, useState } from "../../app/dom.js";
import { Field } from "../../parts/basics.js";

/** Something that is rarely needed. It opens where something in it is wrong. */
export function Fold({ title, note, wrong, open: opened = false, children }) {
  const [open, setOpen] = useState(opened);
  useEffect(() => {
    if (wrong) setOpen(true);
  }, [Boolean(wrong)]);
  return html`<details class="fold" open=${open} onToggle=${(event) => setOpen(event.target.open)}>
    <summary><span>${title}</span>${note && html` <span class="muted small">${note}</span>`}</summary>
    ${open && html`<div class="stack fold-body">${children}</div>`}
  </details>`;
}

/** A text field of the form. */
export const Text = ({ label, hint, wrong, value, set, ...control }) =>
  html`<${Field} label=${label} hint=${hint} wrong=${wrong}>${(own) =>
    html`<input ...${own} ...${control} value=${value} onInput=${(event) => set(event.target.value)} />`}</${Field}>`;

/** A choice of the form; `options` are [value, text]. */
export const Choice = ({ label, hint, wrong, value, options, set }) =>
  html`<${Field} label=${label} hint=${hint} wrong=${wrong}>${(own) =>
    html`<select ...${own} value=${value} onChange=${(event) => set(event.target.value)}>${options.map(
      ([key, text]) => html`<option key=${key} value=${key}>${text}</option>`,
    )}</select>`}</${Field}>`;

/** A box to tick. */
export const Tick = ({ label, hint, checked, set }) =>
  html`<div class="field"><label class="check"><input type="checkbox" checked=${checked}
    onChange=${(event) => set(event.target.checked)} /> <span>${label}</span></label>
    ${hint && html`<span class="hint">${hint}</span>`}</div>`;

/** Buttons of which any may be pressed; `options` are [value, text, note]. */
export const Toggles = ({ label, chosen, options, onChange }) =>
  html`<div class="field" role="group" aria-label=${label}><span class="label">${label}</span><div
    class="row chips">${options.map(
    ([value, text, note]) => html`<button type="button" key=${value} class="toggle"
      aria-pressed=${chosen.includes(value)}
      onClick=${() => onChange(chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value])}>
      <bdi class="cut" title=${text}>${text}</bdi>${note !== undefined
        && html` <span class="muted small">${note}</span>`}</button>`,
  )}</div></div>`;

/** Whether any of these fields, or of those below them, is wrong. */
export const anyWrong = (wrong, fields) =>
  Object.keys(wrong).some((field) =>
    fields.some((one) => field === one || field.startsWith(`${one}.`) || field.startsWith(`${one}[`)));
