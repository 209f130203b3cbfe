// A gateway that has not seen a board yet: what to do.
import { html } from "../../app/dom.js";
import { gateway } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Note } from "../../parts/basics.js";

export function FirstRun() {
  const connected = gateway.value.mesh_connected;
  return html`<div class="view-head"><h1>${t("overview.first.title")}</h1></div>
    <section class="card stack ov-first">
      <${Note} level="warn">${t(connected ? "overview.first.alone" : "overview.first.cut")}</${Note}>
      <ol>
        <li>${t("overview.first.power")}</li>
        <li>${t("overview.first.join")}<pre>connect = "10.1.2.1"</pre></li>
        <li>${t("overview.first.look")}<pre>meshward doctor</pre></li>
      </ol>
      <p class="muted">${t("overview.first.then")}</p>
    </section>`;
}
