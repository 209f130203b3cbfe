// Alerts that are over, in pages, and as a file.
import { get } from "../../app/api.js";
import { html, useEffect, useRef, useState } from "../../app/dom.js";
import { duration, moment, wholeMoment } from "../../app/format.js";
import { begunAt } from "../../app/levels.js";
import { getAll } from "../../app/pages.js";
import { route, setParams } from "../../app/router.js";
import { nodes } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Badge, Empty, Failed, Field, LiveNode, Loading } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { csvOf, saveText } from "../../parts/csv.js";
import { attempt } from "../../parts/toast.js";
import { nodeOptions } from "./controls.js";
import { lastedS, LEVELS } from "./model.js";
import { ruleTitle, shown } from "./rule_words.js";

const PAGE = 50;
const CSV_PAGES_MAX = 20; // of a thousand each: what a spreadsheet still likes

export function History({ book }) {
  const { params } = route.value;
  const query = { state: "resolved", node: params.get("node"), rule: params.get("rule") };
  const { items, total, error, next, busy, more, again } = usePages(query);
  const save = () =>
    attempt(async () => {
      const all = await getAll("/alerts", query, undefined, CSV_PAGES_MAX);
      saveText(`alerts-${new Date().toISOString().slice(0, 10)}.csv`, csvOf(rowsOf(all)));
      return all.length;
    }, (n) => t("alerts.history.saved", { n }));
  return html`<div class="stack">
    <div class="filters" role="group" aria-label=${t("alerts.filters.title")}>
      <${NodeFilter} key=${query.node} value=${query.node} />
      <label class="filter"><span>${t("alerts.filters.rule")}</span>
        <select value=${query.rule ?? ""} onChange=${(event) => setParams({ rule: event.target.value || null })}>
          <option value="">${t("common.all")}</option>
          ${book.rules.map(({ name }) => html`<option key=${name} value=${name}>${ruleTitle(name)}</option>`)}
          ${query.rule && !book.byName.has(query.rule) && html`<option value=${query.rule}>${query.rule}</option>`}
        </select></label>
      <${CsvButton} save=${save} disabled=${!items?.length} />
    </div>
    ${error && html`<${Failed} error=${error} retry=${again} />`}
    ${items === null
      ? !error && html`<${Loading} />`
      : items.length === 0
        ? html`<${Empty} icon="well">${t(query.node || query.rule ? "alerts.noneFits" : "alerts.history.none")}
          </${Empty}>`
        : html`<${Table} items=${items} book=${book} />`}
    ${items?.length > 0 &&
    html`<div class="row spread"><span class="muted small" role="status">
      ${t("alerts.history.shown", { n: items.length, total })}</span>
      ${next && html`<button type="button" disabled=${busy} onClick=${more}>${t("alerts.history.older")}</button>`}
        </div>`}
  </div>`;
}

/** Pages of a list, one after the other. */
function usePages(query) {
  const key = JSON.stringify(query);
  const [state, setState] = useState({ items: null, total: 0, next: null, error: null, busy: false });
  const [round, setRound] = useState(0);
  const stop = useRef(null);
  const load = async (before, cursor) => {
    stop.current?.abort();
    const mine = (stop.current = new AbortController());
    setState({ ...before, busy: true });
    try {
      const page = await get("/alerts", { ...query, limit: PAGE, cursor }, mine.signal);
      const items = [...(cursor ? before.items : []), ...page.items];
      setState({ items, total: page.total, next: page.next, error: null, busy: false });
    } catch (error) {
      if (error.name !== "AbortError") setState({ ...before, error, busy: false });
    }
  };
  useEffect(() => {
    load({ items: null, total: 0, next: null, error: null });
    return () => stop.current?.abort();
  }, [key, round]);
  const more = () => load(state, state.next);
  return { ...state, more, again: () => (state.items ? more() : setRound(round + 1)) };
}

function CsvButton({ save, disabled }) {
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    await save();
    setBusy(false);
  };
  return html`<button type="button" class="csv" disabled=${busy || disabled} onClick=${run}>
    <${Icon} name="download" /> ${t("alerts.history.csv")}</button>`;
}

/** A node by its name or id, out of those that there are. */
function NodeFilter({ value }) {
  const known = value ? nodes.peek().get(Number(value)) : null;
  const [text, setText] = useState(value ? (known?.name ? `${known.name} (${known.id})` : value) : "");
  const [wrong, setWrong] = useState("");
  const [options] = useState(nodeOptions);
  const choose = (typed) => {
    const wanted = typed.trim();
    const option = options.find((one) => one.text === wanted || String(one.value) === wanted) ??
      options.find((one) => wanted && one.text.toLowerCase().includes(wanted.toLowerCase()));
    if (!wanted) setParams({ node: null });
    else if (option) setParams({ node: option.value });
    else setWrong(t("alerts.chips.unknown", { text: wanted }));
  };
  return html`<${Field} label=${t("alerts.filters.node")} wrong=${wrong}>
    ${(control) => html`<input ...${control} type="search" list="history-nodes" maxlength="100"
      placeholder=${t("common.all")} value=${text} onInput=${(event) => (setText(event.target.value), setWrong(""))}
      onChange=${(event) => choose(event.target.value)} />
    <datalist id="history-nodes">${options.map((one) => html`<option key=${one.value} value=${one.text} />`)}
      </datalist>`}</${Field}>`;
}

const Table = ({ items, book }) => html`<div class="table-box" tabindex="0"><table class="history">
  <caption class="unseen">${t("alerts.tabs.history")}</caption>
  <thead><tr>
    <th scope="col">${t("alerts.history.what")}</th><th scope="col">${t("alerts.history.rule")}</th><th scope="col">
      ${t("alerts.history.node")}</th>
    <th scope="col">${t("alerts.history.began")}</th><th scope="col">${t("alerts.history.lasted")}</th><th scope="col">
      ${t("alerts.history.who")}</th>
  </tr></thead>
  <tbody>${items.map((alert) => html`<${Row} key=${alert.id} alert=${alert} rule=${book.byName.get(alert.rule)} />`)}
    </tbody>
</table></div>`;

const Row = ({ alert, rule }) => html`<tr>
  <td class="what"><${Badge} level=${LEVELS[alert.severity]}>${t(`alerts.severities.${alert.severity}`)}
    </${Badge}> <span>${alert.text}</span></td>
  <td>${ruleTitle(alert.rule)}${alert.value !== null && rule?.unit && html`<br /><span class="muted small">
    ${shown(alert.value, rule.unit)}</span>`}</td>
  <td>${alert.node === null ? "–" : html`<${LiveNode} id=${alert.node} />`}</td>
  <td class="when"><time datetime=${begunAt(alert)} title=${wholeMoment(begunAt(alert))}>
    ${moment(begunAt(alert))}</time></td>
  <td class="when" title=${t("alerts.history.overAt", { at: wholeMoment(alert.resolved_at) })}>
    ${duration(lastedS(alert))}${
    !alert.fired_at && html`<br /><span class="muted small">${t("alerts.history.neverFired")}</span>`
  }</td>
  <td>${alert.acked_by ? html`<span class="who" title=${alert.ack_note}>${alert.acked_by}
    </span>` : html`<span class="muted">${t("common.none")}</span>`}</td>
</tr>`;

const COLUMNS = [
  "id", "severity", "rule", "node", "name", "text", "value", "threshold", "since_at", "fired_at", "resolved_at",
  "acked_by", "acked_at", "ack_note",
];

const rowsOf = (alerts) => [
  [...COLUMNS, "lasted_s"],
  ...alerts.map((alert) => [...COLUMNS.map((name) => alert[name]), Math.round(lastedS(alert))]),
];
