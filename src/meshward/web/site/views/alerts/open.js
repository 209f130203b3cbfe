// Alerts that are open now, as the stream tells them.
import { may } from "../../app/api.js";
import { html, useMemo, useState } from "../../app/dom.js";
import { route, setParams } from "../../app/router.js";
import { alerts, gateway } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Empty, Loading } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { acknowledge } from "./actions.js";
import { AlertCard } from "./card.js";
import { arrange, fits, QUIET, SEVERITIES } from "./model.js";
import { ruleTitle } from "./rule_words.js";

const FILTERS = ["severity", "rule", "node", "quiet"];

export function Open({ book, onChange }) {
  const [picked, setPicked] = useState(new Set());
  const { params } = route.value;
  const filter = Object.fromEntries(FILTERS.map((name) => [name, params.get(name) ?? ""]));
  const all = [...alerts.value.values()];
  const shown = all.filter((alert) => fits(alert, filter));
  const groups = useMemo(() => arrange(shown), [alerts.value, params.toString()]);
  const pick = useMemo(() => (id) => setPicked((before) => toggled(before, id)), []);
  if (gateway.value === null) return html`<${Loading} />`;
  const clear = () => setParams(Object.fromEntries(FILTERS.map((name) => [name, null])));
  const chosen = shown.filter(({ id }) => picked.has(id));
  return html`<div class="stack">
    <${Filters} filter=${filter} all=${all} />
    ${may("operator") && shown.length > 1 && html`<${Bulk} shown=${shown} chosen=${chosen} setPicked=${setPicked} />`}
    ${!all.length && html`<${Empty} icon="well"><p>${t("alerts.calm")}</p><p class="small">${t("alerts.calmHint")}</p>
      </${Empty}>`}
    ${all.length > 0 && !shown.length &&
    html`<${Empty} icon="filter"><p>${t("alerts.noneFits")}</p><button type="button" onClick=${clear}>
      ${t("alerts.clearFilters")}</button></${Empty}>`}
    ${groups.map(
      ({ key, items }) => html`<section key=${key} aria-labelledby="alerts-${key}">
        <h2 id="alerts-${key}" class="group-head">${t(`alerts.groups.${key}`)} <span class="badge">${items.length}
          </span></h2>
        ${key === "pending" && html`<p class="muted small">${t("alerts.pendingHint")}</p>`}
        <ul class="plain alert-list">${items.map(
          ({ alert, under }) => html`<${AlertCard} key=${alert.id} alert=${alert} under=${under.length ? under : null}
            book=${book}
            picked=${picked.has(alert.id)} onPick=${may("operator") ? pick : null} onChange=${onChange} />`,
        )}</ul>
      </section>`,
    )}
  </div>`;
}

function toggled(set, id) {
  const next = new Set(set);
  if (!next.delete(id)) next.add(id);
  return next;
}

function Filters({ filter, all }) {
  // Those that there are, and the one that is chosen though nothing of it is there any more.
  const rules = [...new Set([...all.map(({ rule }) => rule), ...(filter.rule ? [filter.rule] : [])])].sort();
  const select = (name, options) => html`<label class="filter"><span>${t(`alerts.filters.${name}`)}</span>
    <select value=${filter[name]} onChange=${(event) => setParams({ [name]: event.target.value || null })}>
      <option value="">${t("common.all")}</option>
      ${options.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}
    </select></label>`;
  return html`<div class="filters" role="group" aria-label=${t("alerts.filters.title")}>
    ${select("severity", SEVERITIES.map((name) => [name, t(`alerts.severities.${name}`)]))}
    ${select("rule", rules.map((name) => [name, ruleTitle(name)]))}
    <label class="filter"><span>${t("alerts.filters.node")}</span>
      <input type="search" maxlength="100" placeholder=${t("alerts.filters.nodeHint")} value=${filter.node}
        onInput=${(event) => setParams({ node: event.target.value || null })} /></label>
    ${select("quiet", QUIET.map((name) => [name, t(`alerts.filters.quiets.${name}`)]))}
  </div>`;
}

function Bulk({ shown, chosen, setPicked }) {
  const [busy, setBusy] = useState(false);
  const open = chosen.filter(({ acked_by }) => !acked_by);
  const pickAll = () => setPicked(new Set(chosen.length === shown.length ? [] : shown.map(({ id }) => id)));
  const run = async () => {
    setBusy(true);
    if (await acknowledge(open)) setPicked(new Set());
    setBusy(false);
  };
  return html`<div class="alert-bulk row">
    <label class="check"><input type="checkbox" checked=${chosen.length === shown.length}
      indeterminate=${chosen.length > 0 && chosen.length < shown.length}
      onChange=${pickAll} /> ${t("alerts.chooseAll")}</label>
    ${chosen.length > 0 &&
    html`<span class="muted">${t("alerts.chosen", { n: chosen.length })}</span>
      <button type="button" class="small" disabled=${busy || !open.length} onClick=${run}>
        <${Icon} name="check" /> ${t("alerts.ack.some", { n: open.length })}</button>`}
  </div>`;
}
