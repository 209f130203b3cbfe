// The list of shortcuts, as a dialog.
import { html } from "../app/dom.js";
import { LETTERS, setShortcuts, shortcuts } from "../app/keys.js";
import { t } from "../app/words.js";
import { showDialog } from "./dialog.js";

/** Show which shortcuts there are, and let them be switched off. */
export const showKeys = () => showDialog({ title: t("keys.title"), view: Keys });

function Keys({ close }) {
  return html`<div class="box-body">
      <dl class="keys">
        ${Object.entries(LETTERS).map(
          ([letter, view]) => html`<dt key=${letter}><kbd>g</kbd> <kbd>${letter}</kbd></dt>
            <dd key=${view}>${t(`nav.${view || "overview"}`)}</dd>`,
        )}
        <dt><kbd>/</kbd></dt><dd>${t("keys.search")}</dd>
        <dt><kbd>?</kbd></dt><dd>${t("keys.help")}</dd>
        <dt><kbd>Esc</kbd></dt><dd>${t("keys.escape")}</dd>
      </dl>
      <label class="check">
        <input type="checkbox" checked=${shortcuts.value} onChange=${(event) => setShortcuts(event.target.checked)} />
        ${t("keys.on")}
      </label>
    </div>
    <div class="box-foot">
      <button type="button" class="primary" onClick=${() => close()}>${t("common.close")}</button>
    </div>`;
}
