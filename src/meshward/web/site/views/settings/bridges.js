// Bridges to other programs, and how they do.
import { may } from "../../app/api.js";
import { useAsk } from "../../app/ask.js";
import { html } from "../../app/dom.js";
import { bytes, number } from "../../app/format.js";
import { to } from "../../app/router.js";
import { t } from "../../app/words.js";
import { Badge, Failed, Lasting, Level, Loading, Note } from "../../parts/basics.js";

const DOCS = "api/docs";
const EVERY_MS = 5_000;
const LEVELS = { up: "well", starting: "unknown", failing: "bad" };
const EXAMPLE = `[mqtt]
brokers = "mqtt://localhost"
[homeassistant]
enabled = true`;

export function Bridges() {
  const { value, error, loading, reload } = useAsk("/bridges", undefined, { everyMs: EVERY_MS });
  return html`<div class="stack">
    <section class="stack" aria-labelledby="bridges-title">
      <h2 id="bridges-title">${t("settings.bridges.title")}</h2>
      ${error && html`<${Failed} error=${error} retry=${reload} />`}
      ${loading && html`<${Loading} />`}
      ${value?.length === 0 && html`<p>${t("settings.bridges.none")}</p>`}
      ${value && html`<ul class="plain bridges">${value.map((one) => html`<${Bridge} key=${one.name} one=${one} />`)}</ul>`}
    </section>
    <section class="card stack" aria-labelledby="bridges-how-title">
      <h2 id="bridges-how-title">${t("settings.bridges.how")}</h2>
      <p>${t("settings.bridges.howTo")}</p>
      <pre tabindex="0">${EXAMPLE}</pre>
      <${Note}>${t("settings.bridges.restart")}</${Note}>
    </section>
    <section class="card" aria-labelledby="ways-title">
      <h2 id="ways-title">${t("settings.bridges.ways")}</h2>
      <ul class="ways">
        <li>${t("settings.bridges.api")} <a href=${DOCS}>${t("settings.bridges.docs")}</a></li>
        <li>${t("settings.bridges.stream")}</li>
        <li>${t("settings.bridges.health")}</li>
        <li>${t("settings.bridges.told")} ${may("operator") && html`<a href=${to("alerts", "receivers")}>
          ${t("settings.bridges.receivers")}</a>`}</li>
      </ul>
    </section>
  </div>`;
}

function Bridge({ one }) {
  return html`<li class="card stack">
    <div class="card-head"><h3><bdi>${one.name}</bdi></h3>
      <span class="badges"><${Badge}>${t(`settings.bridges.kinds.${one.kind}`)}</${Badge}>
        ${one.extras.map((what) => html`<${Badge} key=${what}>${what}</${Badge}>`)}</span>
    </div>
    <p class="state"><${Level} level=${LEVELS[one.state]} text=${t(`settings.bridges.states.${one.state}`)} />
      <span class="muted"><${Lasting} since=${one.since_at} /></span></p>
    <p><bdi>${one.text}</bdi></p>
    <dl class="facts">
      <dt>${t("settings.bridges.sent")}</dt>
      <dd>${number(one.sent, 0)}${one.sent_bytes > 0 && ` (${bytes(one.sent_bytes)})`}</dd>
      ${one.waiting > 0 && html`<dt>${t("settings.bridges.waiting")}</dt><dd>${number(one.waiting, 0)}</dd>`}
      ${one.dropped > 0 && html`<dt>${t("settings.bridges.dropped")}</dt><dd>${number(one.dropped, 0)}</dd>`}
    </dl>
  </li>`;
}
