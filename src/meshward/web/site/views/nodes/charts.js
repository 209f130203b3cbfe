// Charts of every metric of a node, over the same time.
import { html, useEffect, useMemo, useState } from "../../app/dom.js";
import { gatewayMs } from "../../app/format.js";
import { route, setParams } from "../../app/router.js";
import { t } from "../../app/words.js";
import { Failed, Loading, Segments } from "../../parts/basics.js";
import { momentOf, zoomed } from "../../parts/chart-data.js";
import { glyphOf, kindOf, Notes } from "../../parts/chart.js";
import { Icon } from "../../parts/icons.js";
import { comparable, DAY_S, RANGES, spanOf, zoomTo } from "./history.js";
import { askCatalogue, catalogueError, useCatalogue } from "./metrics.js";
import { MetricChart } from "./metric_chart.js";

const KINDS = ["restart", "move", "update", "anomaly", "alert", "left", "joined"];

const zoom = (from, until) => setParams(zoomTo(from, until));

export function ChartsTab({ id, node, detail, status }) {
  const { params } = route.value;
  const catalogue = useCatalogue();
  const span = useSpan(params);
  const [notes, setNotes] = useState([]);
  const updates = comparable(detail.value?.attempts ?? []);
  const update = updates.find((one) => one.update === params.get("update")) ?? null;
  useZoomToUpdate(update, params);
  const hidden = useMemo(() => new Set((params.get("hide") ?? "").split(",")), [params.get("hide")]);
  const shown = useMemo(() => notes.filter((note) => !hidden.has(note.kind)), [notes, hidden]);
  const names = useNames(catalogue, status.value);
  const restarted = status.value?.restarts.join() ?? "";
  const restarts = useMemo(() => restarted.split(",").filter(Boolean), [restarted]);
  if (!catalogue.size && catalogueError.value) {
    return html`<${Failed} error=${catalogueError.value} retry=${askCatalogue} />`;
  }
  if (!catalogue.size || !status.value) {
    return status.error ? html`<${Failed} error=${status.error} retry=${status.reload} />` : html`<${Loading} />`;
  }
  const common = {
    id, span, zoom, notes: shown, restarts, peers: params.get("peers") === "yes", hardware: node.hardware, update,
  };
  const chart = (name) => html`<${MetricChart} key=${name} name=${name} metric=${catalogue.get(name)} ...${common}
    onNotes=${name === names.now[0] ? setNotes : undefined} isWanted=${params.get("metric") === name} />`;
  return html`<div class="node-charts-tab">
    <div class="card chart-bar">
      <${RangeBar} span=${span} />
      <div class="row">
        <label class="check"><input type="checkbox" checked=${common.peers}
          onChange=${(event) => setParams({ peers: event.target.checked ? "yes" : null })} />
          ${node.hardware ? t("nodes.comparePeers", { hardware: node.hardware }) : t("nodes.compareAll")}</label>
        ${updates.length > 0 && html`<${UpdateChoice} updates=${updates} update=${update} />`}
      </div>
      <${KindToggles} notes=${notes} hidden=${hidden} />
      ${shown.length > 0 ? html`<${Notes} notes=${shown} />` : html`<p class="muted small">${t("nodes.noMarks")}</p>`}
    </div>
    <h2 class="unseen">${t("nodes.tabs.charts")}</h2>
    <div class="node-charts">${names.now.map(chart)}</div>
    ${names.others.length > 0 && html`<${Others} names=${names.others} chart=${chart}
      open=${names.others.includes(params.get("metric"))} />`}
  </div>`;
}

/** Metrics that have a value now, and those that may have had one. */
function useNames(catalogue, status) {
  const known = Object.keys(status?.metrics ?? {}).sort().join();
  return useMemo(() => {
    const has = new Set(known.split(","));
    const all = [...catalogue.keys()];
    return { now: all.filter((name) => has.has(name)), others: all.filter((name) => !has.has(name)) };
  }, [catalogue, known]);
}

/** The span of the address, moving on while it ends now and the page is in sight. */
function useSpan(params) {
  const [now, setNow] = useState(() => gatewayMs() / 1000);
  const asked = ["range", "from", "until"].map((name) => params.get(name)).join();
  const span = useMemo(() => spanOf(params, now), [asked, now]);
  useEffect(() => {
    setNow(gatewayMs() / 1000);
    if (!span.everyS) return undefined;
    const timer = setInterval(() => document.hidden || setNow(gatewayMs() / 1000), span.everyS * 1000);
    return () => clearInterval(timer);
  }, [asked, span.everyS]);
  return span;
}

/** A day before and after an update, when one is chosen and no other time is. */
function useZoomToUpdate(update, params) {
  useEffect(() => {
    if (!update || params.get("from")) return;
    const end = Date.parse(update.ended_at) / 1000;
    setParams(zoomTo(end - DAY_S, Math.min(end + DAY_S, gatewayMs() / 1000)));
  }, [update?.update]);
}

function RangeBar({ span }) {
  const latest = gatewayMs() / 1000;
  return html`<div class="row node-range-bar">
    <${Segments} label=${t("nodes.range")} value=${span.key}
      options=${RANGES.map(({ key }) => [key, t(`nodes.ranges.${key}`)])}
      onChange=${(key) => setParams({ range: key, from: null, until: null })} />
    <span class="row node-zoom">
      <button type="button" class="icon small" title=${t("chart.closer")} aria-label=${t("chart.closer")}
        onClick=${() => zoom(...zoomed(span.from, span.until, 0.5, latest))}><${Icon} name="plus" /></button>
      <button type="button" class="icon small" title=${t("chart.wider")} aria-label=${t("chart.wider")}
        onClick=${() => zoom(...zoomed(span.from, span.until, 2, latest))}><${Icon} name="minus" /></button>
    </span>
    ${span.key === null
      ? html`<span>${t("nodes.zoomedTo", { from: momentOf(span.from), until: momentOf(span.until) })}</span>
          <button type="button" class="small" onClick=${() => zoom(null, null)}>
            <${Icon} name="back" /> ${t("chart.reset")}</button>`
      : html`<span class="muted small">${t("nodes.zoomHint")}</span>`}
  </div>`;
}

function KindToggles({ notes, hidden }) {
  // All of them, always: a row that comes and goes would move the charts below.
  const counts = KINDS.map((kind) => [kind, notes.filter((note) => note.kind === kind).length]);
  const turn = (kind) => {
    const next = new Set([...hidden].filter(Boolean));
    if (!next.delete(kind)) next.add(kind);
    setParams({ hide: [...next].join(",") });
  };
  return html`<div class="row node-kinds" role="group" aria-label=${t("nodes.marks")}>${counts.map(
    ([kind, n]) => html`<label class="check" key=${kind}>
      <input type="checkbox" checked=${!hidden.has(kind)} onChange=${() => turn(kind)} />
      <span class="chart-mark ${kind}" aria-hidden="true">${glyphOf(kind)}</span> ${kindOf(kind)} <span
        class="muted">${n}</span></label>`,
  )}</div>`;
}

function UpdateChoice({ updates, update }) {
  const choose = (key) => setParams(key ? { update: key, from: null, until: null }
    : { update: null, from: null, until: null });
  return html`<label class="row node-update-choice"><span>${t("nodes.beforeAfter")}</span>
    <select value=${update?.update ?? ""} onChange=${(event) => choose(event.target.value)}>
      <option value="">${t("common.none")}</option>
      ${updates.map((one) => html`<option key=${one.update}
        value=${one.update}>${t("nodes.updateAt",
          { what: t(`nodes.runs.${one.kind}`), at: momentOf(Date.parse(one.ended_at) / 1000) })}</option>`)}
    </select></label>`;
}

function Others({ names, chart, open: first }) {
  const [open, setOpen] = useState(first);
  return html`<details class="node-other-charts" open=${open} onToggle=${(event) => setOpen(event.target.open)}>
    <summary>${t("nodes.otherMetrics", { n: names.length })}</summary>
    ${open && html`<p class="muted small">${t("nodes.otherMetricsWhy")}</p>
      <div class="node-charts">${names.map(chart)}</div>`}
  </details>`;
}
