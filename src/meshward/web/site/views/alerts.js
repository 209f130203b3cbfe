// Alerts: what is open, what was, what keeps quiet, the rules, and who is told.
import { may } from "../app/api.js";
import { useAsk } from "../app/ask.js";
import { html, useEffect, useMemo, useRef, useState } from "../app/dom.js";
import { moment } from "../app/format.js";
import { route, to } from "../app/router.js";
import { alerts } from "../app/state.js";
import { t } from "../app/words.js";
import { Note } from "../parts/basics.js";
import { confirmDialog } from "../parts/dialog.js";
import { Icon } from "../parts/icons.js";
import { endSilence, maintain } from "./alerts/actions.js";
import { Editor } from "./alerts/editor.js";
import { History } from "./alerts/history.js";
import { wholeMesh } from "./alerts/model.js";
import { Open } from "./alerts/open.js";
import { Receivers } from "./alerts/receivers.js";
import { Rules } from "./alerts/rules.js";
import { Silences } from "./alerts/silences.js";

const TABS = ["open", "history", "silences", "rules", "receivers"];
const SILENCES_EVERY_MS = 30_000;

export default function View() {
  const { path, params } = route.value;
  const tabs = TABS.filter((key) => key !== "receivers" || may("operator"));
  const tab = tabs.includes(path[1]) ? path[1] : "open";
  const over = params.get("over") === "1";
  const silences = useAsk("/silences", over ? { over: true } : {}, { everyMs: SILENCES_EVERY_MS });
  const reload = useRef(null);
  reload.current = silences.reload;
  const onChange = useMemo(() => () => reload.current(), []); // always the same one, so that cards stay as they are
  const book = useBook();
  const list = useRef(null);
  useEffect(() => {
    // On a phone the tab that is shown may be out of sight.
    list.current.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [tab]);
  return html`
    <div class="view-head"><h1>${t("nav.alerts")}</h1>${may("operator") && html`<${MeshMaintenance}
      silences=${silences.value} onChange=${onChange} />`}</div>
    <${MeshIsQuiet} silences=${silences.value} onChange=${onChange} />
    <nav class="tabs alerts-tabs" aria-label=${t("nav.alerts")} ref=${list}>${tabs.map(
      (key) => html`<a key=${key} href=${key === "open" ? to("alerts") : to("alerts", key)}
        aria-current=${key === tab ? "page" : undefined}>${t(`alerts.tabs.${key}`)}${
        key === "open" && html`<${Count} />`
      }</a>`,
    )}</nav>
    ${tab === "open" && html`<${Open} book=${book} onChange=${onChange} />`}
    ${tab === "history" && html`<${History} book=${book} />`}
    ${tab === "silences" && html`<${Silences} book=${book} silences=${silences} over=${over} onChange=${onChange} />`}
    ${tab === "rules" && html`<${RulesTab} path=${path} book=${book} />`}
    ${tab === "receivers" && html`<${Receivers} />`}`;
}

/** Rules and metrics: {rules, byName, metrics, error, reload, put}. `put` takes what the gateway says of a rule now. */
function useBook() {
  const rules = useAsk("/alert-rules");
  const metrics = useAsk("/metric-catalogue");
  const [changed, setChanged] = useState(new Map());
  const latest = useRef(null);
  latest.current = () => {
    setChanged(new Map());
    rules.reload();
    if (metrics.error) metrics.reload();
  };
  return useMemo(() => {
    const known = rules.value ?? [];
    const all = known.map((rule) => changed.get(rule.name) ?? rule);
    for (const rule of changed.values()) if (!known.some(({ name }) => name === rule.name)) all.push(rule);
    return {
      rules: all,
      byName: new Map(all.map((rule) => [rule.name, rule])),
      metrics: new Map((metrics.value ?? []).map((metric) => [metric.name, metric])),
      error: rules.error ?? metrics.error,
      loading: rules.loading || metrics.loading,
      reload: () => latest.current(),
      put: (rule) => setChanged((before) => new Map(before).set(rule.name, rule)),
    };
  }, [rules.value, metrics.value, rules.error, metrics.error, changed]);
}

function RulesTab({ path, book }) {
  const editing = may("admin") && book.rules.length > 0 && book.metrics.size > 0;
  if (editing && path[2] === "new") return html`<${Editor} name=${null} book=${book} />`;
  if (editing && path[2] === "edit" && path[3]) return html`<${Editor} name=${path[3]} book=${book} />`;
  return html`<${Rules} book=${book} />`;
}

function Count() {
  const n = [...alerts.value.values()].filter(({ state, quiet }) => state === "firing" && !quiet).length;
  return n > 0 && html` <span class="badge">${n}</span>`;
}

function MeshMaintenance({ silences, onChange }) {
  const [busy, setBusy] = useState(false);
  if (!silences || wholeMesh(silences)) return null;
  const run = async () => {
    const sure = await confirmDialog({
      title: t("alerts.maintenance.meshTitle"),
      consequences: [t("alerts.maintenance.meshMeans")],
      action: t("alerts.maintenance.mesh"),
    });
    if (!sure) return;
    setBusy(true);
    if (await maintain()) onChange();
    setBusy(false);
  };
  return html`<button type="button" disabled=${busy} title=${t("alerts.maintenance.meshHint")} onClick=${run}>
    <${Icon} name="tool" /> ${t("alerts.maintenance.mesh")}</button>`;
}

function MeshIsQuiet({ silences, onChange }) {
  const silence = wholeMesh(silences);
  if (!silence) return null;
  const end = async () => (await endSilence(silence.id, "maintenance")) && onChange();
  return html`<div class="mesh-quiet"><${Note} level="warn"><div class="row spread">
    <span>${t("alerts.maintenance.under", { until: moment(silence.ends_at), name: silence.created_by })}</span>
    ${may("operator") && html`<button type="button" class="small" onClick=${end}>${t("alerts.silence.endNow")}
      </button>`}
  </div></${Note}></div>`;
}
