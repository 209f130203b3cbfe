// All rules: what they watch, when they fire, whether they are on.
import { may, patch } from "../../app/api.js";
import { html, useState } from "../../app/dom.js";
import { to } from "../../app/router.js";
import { alerts } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Badge, Failed, Loading } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { attempt } from "../../parts/toast.js";
import { Switch } from "./controls.js";
import { LEVELS } from "./model.js";
import { aboutRule, limitOf, ruleTitle, timesOf, whomOf } from "./rule_words.js";

export function Rules({ book }) {
  if (book.error && !book.rules.length) return html`<${Failed} error=${book.error} retry=${book.reload} />`;
  if (!book.rules.length) return html`<${Loading} />`;
  const parts = [
    ["own", book.rules.filter(({ custom }) => custom)],
    ["ours", book.rules.filter(({ custom }) => !custom)],
  ];
  return html`<div class="stack">
    <div class="row spread">
      <p class="muted small">${t("alerts.rules.about")}</p>
      ${may("admin") && html`<a class="button primary" href=${to("alerts", "rules", "new")}>
        <${Icon} name="plus" /> ${t("alerts.rules.new")}</a>`}
    </div>
    ${parts.map(
      ([key, rules]) => rules.length > 0 && html`<section key=${key} aria-labelledby="rules-${key}">
        <h2 id="rules-${key}" class="group-head">${t(`alerts.rules.${key}`)} <span class="badge">${rules.length}</span>
          </h2>
        <ul class="plain alert-list">${rules.map((rule) => html`<${Rule} key=${rule.name} rule=${rule}
          book=${book} />`)}</ul>
      </section>`,
    )}
  </div>`;
}

function Rule({ rule, book }) {
  const [busy, setBusy] = useState(false);
  const title = ruleTitle(rule.name);
  const turn = async (enabled) => {
    setBusy(true);
    const done = await attempt(
      () => patch(`/alert-rules/${encodeURIComponent(rule.name)}`, { enabled }),
      t(enabled ? "alerts.rules.turnedOn" : "alerts.rules.turnedOff", { rule: title }),
    );
    if (done) book.put(done);
    setBusy(false);
  };
  const limit = limitOf(rule);
  return html`<li class="rule ${rule.enabled ? "" : "is-off"}">
    ${may("admin")
      ? html`<${Switch} on=${rule.enabled} label=${t("alerts.rules.switch", { rule: title })} disabled=${busy}
        onChange=${turn} />`
      : html`<${Badge} level=${rule.enabled ? "well" : "off"}>${t(rule.enabled ? "alerts.on" : "alerts.off")}
        </${Badge}>`}
    <div class="alert-body">
      <h3>${title} ${title !== rule.name && html`<code class="muted">${rule.name}</code>`}</h3>
      <p>${aboutRule(rule, book.metrics)}</p>
      <p class="alert-facts">
        <${Badge} level=${LEVELS[rule.severity]}>${t(`alerts.severities.${rule.severity}`)}</${Badge}>
        ${limit && html`<span>${limit}</span>`}
        <span>${timesOf(rule)}</span>
        ${(rule.nodes.length > 0 || rule.tags.length > 0) && html`<span>${t("alerts.whom.only", { whom: whomOf(rule) })}
          </span>`}
        ${rule.origin !== "default" && html`<span class="origin">${t(`alerts.rules.origin.${rule.origin}`)}</span>`}
        <${OpenCount} name=${rule.name} />
      </p>
    </div>
    ${may("admin") &&
    html`<div class="alert-actions"><a class="button small" aria-label=${t("alerts.rules.editOf", { rule: title })}
      href=${to("alerts", "rules", "edit", rule.name)}><${Icon} name="edit" /> ${t("alerts.rules.edit")}</a></div>`}
  </li>`;
}

function OpenCount({ name }) {
  let n = 0;
  for (const alert of alerts.value.values()) if (alert.rule === name) n += 1;
  return n > 0 && html`<a href=${to("alerts", { rule: name })}>${t("alerts.rules.open", { n })}</a>`;
}
