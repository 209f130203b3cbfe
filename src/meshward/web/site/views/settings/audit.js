// The audit log: who changed what, and whether it is whole.
import { get } from "../../app/api.js";
import { html, useEffect, useState } from "../../app/dom.js";
import { moment, wholeMoment } from "../../app/format.js";
import { route, setParams } from "../../app/router.js";
import { t } from "../../app/words.js";
import { Empty, Failed, Level, Loading } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { attempt } from "../../parts/toast.js";
import { CopyField } from "./copy.js";
import { auditFits, detailText } from "./model.js";

const PAGE = 100;

export function Audit() {
  const { params } = route.value;
  const filter = { actor: params.get("actor") ?? "", action: params.get("action") ?? "", text: params.get("q") ?? "" };
  const [state, setState] = useState({ items: null, total: 0, next: null, error: null, busy: false });
  const load = async (before) => {
    setState({ ...before, error: null, busy: true });
    try {
      const page = await get("/audit", { limit: PAGE, cursor: before.next });
      const items = [...(before.items ?? []), ...page.items];
      setState({ items, total: page.total, next: page.next, error: null, busy: false });
    } catch (error) {
      setState({ ...before, error, busy: false });
    }
  };
  useEffect(() => {
    load(state);
  }, []);
  const { items, error, busy } = state;
  const shown = items?.filter((entry) => auditFits(entry, filter)) ?? [];
  return html`<div class="stack">
    <${Verify} />
    ${items && html`<${Filters} filter=${filter} items=${items} />`}
    ${error && html`<${Failed} error=${error} retry=${() => load(state)} />`}
    ${!items && !error && html`<${Loading} />`}
    ${items && !shown.length && html`<${Empty} icon="search">
      ${t(items.length ? "settings.audit.noneFits" : "settings.audit.none")}</${Empty}>`}
    ${shown.length > 0 && html`<${Table} entries=${shown} />`}
    ${items?.length > 0 &&
    html`<div class="row spread"><span class="muted small" role="status">
      ${t("settings.audit.shown", { n: shown.length, loaded: items.length, total: state.total })}</span>
      ${state.next && html`<button type="button" disabled=${busy} onClick=${() => load(state)}>
        ${t("settings.audit.older")}</button>`}</div>`}
  </div>`;
}

function Filters({ filter, items }) {
  const select = (name) => {
    const values = [...new Set([...items.map((entry) => entry[name]), ...(filter[name] ? [filter[name]] : [])])].sort();
    return html`<label class="filter"><span>${t(`settings.audit.${name}`)}</span>
      <select value=${filter[name]} onChange=${(event) => setParams({ [name]: event.target.value || null })}>
        <option value="">${t("common.all")}</option>${values.map((value) => html`<option key=${value} value=${value}>
          ${value}</option>`)}
      </select></label>`;
  };
  return html`<div class="filters" role="group" aria-label=${t("settings.audit.filters")}>
    ${select("actor")}${select("action")}
    <label class="filter"><span>${t("settings.audit.text")}</span>
      <input type="search" maxlength="100" value=${filter.text}
      onInput=${(event) => setParams({ q: event.target.value || null })} /></label>
  </div>`;
}

const Table = ({ entries }) => html`<div class="table-box" tabindex="0"><table class="audit">
  <caption class="unseen">${t("settings.tabs.audit")}</caption>
  <thead><tr><th scope="col" class="number">${t("settings.audit.number")}</th><th scope="col">${t("settings.audit.at")}
    </th><th scope="col">${t("settings.audit.actor")}</th>
    <th scope="col">${t("settings.audit.action")}</th><th scope="col">${t("settings.audit.subject")}</th>
      <th scope="col">${t("settings.audit.detail")}</th></tr></thead>
  <tbody>${entries.map(
    ({ id, at, actor, action, subject, detail, hash }) => html`<tr key=${id}
      title=${t("settings.audit.hash", { hash })}>
      <td class="number">${id}</td>
      <td class="when"><time datetime=${at} title=${wholeMoment(at)}>${moment(at)}</time></td>
      <td><bdi>${actor}</bdi></td><td><code>${action}</code></td><td class="subject"><bdi>${subject}</bdi></td>
      <td class="detail"><bdi>${detailText(detail)}</bdi></td></tr>`,
  )}</tbody>
</table></div>`;

function Verify() {
  const [check, setCheck] = useState(null);
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    setCheck((await attempt(() => get("/audit/verify"))) ?? null);
    setBusy(false);
  };
  return html`<section class="card stack" aria-labelledby="verify-title">
    <div class="row spread"><h2 id="verify-title">${t("settings.audit.verifyTitle")}</h2>
      <button type="button" disabled=${busy} onClick=${run}><${Icon}
        name="check" /> ${t(busy ? "settings.audit.verifying" : "settings.audit.verify")}</button></div>
    <p class="muted small">${t("settings.audit.about")}</p>
    <div role="status" class="stack">${check &&
    html`<p><${Level} level=${check.ok ? "well" : "bad"}
      text=${t(check.ok ? "settings.audit.whole" : "settings.audit.broken")} /> ${
        check.ok ? t("settings.audit.entries", { n: check.entries }) : check.problem
      }</p>
      ${check.ok && check.head && html`<${CopyField} label=${t("settings.audit.head")}
        hint=${t("settings.audit.headHint")} value=${check.head} />`}`}</div>
  </section>`;
}
