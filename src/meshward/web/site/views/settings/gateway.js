// What runs here.
import { useAsk } from "../../app/ask.js";
import { html } from "../../app/dom.js";
import { bytes, duration } from "../../app/format.js";
import { t } from "../../app/words.js";
import { Failed, Level, Loading } from "../../parts/basics.js";

const DOCS = "api/docs";
const UPTIME_EVERY_MS = 30_000;

export function About() {
  const about = useAsk("/about");
  const health = useAsk("/health", {}, { everyMs: UPTIME_EVERY_MS });
  const details = health.value?.details;
  if (about.loading) return html`<${Loading} />`;
  return html`<div class="stack">
    ${about.error && html`<${Failed} error=${about.error} retry=${about.reload} />`}
    ${about.value &&
    html`<section class="card" aria-labelledby="about-title">
      <h2 id="about-title">${t("settings.about.title", { version: about.value.version })}</h2>
      <dl class="facts">
        <dt>${t("settings.about.uptime")}</dt><dd>${duration(details?.uptime_s)}</dd>
        <dt>${t("settings.about.mesh")}</dt><dd>
          ${details ? meshText(details) : "–"}</dd>
        <dt>${t("settings.about.clients")}</dt><dd>${details?.stream_clients ?? "–"}</dd>
        ${about.value.data && html`<dt>${t("settings.about.data")}</dt><dd><code>${about.value.data}</code></dd>`}
        <dt>${t("settings.about.database")}</dt><dd>${bytes(about.value.database_bytes)}</dd>
        <dt>${t("settings.about.firmware")}</dt><dd>${bytes(about.value.firmware_bytes)}</dd>
        <dt>${t("settings.about.python")}</dt><dd>${about.value.python}</dd>
        ${about.value.system && html`<dt>${t("settings.about.system")}</dt><dd>${about.value.system}</dd>`}
        <dt>${t("settings.about.api")}</dt><dd><a href=${DOCS}>${t("settings.bridges.docs")}</a></dd>
      </dl></section>
      ${["gateway", "browser"].map((where) => html`<${Parts} key=${where} where=${where}
        parts=${about.value.parts} />`)}`}
  </div>`;
}

const meshText = ({ nodes_online, nodes_known, own_id }) =>
  t("settings.about.meshIs", { online: nodes_online, known: nodes_known, id: String(own_id ?? "–") });

function Parts({ where, parts }) {
  const some = parts.filter((part) => part.where === where);
  if (!some.length) return null;
  return html`<section aria-labelledby="parts-${where}"><h2 id="parts-${where}" class="group-head">
    ${t(`settings.about.parts.${where}`)}</h2>
    <div class="table-box" tabindex="0"><table><caption class="unseen">${t(`settings.about.parts.${where}`)}</caption>
      <thead><tr><th scope="col">${t("settings.about.library")}</th><th scope="col">${t("settings.about.version")}</th>
        <th scope="col">${t("settings.about.licence")}</th></tr></thead>
      <tbody>${some.map(({ name, version, licence }) => html`<tr key=${name}><td>${name}</td><td class="when">${version}
        </td><td>${licence || "–"}</td></tr>`)}</tbody>
    </table></div></section>`;
}
