// Controls of forms that more than one tab of alerts uses.
import { classes, html, useId, useState } from "../../app/dom.js";
import { numberOf } from "../../app/numbers.js";
import { nodes } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Icon } from "../../parts/icons.js";

/** All nodes as options of `Chips`, as they are now. */
export const nodeOptions = () =>
  [...nodes.peek().values()]
    .map(({ id, name }) => ({ value: id, text: name ? `${name} (${id})` : String(id) }))
    .sort((a, b) => a.text.localeCompare(b.text));

/** All tags of nodes, as they are now. */
export const tagOptions = () =>
  [...new Set([...nodes.peek().values()].flatMap(({ tags }) => tags))].sort().map((tag) => ({ value: tag, text: tag }));

/** On or off, at once. `label` says what is switched. */
export const Switch = ({ on, label, disabled, onChange }) =>
  html`<button type="button" role="switch" class="switch" aria-checked=${on ? "true" : "false"} aria-label=${label}
    disabled=${disabled} onClick=${() => onChange(!on)}><span class="knob" /><span class="state">
      ${t(on ? "alerts.on" : "alerts.off")}</span></button>`;

/**
 * Several out of many: typed with suggestions, shown as chips that can be taken off. `options` are {value, text};
 * with `free` what is none of them will do as well.
 */
export function Chips({ label, hint, wrong, values, options, free = false, onChange }) {
  const id = useId();
  const [typed, setTyped] = useState("");
  const [unknown, setUnknown] = useState(false);
  const textOf = (value) => options.find((option) => option.value === value)?.text ?? String(value);
  const add = (text) => {
    const wanted = text.trim();
    if (!wanted) return;
    const option = options.find((one) => one.text === wanted || String(one.value) === wanted);
    setUnknown(!option && !free);
    if (!option && !free) return;
    const value = option ? option.value : wanted;
    if (!values.includes(value)) onChange([...values, value]);
    setTyped("");
  };
  const onInput = (event) => {
    const text = event.target.value;
    setTyped(text);
    setUnknown(false);
    // Chosen from the list, not typed letter by letter.
    const chosen = !event.inputType || event.inputType === "insertReplacementText";
    if (chosen && options.some((option) => option.text === text)) add(text);
  };
  const onKeyDown = (event) => {
    if (event.key !== "Enter" || !typed.trim()) return;
    event.preventDefault();
    add(typed);
  };
  const complaint = unknown ? t("alerts.chips.unknown", { text: typed }) : wrong;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${values.length > 0 &&
    html`<ul class="plain chips">${values.map(
      (value) => html`<li key=${value} class="badge"><bdi class="cut" title=${textOf(value)}>${textOf(value)}</bdi>
        <button type="button" class="quiet chip-off" aria-label=${t("alerts.chips.off", { text: textOf(value) })}
          onClick=${() => onChange(values.filter((one) => one !== value))}><${Icon} name="close" /></button></li>`,
    )}</ul>`}
    <input id=${id} list="${id}-list" autocomplete="off" maxlength="100" value=${typed} onInput=${onInput}
      onKeyDown=${onKeyDown}
      onBlur=${() => add(typed)} placeholder=${t("alerts.chips.add")} aria-invalid=${complaint ? "true" : undefined}
      aria-describedby=${classes(hint && `${id}-hint`, complaint && `${id}-wrong`) || undefined} />
    <datalist id="${id}-list">${options.map((option) => !values.includes(option.value) && html`<option
      key=${option.value} value=${option.text} />`)}</datalist>
    ${hint && html`<span class="hint" id="${id}-hint">${hint}</span>`}
    ${complaint && html`<span class="wrong" id="${id}-wrong">${complaint}</span>`}
  </div>`;
}

const UNITS = { s: 1, min: 60, h: 3600, d: 86_400 };

/** A length of time as number and unit; `value` in seconds, NaN while what is typed is none. */
export function DurationInput({ control, value, onChange }) {
  const [unit, setUnit] = useState(() => unitFor(value));
  const [typed, setTyped] = useState(() => String(value / UNITS[unit]));
  const change = (text, key) => {
    setTyped(text);
    setUnit(key);
    onChange((numberOf(text) ?? Number.NaN) * UNITS[key]);
  };
  return html`<div class="duration">
    <input ...${control} inputmode="decimal" autocomplete="off" value=${typed}
      onInput=${(event) => change(event.target.value, unit)} />
    <select aria-label=${t("alerts.unitOfTime")} value=${unit} onChange=${(event) => change(typed, event.target.value)}>
      ${Object.keys(UNITS).map((key) => html`<option key=${key} value=${key}>${t(`alerts.timeUnits.${key}`)}</option>`)}
    </select>
  </div>`;
}

const unitFor = (seconds) => Object.keys(UNITS).findLast((key) => seconds && seconds % UNITS[key] === 0) ?? "s";
