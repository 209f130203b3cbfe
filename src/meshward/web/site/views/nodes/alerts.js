// The alerts of a node: those that are open, and the last that are over.
import { useAsk } from "../../app/ask.js";
import { html, useComputed, useEffect, useRef } from "../../app/dom.js";
import { duration } from "../../app/format.js";
import { begunAt, levelOfAlert } from "../../app/levels.js";
import { to } from "../../app/router.js";
import { alerts } from "../../app/state.js";
import { has, t } from "../../app/words.js";
import { Ago, Empty, Failed, Lasting, Level, Loading } from "../../parts/basics.js";

const OVER_SHOWN = 20;
const NONE = [];

/** Alerts of a node that are pending or firing, the firing ones first. */
export function useOpenAlerts(id) {
  return useComputed(() => {
    const mine = [...alerts.value.values()].filter((alert) => alert.node === id);
    return mine.length ? mine.sort((a, b) => (a.state === "pending") - (b.state === "pending")) : NONE;
  }).value;
}

export function AlertsTab({ id }) {
  const open = useOpenAlerts(id);
  const over = useAsk("/alerts", { node: id, state: "resolved", limit: OVER_SHOWN });
  const count = useRef(open.length);
  useEffect(() => {
    if (count.current !== open.length) over.reload();
    count.current = open.length;
  }, [open.length]);
  return html`<div class="stack">
    <section class="card"><div class="card-head"><h2>${t("nodes.openAlerts")}</h2>
      <a href=${to("alerts")}>${t("nodes.allAlerts")}</a></div>
      ${open.length ? html`<ul class="plain node-alerts">${open.map((alert) =>
        html`<${Alert} key=${alert.id} alert=${alert} />`)}</ul>`
        : html`<p class="muted">${t("nodes.noOpenAlerts")}</p>`}
    </section>
    <section class="card"><h2>${t("nodes.pastAlerts", { n: OVER_SHOWN })}</h2>
      ${over.error && !over.value ? html`<${Failed} error=${over.error} retry=${over.reload} />`
        : !over.value ? html`<${Loading} />`
        : over.value.items.length ? html`<ul
          class="plain node-alerts">${over.value.items.map((alert) =>
            html`<${Alert} key=${alert.id} alert=${alert} />`)}</ul>`
        : html`<${Empty} icon="alerts">${t("nodes.noPastAlerts")}</${Empty}>`}
    </section>
  </div>`;
}

function Alert({ alert }) {
  const state = has(`nodes.alertStates.${alert.state}`) ? t(`nodes.alertStates.${alert.state}`) : alert.state;
  const tookS = alert.resolved_at
    ? (Date.parse(alert.resolved_at) - Date.parse(begunAt(alert))) / 1000 : null;
  return html`<li><${Level} level=${levelOfAlert(alert)} text=${state} />
    <div><p><bdi>${alert.text}</bdi></p>
      ${alert.state !== "resolved" && alert.advice && html`<p>${alert.advice}</p>`}
      <p class="muted small">${tookS === null ? html`<${Lasting} since=${begunAt(alert)} />`
        : html`<${Ago} at=${begunAt(alert)} />, ${t("nodes.alertTook", { time: duration(tookS) })}`}${
        alert.quiet && `, ${t(`alerts.quiet.${alert.quiet}`)}`}${
        alert.acked_by && html`, ${t("nodes.ackedBy")} <bdi>${alert.acked_by}</bdi>`}</p></div></li>`;
}
