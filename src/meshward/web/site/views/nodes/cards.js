// Nodes on a small screen: a card each, with what matters.
import { classes, html, memo, useState } from "../../app/dom.js";
import { bytes, duration, gatewayMs, measure } from "../../app/format.js";
import { t } from "../../app/words.js";
import { Badge, Level, NodeLink } from "../../parts/basics.js";
import { delayOf, heapOf, metricOf, silenceOf } from "./rows.js";

const STEP = 60;

export function Cards({ rows, selected, onSelect }) {
  const [most, setMost] = useState(STEP);
  const turn = (id) => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    onSelect(next);
  };
  return html`<h2 class="unseen">${t("nodes.caption")}</h2>
  <ul class="plain node-cards">${rows.slice(0, most).map(
    (row) => html`<${Card} key=${row.id} row=${row} isSelected=${selected.has(row.id)}
      onTurn=${onSelect ? turn : undefined} />`,
  )}</ul>
  ${rows.length > most && html`<button type="button"
    onClick=${() => setMost(most + STEP)}>${t("nodes.more", { n: rows.length - most })}</button>`}`;
}

const Card = memo(({ row, isSelected, onTurn }) => {
  const { node } = row;
  const facts = node.online
    ? [
        node.depth !== null && t("nodes.hops", { n: node.depth }),
        heapOf(row) !== null && bytes(heapOf(row)),
        metricOf(row, "rssi_dbm") !== null && measure(metricOf(row, "rssi_dbm"), "dBm"),
        delayOf(row) !== null && measure(delayOf(row), "ms"),
        node.version,
      ]
    : [t("nodes.awayFor", { time: duration(silenceOf(row, gatewayMs())) }), node.version];
  return html`<li class=${classes("node-card", isSelected && "selected")}>
    ${onTurn && html`<label class="row-pick">
      <input type="checkbox" checked=${isSelected} onChange=${() => onTurn(row.id)} />
      <span class="unseen">${t("table.select", { name: node.name || String(row.id) })}</span></label>`}
    <div class="node-card-body">
      <div class="row spread"><${NodeLink} node=${node} /><${Level} level=${row.level} /></div>
      <p class="muted small">${facts.filter(Boolean).map((fact) =>
        html`<span class="cut" title=${fact}><bdi>${fact}</bdi></span>`)}</p>
      ${(node.alerts > 0 || node.tags.length > 0) && html`<p class="row">
        ${node.alerts > 0 && html`<${Badge} level="warn"
          icon="alerts">${t("nodes.alertCount", { n: node.alerts })}</${Badge}>`}
        ${node.tags.map((tag) => html`<${Badge} key=${tag}>${tag}</${Badge}>`)}</p>`}
    </div>
  </li>`;
});
