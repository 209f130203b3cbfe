// The page of a node.
import { useAsk } from "../../app/ask.js";
import { html, useComputed, useEffect, useRef } from "../../app/dom.js";
import { route, to } from "../../app/router.js";
import { nodes } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Empty, Failed, Loading } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { AlertsTab, useOpenAlerts } from "./alerts.js";
import { ChartsTab } from "./charts.js";
import { NodeHead } from "./head.js";
import { LogTab } from "./log.js";
import { StateTab } from "./state.js";
import { TreeTab } from "./tree.js";
import { UpdatesTab } from "./updates.js";

const TABS = { state: StateTab, charts: ChartsTab, tree: TreeTab, updates: UpdatesTab, alerts: AlertsTab, log: LogTab };
const STATUS_EVERY_MS = 5000;

export function NodePage({ id: text }) {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : null;
  if (id === null) return html`<${Unknown} id=${text} />`;
  return html`<${Known} key=${id} id=${id} />`;
}

function Known({ id }) {
  const detail = useAsk(`/nodes/${id}`);
  // Only this node: what others do draws nothing here.
  const live = useComputed(() => nodes.value.get(id)).value;
  const node = live ?? detail.value;
  useReload(detail.reload, live && [live.parent, live.online, live.update_state, live.firmware, live.rollout].join());
  const status = useAsk(node ? `/nodes/${id}/status` : null, undefined, { everyMs: STATUS_EVERY_MS });
  if (!node) {
    if (detail.error?.status === 404) return html`<${Unknown} id=${id} />`;
    return html`<${Heading} />${detail.error ? html`<${Failed} error=${detail.error} retry=${detail.reload} />`
      : html`<${Loading} />`}`;
  }
  const { params } = route.value;
  const tab = Object.hasOwn(TABS, params.get("tab")) ? params.get("tab") : "state";
  const Tab = TABS[tab];
  return html`<${Back} />
    <${NodeHead} node=${node} reload=${status.reload} />
    <${Tabs} id=${id} tab=${tab} />
    ${detail.error && !detail.value && html`<${Failed} error=${detail.error} retry=${detail.reload} />`}
    <div class="node-tab"><${Tab} id=${id} node=${node} detail=${detail} status=${status} /></div>`;
}

function Tabs({ id, tab }) {
  const open = useOpenAlerts(id).length;
  // The span of time stays when somebody looks elsewhere in between.
  const { params } = route.value;
  const kept = Object.fromEntries(["range", "from", "until", "peers", "update",
    "hide"].map((name) => [name, params.get(name)]));
  const bar = useRef(null);
  useEffect(() => {
    // On a phone the tab may be out of sight; only the bar is moved, not the page.
    const current = bar.current.querySelector("[aria-current]");
    const { offsetLeft, clientWidth } = bar.current;
    bar.current.scrollLeft = current.offsetLeft - offsetLeft - (clientWidth - current.offsetWidth) / 2;
  }, [tab]);
  return html`<nav class="tabs" ref=${bar} aria-label=${t("nodes.tabsLabel")}>${Object.keys(TABS).map(
    (key) => html`<a key=${key} href=${to("nodes", id, { ...kept, tab: key === "state" ? null : key })}
      aria-current=${key === tab ? "page" : undefined}>
      ${t(`nodes.tabs.${key}`)}${key === "alerts" && open > 0 ? ` (${open})` : ""}</a>`,
  )}</nav>`;
}

/** Ask again when `key` changes, not at first. */
function useReload(reload, key) {
  const before = useRef(key);
  useEffect(() => {
    if (before.current !== undefined && key !== before.current) reload();
    before.current = key;
  }, [key]);
}

const Back = () => html`<p class="node-back"><a href=${to("nodes")}><${Icon} name="left" /> ${t("nodes.back")}</a></p>`;

const Heading = () => html`<${Back} /><div class="view-head"><h1>${t("nodes.node")}</h1></div>`;

const Unknown = ({ id }) => html`<${Heading} />
  <${Empty} icon="unknown"><p>${t("nodes.unknown", { id: String(id).slice(0, 40) })}</p><p>${t("nodes.unknownWhy")}</p>
    <a class="button" href=${to("nodes")}>${t("nodes.back")}</a></${Empty}>`;
