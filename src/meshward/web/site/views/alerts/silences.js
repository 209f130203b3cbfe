// What keeps alerts quiet: silences and maintenance windows.
import { may } from "../../app/api.js";
import { html, useState } from "../../app/dom.js";
import { ageS, duration, moment, wholeMoment } from "../../app/format.js";
import { setParams } from "../../app/router.js";
import { t } from "../../app/words.js";
import { Badge, Empty, Failed, Loading } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { endSilence, newSilence } from "./actions.js";
import { ruleTitle, whomOf } from "./rule_words.js";

const STATES = ["active", "waiting", "over"];
const LEVELS = { active: "warn", waiting: "unknown", over: "off" };
const ICONS = { active: "mute", waiting: "clock", over: "check" };

export function Silences({ book, silences, over, onChange }) {
  const make = async () => (await newSilence(book)) && onChange();
  const { value, error, loading, reload } = silences;
  return html`<div class="stack">
    <div class="row spread">
      <label class="check"><input type="checkbox" checked=${over}
        onChange=${() => setParams({ over: over ? null : "1" })} /> ${t("alerts.silence.showOver")}</label>
      ${may("operator") && html`<button type="button" class="primary" onClick=${make}>
        <${Icon} name="plus" /> ${t("alerts.silence.new")}</button>`}
    </div>
    <p class="muted small">${t("alerts.silence.about")}</p>
    ${error && html`<${Failed} error=${error} retry=${reload} />`}
    ${loading && html`<${Loading} />`}
    ${value?.length === 0 && html`<${Empty} icon="alerts">${t("alerts.silence.none")}</${Empty}>`}
    ${value &&
    STATES.map((state) => {
      const some = value.filter((silence) => silence.state === state);
      return some.length > 0 && html`<section key=${state} aria-labelledby="silences-${state}">
        <h2 id="silences-${state}" class="group-head">${t(`alerts.silence.states.${state}`)} <span class="badge">
          ${some.length}</span></h2>
        <ul class="plain alert-list">${some.map((silence) => html`<${Silence} key=${silence.id} silence=${silence}
          onChange=${onChange} />`)}</ul>
      </section>`;
    })}
  </div>`;
}

/** What it fits, in words. */
function fitsText({ rules, nodes, tags }) {
  const which = rules.length ? rules.map(ruleTitle).join(", ") : t("alerts.silence.allRules");
  const whom = whomOf({ nodes, tags }) || t("alerts.silence.allNodes");
  return t("alerts.silence.fits", { rules: which, whom });
}

function Silence({ silence, onChange }) {
  const [busy, setBusy] = useState(false);
  const { id, kind, state, reason } = silence;
  const end = async () => {
    setBusy(true);
    if (await endSilence(id, kind)) onChange();
    setBusy(false);
  };
  return html`<li class="silence">
    <div class="alert-body">
      <p class="alert-text"><strong>${fitsText(silence)}</strong></p>
      <p class="alert-facts">
        <${Badge} level=${LEVELS[state]} icon=${kind === "maintenance" ? "tool" : ICONS[state]}>
          ${t(`alerts.silence.kinds.${kind}`)}</${Badge}>
        <span title=${`${wholeMoment(silence.starts_at)} – ${wholeMoment(silence.ends_at)}`}>
          ${t("alerts.silence.span", { from: moment(silence.starts_at), until: moment(silence.ends_at) })}</span>
        <${Left} silence=${silence} />
        <span>${t("alerts.silence.by", { name: silence.created_by })}</span>
        ${silence.ended_by && html`<span>${t("alerts.silence.endedBy", { name: silence.ended_by })}</span>`}
      </p>
      ${reason && html`<p class="advice">${reason}</p>`}
    </div>
    ${may("operator") && state !== "over" &&
    html`<div class="alert-actions"><button type="button" class="small" disabled=${busy} onClick=${end}>
      ${t(state === "active" ? "alerts.silence.endNow" : "alerts.silence.callOff")}</button></div>`}
  </li>`;
}

function Left({ silence }) {
  const at = { active: silence.ends_at, waiting: silence.starts_at }[silence.state];
  return at && html`<span>${t(`alerts.silence.left.${silence.state}`, { time: duration(-ageS(at)) })}</span>`;
}
