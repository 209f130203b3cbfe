// Copying to the clipboard. Browsers give pages a clipboard over https only; without it the text is selected, so that
// it is two keys away.
import { html, useRef } from "../../app/dom.js";
import { t } from "../../app/words.js";
import { Field } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { say } from "../../parts/toast.js";

/** A text that is to be taken elsewhere, with a button that copies it. */
export function CopyField({ label, hint, value }) {
  const input = useRef(null);
  const copy = async () => {
    say(t((await copied(input.current)) ? "settings.copy.done" : "settings.copy.selected"));
  };
  return html`<${Field} label=${label} hint=${hint}>${(control) => html`<span class="copy">
    <input ...${control} ref=${input} class="mono" readonly value=${value}
      onFocus=${(event) => event.target.select()} />
    <button type="button" onClick=${copy}><${Icon} name="file" /> ${t("settings.copy.do")}</button></span>`}
      </${Field}>`;
}

async function copied(input) {
  try {
    await navigator.clipboard.writeText(input.value);
    return true;
  } catch {
    // No clipboard over plain http, or it was refused: the old way, which leaves the text selected.
    input.focus();
    input.select();
    return document.execCommand("copy");
  }
}
