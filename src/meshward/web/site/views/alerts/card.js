// One alert in the list, with what follows from it and what can be done.
import { may } from "../../app/api.js";
import { classes, html, memo, useState } from "../../app/dom.js";
import { begunAt, SILENCES_H } from "../../app/levels.js";
import { to } from "../../app/router.js";
import { t } from "../../app/words.js";
import { Ago, Badge, Lasting, LiveNode } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { Menu } from "../../parts/menu.js";
import { acknowledge, endSilence, HOUR_S, maintain, newSilence, silenceAlert, takeBack } from "./actions.js";
import { LEVELS, unitOf } from "./model.js";
import { ruleTitle, shown } from "./rule_words.js";

const QUIET_ICONS = {
  acknowledged: "check",
  silenced: "mute",
  maintenance: "tool",
  explained: "link",
  flapping: "pulse",
};

/** `item` is {alert, under} of `arrange`; `book` knows rules; `onPick(id)` where alerts can be chosen. */
export const AlertCard = memo(function AlertCard({ alert, under, book, picked, onPick, onChange }) {
  return html`<li class=${classes("alert-card", LEVELS[alert.severity], alert.quiet && "is-quiet")}>
    ${onPick &&
    html`<label class="alert-pick"><input type="checkbox" checked=${picked} onChange=${() => onPick(alert.id)} />
      <span class="unseen">${t("alerts.choose", { text: alert.text })}</span></label>`}
    <div class="alert-body">
      <${Words} alert=${alert} book=${book} />
      ${alert.advice && html`<p class="advice">${alert.advice}</p>`}
      <${Acked} alert=${alert} />
      ${alert.behind.length > 0 && html`<${Behind} ids=${alert.behind} />`}
      ${under?.length > 0 && html`<${Under} alerts=${under} book=${book} />`}
    </div>
    ${may("operator") && html`<${Actions} alert=${alert} book=${book} onChange=${onChange} />`}
  </li>`;
});

const Words = ({ alert, book }) => html`
  <p class="alert-text"><span class="level ${alert.quiet ? "off" : LEVELS[alert.severity]}"><${Icon}
    name=${alert.severity === "info" ? "info" : LEVELS[alert.severity]}
    label=${t(`alerts.severities.${alert.severity}`)} /></span>
    <strong><bdi>${alert.text}</bdi></strong></p>
  <p class="alert-facts">
    ${alert.quiet && html`<${Badge} icon=${QUIET_ICONS[alert.quiet]} title=${t(`alerts.quietWhy.${alert.quiet}`)}>
      ${t(`alerts.quiet.${alert.quiet}`)}</${Badge}>`}
    ${alert.node !== null && html`<${LiveNode} id=${alert.node} />`}
    <span>${ruleTitle(alert.rule)}</span>
    <${Value} alert=${alert} rule=${book.byName.get(alert.rule)} />
    <${Lasting} since=${begunAt(alert)} />
  </p>`;

function Value({ alert, rule }) {
  if (alert.value === null) return null;
  const unit = unitOf(alert, rule);
  const value = shown(alert.value, unit);
  const text = alert.threshold === null ? value : t("alerts.valueOf", { value, limit: shown(alert.threshold, unit) });
  return html`<span class="value">${text}</span>`;
}

const Acked = ({ alert }) =>
  alert.acked_by &&
  html`<p class="acked"><${Icon} name="check" />
    <span>${t("alerts.ack.by", { name: alert.acked_by })}, <${Ago} at=${alert.acked_at} />${
      alert.ack_note && html`: <q>${alert.ack_note}</q>`
    }</span></p>`;

function Behind({ ids }) {
  const [open, setOpen] = useState(false);
  return html`<div>
    <button type="button" class="small quiet fold" aria-expanded=${open ? "true" : "false"}
      onClick=${() => setOpen(!open)}>
      <${Icon} name=${open ? "up" : "down"} /> ${t("alerts.behind", { n: ids.length })}</button>
    ${open && html`<ul class="plain alert-behind">${ids.map((id) => html`<li key=${id}><${LiveNode} id=${id} /></li>`)}</ul>`}
  </div>`;
}

function Under({ alerts, book }) {
  const [open, setOpen] = useState(false);
  return html`<div>
    <button type="button" class="small quiet fold" aria-expanded=${open ? "true" : "false"}
      onClick=${() => setOpen(!open)}>
      <${Icon} name=${open ? "up" : "down"} /> ${t("alerts.explains", { n: alerts.length })}</button>
    ${open && html`<ul class="plain under">${alerts.map((alert) => html`<li key=${alert.id}>
      <${Words} alert=${alert} book=${book} /></li>`)}</ul>`}
  </div>`;
}

function Actions({ alert, book, onChange }) {
  const [busy, setBusy] = useState(false);
  const doing = (run) => async () => {
    setBusy(true);
    try {
      if (await run()) onChange();
    } finally {
      setBusy(false);
    }
  };
  const hasNode = alert.node !== null;
  const preset = { rules: [alert.rule], nodes: hasNode ? [alert.node] : [], length: "until" };
  const more = (changes) => doing(() => newSilence(book, { ...preset, ...changes }));
  const forHours = (n) => ({
    text: t(hasNode ? "alerts.silence.forBoth" : "alerts.silence.forRule", { time: t("units.h", { n }) }),
    icon: "clock",
    run: doing(() => silenceAlert(alert, n * HOUR_S, t("units.h", { n }))),
  });
  const wider = (text, icon, changes) => ({
    text: t(`alerts.silence.${text}`),
    icon,
    when: hasNode,
    run: more({ ...changes, length: HOUR_S }),
  });
  const rule = may("admin") ? to("alerts", "rules", "edit", alert.rule) : to("alerts", "rules");
  const like = to("alerts", "history", { rule: alert.rule, node: alert.node });
  return html`<div class="alert-actions">
    ${alert.acked_by
      ? html`<button type="button" class="small" disabled=${busy} onClick=${doing(() => takeBack(alert))}>
        <${Icon} name="back" /> ${t("alerts.ack.back")}</button>`
      : html`<button type="button" class="small" disabled=${busy} onClick=${doing(() => acknowledge([alert]))}>
        <${Icon} name="check" /> ${t("alerts.ack.do")}</button>`}
    ${alert.silence
      ? html`<button type="button" class="small" disabled=${busy}
        onClick=${doing(() => endSilence(alert.silence, alert.quiet === "maintenance" ? "maintenance" : "silence"))}>
        <${Icon} name="alerts" /> ${t("alerts.silence.endShort")}</button>`
      : html`<${Menu} small start label=${t("alerts.silence.menu", { rule: ruleTitle(alert.rule) })} icon="mute"
        text=${t("alerts.silence.short")} items=${[
          ...SILENCES_H.map(forHours),
          { text: t("alerts.silence.untilTime"), icon: "clock", run: more({}) },
          wider("wholeRule", "alerts", { nodes: [] }),
          wider("wholeNode", "nodes", { rules: [] }),
        ]} />`}
    ${hasNode && !alert.silence &&
    html`<button type="button" class="small" disabled=${busy} title=${t("alerts.maintenance.nodeHint")}
      onClick=${doing(() => maintain(alert.node))}>
      <${Icon} name="tool" /> ${t("alerts.maintenance.node")}</button>`}
    <${Menu} small label=${t("alerts.more")} items=${[
      { text: t("alerts.seeNode"), icon: "nodes", when: hasNode, href: to("nodes", alert.node ?? "") },
      { text: t("alerts.seeHistory"), icon: "clock", href: like },
      { text: t("alerts.seeRule"), icon: "settings", href: rule },
    ]} />
  </div>`;
}
