// How a node does: its score with reasons, who it is, and every value with its age and source.
import { get } from "../../app/api.js";
import { useAsk } from "../../app/ask.js";
import { html, useEffect, useState } from "../../app/dom.js";
import { duration, measure, percent } from "../../app/format.js";
import { levelOf } from "../../app/levels.js";
import { route, to } from "../../app/router.js";
import { t } from "../../app/words.js";
import { Ago, Failed, Level, Loading, Note } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { Strip } from "../../parts/strip.js";
import { headed, sourceText, useCatalogue, valueText } from "./metrics.js";

const DAYS = 30;

export function StateTab({ id, node, status, detail }) {
  return html`<div class="node-state">
    <div class="stack">
      <${Health} id=${id} node=${node} status=${status} />
      <${Availability} id=${id} />
    </div>
    <${Facts} node=${node} detail=${detail.value} status=${status.value} />
    <${Values} status=${status} id=${id} />
  </div>`;
}

function Health({ id, node, status }) {
  const catalogue = useCatalogue();
  const told = status.value;
  if (!told) return html`<section class="card">
    <h2>${t("nodes.health")}</h2>${status.error ? html`<${Failed} error=${status.error} retry=${status.reload} />`
      : html`<${Loading} />`}</section>`;
  const wordOf = (metric) => catalogue.get(metric)?.words ?? metric;
  const shown = (anomaly) => ({
    metric: headed(wordOf(anomaly.metric)),
    value: measure(anomaly.value, catalogue.get(anomaly.metric)?.unit ?? ""),
    usual: measure(anomaly.usual, catalogue.get(anomaly.metric)?.unit ?? ""),
  });
  return html`<section class="card"><div class="card-head"><h2>${t("nodes.health")}</h2>
      <span class="node-score"><strong>${told.health.value}</strong> <span class="muted">${t("nodes.of100")}</span>
        <${Level} level=${levelOf(node)} /></span></div>
    ${told.health.parts.length
      ? html`<ul class="plain node-score-parts">${told.health.parts.map((part) =>
        html`<li key=${part.reason}><strong>−${part.points}</strong> <span>${part.reason}</span></li>`)}</ul>`
      : !node.alerts && html`<p class="muted">${t("nodes.nothingWrong")}</p>`}
    ${node.alerts > 0 && html`<p><a href=${to("nodes", id, { tab: "alerts" })}>
      ${t("nodes.firing", { n: node.alerts })}</a></p>`}
    ${told.leak && html`<${Note} level="warn">${t("nodes.leak", {
      rate: `${measure(told.leak.bytes_per_h, "B")}/h`, left: duration(told.leak.hours_left * 3600),
      low: duration(told.leak.hours_low * 3600), high: duration(told.leak.hours_high * 3600),
    })}</${Note}>`}
    ${told.anomalies.map((anomaly) =>
      html`<${Note} key=${anomaly.kind + anomaly.metric}
        level="warn">${t(`nodes.anomaly.${anomaly.kind}`, shown(anomaly))}
      ${anomaly.since_at && html` <${Ago} at=${anomaly.since_at} />`}. <a
        href=${to("nodes", id, { tab: "charts" })}>${t("nodes.seeCharts")}</a></${Note}>`)}
    ${told.refused > 0 && html`<${Note}
      level="warn">${t("nodes.refused", { n: told.refused })} <bdi>${told.last_refused}</bdi></${Note}>`}
    ${told.lost_frames > 0 && html`<p class="muted small">${t("nodes.lostFrames", { n: told.lost_frames })}</p>`}
    ${told.restarts.length > 0 && html`<p class="muted small">${t("nodes.restarted")} <${Ago}
      at=${told.restarts.at(-1)} />${told.restarts.length > 1
        && ` ${t("nodes.restartsKnown", { n: told.restarts.length })}`}</p>`}
  </section>`;
}

function Availability({ id }) {
  const asked = useAsk("/availability", { days: DAYS, node: id });
  const mine = asked.value?.nodes.find((one) => one.node === id);
  return html`<section class="card"><div class="card-head"><h2>${t("nodes.availability", { n: DAYS })}</h2>
      ${mine?.ratio != null && html`<strong>${percent(mine.ratio, 1)}</strong>`}</div>
    ${asked.error ? html`<${Failed} error=${asked.error} retry=${asked.reload} />`
      : !asked.value ? html`<${Loading} />`
      : html`<div class="node-strip">
        <${Strip} days=${mine?.days ?? []} firstDay=${asked.value.first_day} label=${t("nodes.inMesh")} /></div>
        <p class="muted small">${t("nodes.availabilityMeans")}</p>`}
  </section>`;
}

function Facts({ node, detail, status }) {
  const firmware = useFirmware(node.firmware);
  const facts = [
    ["hardware", node.hardware], ["chip", firmware?.chip], ["role", node.role], ["version", node.version],
    ["firmware", node.firmware && html`<span class="mono" title=${node.firmware}>${node.firmware.slice(0, 12)}…</span>
      ${" "}${firmware && html`<bdi>${firmware.name}</bdi>`}`],
    ["proven", node.proven_at && html`${node.proven_how} (<${Ago} at=${node.proven_at} />)`],
    ["firstSeen", node.first_seen_at && html`<${Ago} at=${node.first_seen_at} />`],
    ["lastSeen", node.last_seen_at && !node.online && html`<${Ago} at=${node.last_seen_at} />`],
    ["hops", node.depth], ["capabilities", node.capabilities.join(", ")],
    ...Object.entries(status?.texts ?? {}).filter(([name]) => name !== "version").map(([name, text]) =>
      [name, text, true]),
  ];
  const notKnown = ["hardware", "role", "version"].filter((name) => !node[name]);
  return html`<section class="card"><h2>${t("nodes.identity")}</h2>
    <dl class="facts">${facts.filter(([, value]) => value || value === 0).map(
      ([name, value, told]) => html`
        <dt key=${name}>${told ? html`<bdi>${name.replaceAll("_", " ")}</bdi>` : t(`nodes.facts.${name}`)}</dt>
        <dd><bdi>${value}</bdi></dd>`,
    )}
    ${notKnown.map((name) => html`<dt key=${name}>${t(`nodes.facts.${name}`)}</dt>
      <dd class="muted">${t("nodes.notKnownYet")}</dd>`)}</dl>
    ${notKnown.length > 0 && html`<p class="muted small">${t("nodes.notKnownWhy")}</p>`}
    ${detail?.parent !== undefined && node.online
      && html`<p class="small"><a href=${to("nodes", node.id, { tab: "tree" })}>${t("nodes.seeTree")}</a></p>`}
  </section>`;
}

/** What the library says of a firmware; null where it has none such. */
function useFirmware(sha256) {
  const [known, setKnown] = useState(null);
  useEffect(() => {
    setKnown(null);
    if (!sha256) return undefined;
    const stop = new AbortController();
    get(`/firmware/${sha256}`, undefined, stop.signal).then(setKnown,
      () => {}); // not in the library: it is only said less
    return () => stop.abort();
  }, [sha256]);
  return known;
}

function Values({ status, id }) {
  const catalogue = useCatalogue();
  const told = status.value;
  if (!told) return null;
  const names = [...catalogue.keys()].filter((name) => name in told.metrics);
  const extra = Object.keys(told.metrics).filter((name) => !catalogue.has(name));
  const { params } = route.value;
  return html`<section class="card node-values"><div class="card-head"><h2>${t("nodes.values")}</h2>
      ${status.error && html`<span class="level warn"><${Icon} name="warn" /> ${t("nodes.valuesOld")}</span>`}</div>
    ${told.tells.length === 1 && told.tells[0] === "mesh" && html`<${Note}>${t("nodes.unmodified")}</${Note}>`}
    ${!told.online && html`<${Note} level="off">${t("nodes.valuesBefore")}</${Note}>`}
    <div class="table-box"><table>
      <caption class="unseen">${t("nodes.values")}</caption>
      <thead><tr><th scope="col">${t("nodes.valueHead.what")}</th>
        <th scope="col" class="number">${t("nodes.valueHead.value")}</th>
        <th scope="col" class="number">${t("nodes.valueHead.age")}</th>
          <th scope="col" class="value-source">${t("nodes.valueHead.source")}</th></tr></thead>
      <tbody>${[...names, ...extra].map((name) => {
        const reading = told.metrics[name];
        return html`<tr key=${name}><th scope="row">
          <a href=${to("nodes", id, { ...Object.fromEntries(params), tab: "charts",
            metric: name })}>${headed(catalogue.get(name)?.words ?? name)}</a>
            <span class="value-source-below muted small">${sourceText(reading.source)}</span></th>
          <td class="number">${valueText(name, reading.value, catalogue.get(name)?.unit ?? "")}</td>
          <td class="number muted">${duration(reading.age_s)}</td>
            <td class="muted value-source">${sourceText(reading.source)}</td></tr>`;
      })}</tbody>
    </table></div>
  </section>`;
}
