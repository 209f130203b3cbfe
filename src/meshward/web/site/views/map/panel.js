// What is known of the node that is selected, and what can be done with it.
import { may, post } from "../../app/api.js";
import { html, useState } from "../../app/dom.js";
import { ageS, bytes, duration, measure } from "../../app/format.js";
import { alertsOf, levelOf, levelOfAlert } from "../../app/levels.js";
import { to } from "../../app/router.js";
import { nameOf, nodes } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Ago, Level, NodeMark } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { complain, say } from "../../parts/toast.js";
import {
  atMs,
  collapsed,
  focused,
  focusOn,
  metrics,
  placed,
  places,
  select,
  selected,
  toggleFold,
} from "./model.js";
import { ownId } from "./moves.js";
import { putBack } from "./places.js";
import { isGone, linkWords } from "./scene.js";
import { pathOf } from "./tree.js";

const CHILDREN_SHOWN = 12;

export function Panel() {
  const id = selected.value;
  if (id === null || id === ownId.value) return null;
  const node = nodes.value.get(id);
  const close = () => select(null);
  return html`<aside class="map-panel" aria-label=${t("map.panel", { name: nameOf(id) })}>
    <div class="map-panel-head">
      <h2 class="cut" title=${nameOf(id)}><bdi>${nameOf(id)}</bdi></h2>
      <button type="button" class="quiet icon" aria-label=${t("common.close")} onClick=${close}>
        <${Icon} name="close" /></button>
    </div>
    <p class="map-path">${pathWords(id)}</p>
    <${Actions} id=${id} node=${node} />
    ${atMs.value === null ? html`<${Now} id=${id} node=${node} />` : html`<p class="muted">${t("map.panelPast")}</p>`}
  </aside>`;
}

/** "Kitchen → Hall → gateway: 3 hops, 12 behind it". */
export function pathWords(id) {
  const place = places.value.get(id);
  if (!place) return "";
  const way = pathOf(places.value, id).map((one) =>
    one === ownId.value ? t("map.gatewayShort") : `\u2068${nameOf(one)}\u2069`,
  );
  const values = {
    way: way.join(" → "),
    hops: t("map.hops", { n: place.depth }),
    behind: place.behind ? t("map.behind", { n: place.behind }) : t("map.behindNone"),
  };
  return t(isGone(id) ? "map.pathGone" : "map.path", values);
}

function Now({ id, node }) {
  const alerts = alertsOf(id);
  const values = metrics.value.get(id) ?? {};
  return html`<div class="map-panel-state"><${Level} level=${levelOf(node)} />
      ${node?.health !== null && node?.online && html`
        <span class="muted small">${t("map.score", { n: node.health })}</span>`}</div>
    ${
      alerts.length > 0 &&
      html`<ul class="plain map-alerts">${alerts.map(
        (alert) =>
          html`<li key=${alert.id} class="level ${levelOfAlert(alert)}">
            <${Icon} name=${levelOfAlert(alert)} /> <span>${alert.text}</span></li>`,
      )}</ul>`
    }
    <dl class="facts">
      <dt>${t("map.parent")}</dt><dd><${Neighbour} id=${places.value.get(id).parent} /></dd>
      ${!isGone(id) && html`<dt>${t("map.linkTo")}</dt><dd>${linkWords(id)}</dd>`}
      <dt>${t("map.depth")}</dt><dd>${places.value.get(id).depth}</dd>
      <dt>${t("map.version")}</dt><dd>${node?.version || "–"}</dd>
      <dt>${t("map.role")}</dt><dd>${[node?.role, node?.hardware].filter(Boolean).join(", ") || "–"}</dd>
      <dt>${t("map.heap")}</dt><dd>${bytes(values.heap_free_bytes ?? node?.free_heap_bytes)}</dd>
      <dt>${t("map.rssi")}</dt><dd>${measure(values.rssi_dbm, "dBm")}</dd>
      <dt>${t("map.delay")}</dt><dd>${measure(values.delay_ms ?? node?.delay_ms, "ms")}</dd>
      <${Presence} node=${node} />
      <dt>${t("map.number")}</dt><dd>${id}</dd>
    </dl>
    <${Children} id=${id} />`;
}

function Presence({ node }) {
  if (node?.online)
    return html`<dt>${t("map.inMesh")}</dt><dd>${node.up_since_at ? duration(ageS(node.up_since_at)) : "–"}</dd>`;
  return html`<dt>${t("map.seen")}</dt>
    <dd>${node?.last_seen_at ? html`<${Ago} at=${node.last_seen_at} />` : "–"}</dd>`;
}

function Children({ id }) {
  const [all, setAll] = useState(false);
  const { children } = places.value.get(id);
  if (!children.length) return null;
  const shown = all ? children : children.slice(0, CHILDREN_SHOWN);
  return html`<h3>${t("map.children", { n: children.length })}</h3>
    <div class="map-children">${shown.map((child) => html`<${Neighbour} key=${child} id=${child} />`)}
      ${
        shown.length < children.length &&
        html`<button type="button" class="small quiet" onClick=${() => setAll(true)}>
        ${t("map.more", { n: children.length - shown.length })}</button>`
      }
    </div>`;
}

function Neighbour({ id }) {
  if (id === ownId.value) return t("map.gateway");
  return html`<button type="button" class="small quiet map-neighbour" onClick=${() => select(id)} title=${nameOf(id)}>
    <${NodeMark} node=${nodes.value.get(id)} /> <bdi class="cut">${nameOf(id)}</bdi></button>`;
}

/** What can be done with a node; `children` come last. */
export function Actions({ id, node, children }) {
  const hasChildren = places.value.get(id).children.length > 0;
  const isFocused = focused.value === id;
  return html`<div class="map-actions">
    <a class="button primary small" href=${to("nodes", id)}>${t("map.openPage")}</a>
    ${may("operator") && node?.online && atMs.value === null && html`<${Ping} key=${id} id=${id} />`}
    <button type="button" class="small" aria-pressed=${isFocused}
      onClick=${() => focusOn(isFocused ? null : id)}>
        <${Icon} name="focus" /> ${t(isFocused ? "map.unfocus" : "map.focus")}</button>
    ${hasChildren && html`<button type="button" class="small" onClick=${() => toggleFold(id)}>
      <${Icon} name="fold" /> ${t(collapsed.value.has(id) ? "map.unfold" : "map.fold")}</button>`}
    ${placed.value.has(id) && html`<button type="button" class="small" onClick=${() => putBack(id)}>
      <${Icon} name="pin" /> ${t("map.putBack")}</button>`}
    ${children}
  </div>`;
}

function Ping({ id }) {
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    await pingNode(id);
    setBusy(false);
  };
  return html`<button type="button" class="small" disabled=${busy} onClick=${run}>
    <${Icon} name="pulse" /> ${t(busy ? "map.pinging" : "map.ping")}</button>`;
}

/** Measure a node's delay now, and say what came of it. */
async function pingNode(id) {
  try {
    const { answered, delay_ms: delay, waited_s: waited } = await post(`/nodes/${id}/ping`);
    if (answered) say(t("map.pinged", { name: nameOf(id), delay: measure(delay, "ms") }));
    else complain(t("map.pingLost", { name: nameOf(id), time: duration(waited) }));
  } catch (error) {
    complain(error);
  }
}
