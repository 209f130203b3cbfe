// What a node sent last, and what happened to it.
import { get } from "../../app/api.js";
import { useAsk } from "../../app/ask.js";
import { html, useComputed, useEffect, useRef, useState } from "../../app/dom.js";
import { bytes } from "../../app/format.js";
import { events, nameOf } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Ago, Badge, Empty, Failed, Loading } from "../../parts/basics.js";
import { eventWords } from "../../parts/event_words.js";
import { Icon } from "../../parts/icons.js";
import { complain } from "../../parts/toast.js";

const EVENTS_SHOWN = 50;

export function LogTab({ id }) {
  return html`<div class="node-log"><${Events} id=${id} /><${Packages} id=${id} /></div>`;
}

function Packages({ id }) {
  const asked = useAsk(`/nodes/${id}/packages`);
  const list = asked.value;
  return html`<section class="card"><div class="card-head"><h2>${t("nodes.packages")}</h2>
      <button type="button" class="small" onClick=${asked.reload}><${Icon} name="retry" /> ${t("nodes.reload")}</button>
        </div>
    ${asked.error && html`<${Failed} error=${asked.error} retry=${asked.reload} />`}
    ${!list ? asked.loading && html`<${Loading} />`
      : !list.length ? html`<${Empty}>${t("nodes.noPackages")}</${Empty}>`
      : html`<ol class="plain node-packages">${list.map((one, index) =>
        html`<${Package} key=${one.at + index} one=${one} open=${index === 0} />`)}</ol>`}
  </section>`;
}

function Package({ one, open }) {
  const facts = t("nodes.packageFacts", { type: String(one.type), size: bytes(one.size_bytes) });
  return html`<li><details open=${open}><summary>
    <strong>${one.what || t("nodes.packageUnknown")}</strong> <span class="muted">${facts} <${Ago} at=${one.at} /></span>
    ${one.cut && html` <${Badge} level="warn">${t("nodes.packageCut")}</${Badge}>`}</summary>
    <pre tabindex="0">${JSON.stringify(one.package, null, 2)}</pre></details></li>`;
}

const LEVELS = { critical: "bad", error: "bad", warning: "warn", info: "unknown" };

function Events({ id }) {
  const [more, setMore] = useState({ items: [], next: undefined });
  const asked = useAsk("/events", { node: id, limit: EVENTS_SHOWN });
  const latest = useComputed(() => events.value.find((event) => event.node === id)?.id ?? 0).value;
  const known = useRef(latest);
  useEffect(() => {
    if (latest !== known.current) asked.reload();
    known.current = latest;
  }, [latest]);
  const first = asked.value?.items ?? [];
  const ids = new Set(first.map((event) => event.id));
  const items = [...first, ...more.items.filter((event) => !ids.has(event.id))];
  const next = more.next === undefined ? asked.value?.next : more.next;
  const older = () =>
    get("/events", { node: id, limit: EVENTS_SHOWN, cursor: next }).then(
      (page) => setMore({ items: [...more.items, ...page.items], next: page.next }),
      complain,
    );
  return html`<section class="card"><h2>${t("nodes.events")}</h2>
    ${asked.error && html`<${Failed} error=${asked.error} retry=${asked.reload} />`}
    ${!asked.value ? asked.loading && html`<${Loading} />`
      : !items.length ? html`<${Empty}>${t("nodes.noEvents")}</${Empty}>`
      : html`<ol class="plain node-events">${items.map((event) => html`<li key=${event.id}>
          <span class="level ${LEVELS[event.severity] ?? "unknown"}">
            <${Icon} name=${{ bad: "bad", warn: "warn" }[LEVELS[event.severity]] ?? "info"} label=${event.severity} />
              </span>
          <span><bdi>${eventWords(event, nameOf)}</bdi> <span class="muted small"><${Ago} at=${event.at} /></span></span>
            </li>`)}</ol>`}
    ${next && html`<button type="button" class="small" onClick=${older}>${t("nodes.older")}</button>`}
  </section>`;
}
