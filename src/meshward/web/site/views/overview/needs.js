// What needs somebody: alerts that fire, and boards in trouble that no alert is about.
import { may, post } from "../../app/api.js";
import { useAsk } from "../../app/ask.js";
import { html, memo, useState } from "../../app/dom.js";
import { duration } from "../../app/format.js";
import { begunAt, levelOf, levelOfAlert, SILENCES_H } from "../../app/levels.js";
import { to } from "../../app/router.js";
import { firing } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Badge, Lasting, Level, LiveNode, useNode } from "../../parts/basics.js";
import { Menu } from "../../parts/menu.js";
import { attempt } from "../../parts/toast.js";
import { Card } from "./card.js";
import { all, steady } from "./live.js";
import { inTrouble } from "./logic.js";

const LOUD_MAX = 6; // what is beyond is in the view of alerts
const TROUBLE_MAX = 5;

const troubled = steady(() => inTrouble(all.value, firing.value, Infinity));

export function Needs() {
  const loud = firing.value.filter((alert) => !alert.quiet);
  const quiet = firing.value.filter((alert) => alert.quiet);
  const trouble = troubled.value;
  const more = loud.length - LOUD_MAX;
  return html`<${Card} id="ov-needs" title=${t("overview.needs")} more=${[to("alerts"), t("overview.allAlerts")]}>
    ${loud.length > 0 && html`<${Alerts} alerts=${loud.slice(0, LOUD_MAX)} />`}
    ${more > 0 && html`<p><a href=${to("alerts")}>${t("overview.moreAlerts", { n: more })}</a></p>`}
    ${trouble.length > 0 && html`<h3>${t("overview.trouble")}</h3>
      <ul class="plain ov-trouble">${trouble.slice(0, TROUBLE_MAX).map(
        (id) => html`<${Trouble} key=${id} id=${id} />`,
      )}</ul>`}
    ${trouble.length > TROUBLE_MAX && html`<p><a href=${to("nodes")}>
      ${t("overview.moreTrouble", { n: trouble.length - TROUBLE_MAX })}</a></p>`}
    ${!loud.length && !trouble.length && html`<p><${Level} level="well" text=${t("overview.calm")} /></p>`}
    ${quiet.length > 0 && html`<details class="ov-quiet">
      <summary>${t("overview.quiet", { n: quiet.length })}</summary>
      <${Alerts} alerts=${quiet} />
    </details>`}
  </${Card}>`;
}

const Alerts = ({ alerts }) =>
  html`<ul class="plain ov-alerts">${alerts.map((alert) => html`<${Alert} key=${alert.id} alert=${alert} />`)}</ul>`;

const Alert = memo(({ alert }) => {
  const level = levelOfAlert(alert);
  return html`<li class="ov-alert ${level}">
    <div class="row">
      <${Level} level=${level} text=${t(`overview.severity.${alert.severity}`)} />
      ${alert.quiet && html`<${Badge} icon="mute">${t(`overview.why.${alert.quiet}`)}</${Badge}>`}
      <span class="muted small"><${Lasting} since=${begunAt(alert)} /></span>
    </div>
    <p class="what">${alert.text}</p>
    ${alert.advice && html`<p class="muted small">${alert.advice}</p>`}
    <div class="row">
      ${alert.node !== null && html`<${LiveNode} id=${alert.node} />`}
      ${may("operator") && !alert.quiet && html`<span class="ov-acts"><${Actions} alert=${alert} /></span>`}
    </div>
  </li>`;
});

function Actions({ alert }) {
  const [busy, setBusy] = useState(false);
  const act = async (doing, done) => {
    setBusy(true);
    await attempt(doing, done);
    setBusy(false);
  };
  const acknowledge = () => act(() => post(`/alerts/${encodeURIComponent(alert.id)}/ack`), t("overview.acknowledged"));
  const nodes = alert.node === null ? [] : [alert.node];
  const silence = (duration_s) =>
    act(
      () => post("/silences", { rules: [alert.rule], nodes, duration_s }),
      t("overview.silenced", { time: duration(duration_s) }),
    );
  const silences = SILENCES_H.map((hours) => ({
    text: t("overview.silenceFor", { time: duration(hours * 3600) }),
    icon: "clock",
    run: () => busy || silence(hours * 3600),
  }));
  return html`
    <button class="small" disabled=${busy} onClick=${acknowledge} title=${t("overview.ackHint")}>
      ${t("overview.acknowledge")}
    </button>
    <${Menu} small icon="mute" text=${t("overview.silence")} label=${t("overview.silenceThis")} items=${silences} />`;
}

/** A board in trouble, and the first reason for its score. */
const Trouble = memo(({ id }) => {
  const node = useNode(id);
  const status = useAsk(`/nodes/${id}/status`, {}, { everyMs: 30_000 });
  const reason = status.value?.health.parts[0]?.reason;
  if (!node) return null;
  return html`<li class="row spread">
    <span class="row">
      <${LiveNode} id=${id} /> <span class="muted">${reason ?? t(`levels.${levelOf(node)}`)}</span>
    </span>
    <span class="small muted">${t("overview.score", { score: node.health ?? 0 })}</span>
  </li>`;
});
