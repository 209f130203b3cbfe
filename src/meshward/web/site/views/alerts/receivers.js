// Who is told of alerts, and whether it arrives.
import { post } from "../../app/api.js";
import { useAsk } from "../../app/ask.js";
import { html, useState } from "../../app/dom.js";
import { t } from "../../app/words.js";
import { Badge, Failed, Level, Loading, Note } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { attempt } from "../../parts/toast.js";

const EXAMPLE = `[alerts]
mail_to = ["ops@mesh.example"]
smtp = "smtp://user@mail.example:587"`;

export function Receivers() {
  const { value, error, loading, reload } = useAsk("/receivers");
  const [results, setResults] = useState(null);
  const [busy, setBusy] = useState(false);
  const test = async () => {
    setBusy(true);
    setResults(null);
    setResults((await attempt(() => post("/alert-tests"))) ?? null);
    setBusy(false);
  };
  const resultOf = (name) => results?.find(({ receiver }) => receiver === name);
  return html`<div class="stack">
    <p class="muted small">${t("alerts.receivers.about")}</p>
    ${error && html`<${Failed} error=${error} retry=${reload} />`}
    ${loading && html`<${Loading} />`}
    ${value?.length === 0 &&
    html`<div class="card stack"><h2>${t("alerts.receivers.none")}</h2><p>${t("alerts.receivers.howTo")}</p>
      <pre tabindex="0">${EXAMPLE}</pre><p>${t("alerts.receivers.restart")}</p></div>`}
    ${value?.length > 0 &&
    html`<div class="row"><button type="button" class="primary" disabled=${busy} onClick=${test}>
      <${Icon} name="alerts" /> ${t(busy ? "alerts.receivers.testing" : "alerts.receivers.test")}</button>
        <span class="muted small">${t("alerts.receivers.testHint")}</span></div>
      <ul class="plain alert-list" aria-live="polite">${value.map(({ name, kind }) => {
        const result = resultOf(name);
        return html`<li key=${name} class="silence"><div class="alert-body">
          <p class="alert-text"><strong>${name}</strong> <${Badge}>${t(`alerts.receivers.kinds.${kind}`)}</${Badge}></p>
          ${result && html`<p><${Level} level=${result.ok ? "well" : "bad"}
            text=${t(result.ok ? "alerts.receivers.ok" : "alerts.receivers.failed")} /> ${result.text}</p>`}
        </div></li>`;
      })}</ul>
      <${Note}>${t("alerts.receivers.where")}</${Note}>`}
  </div>`;
}
