// Where a node stands in the tree, and where it stood.
import { html } from "../../app/dom.js";
import { duration, gatewayMs, moment, wholeMoment } from "../../app/format.js";
import { to } from "../../app/router.js";
import { gateway, nameOf, nodes } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Empty, Failed, Level, Loading, NodeLink } from "../../parts/basics.js";
import { levelOf } from "../../app/levels.js";
import { behind, chainOf, stays } from "./lineage.js";

const SHOWN = 50;
const STEP_PX = 20;
const STEPS_MAX = 8; // deeper ones would leave a phone's screen
const STAYS_SHOWN = 100;

export function TreeTab({ id, node, detail }) {
  const all = nodes.value;
  return html`<div class="node-tree">
    <section class="card"><h2>${t("nodes.way")}</h2>
      ${node.online ? html`<${Chain} chain=${chainOf(all, id)} id=${id} />`
        : html`<p class="muted">${t("nodes.noWay")}</p>`}
    </section>
    <${Below} node=${node} all=${all} />
    <section class="card tree-wide"><h2>${t("nodes.parents")}</h2>
      ${detail.error && !detail.value ? html`<${Failed} error=${detail.error} retry=${detail.reload} />`
        : !detail.value ? html`<${Loading} />` : html`<${Parents} changes=${detail.value.parents} />`}
    </section>
  </div>`;
}

function Chain({ chain, id }) {
  return html`<ol class="plain node-chain"><li>
    <strong>${t("nodes.gateway")}</strong> <span class="muted mono">${gateway.value?.own_id ?? ""}</span></li>
    ${chain.map((one, at) => html`<li key=${one.id} style=${{ marginInlineStart: `${STEP_PX * Math.min(at, STEPS_MAX)}px` }}
      aria-current=${one.id === id ? "true" : undefined}>
      <${NodeLink} node=${one} />${one.id === id
        && html` <span class="muted">${t("nodes.thisOne")}</span>`}</li>`)}</ol>`;
}

function Below({ node, all }) {
  const children = node.online ? node.children.map((child) => all.get(child)).filter(Boolean) : [];
  const rest = node.online ? behind(all, node.id) : [];
  return html`<section class="card"><h2>${t("nodes.children")}</h2>
    ${!children.length ? html`<p class="muted">${t("nodes.noChildren")}</p>`
      : html`<ul class="plain node-below">${children.slice(0,
        SHOWN).map((child) => html`<li key=${child.id}><${NodeLink} node=${child} /><${Level} level=${levelOf(child)} />
          ${behind(all, child.id).length > 0
            && html`<span class="muted small">${t("nodes.behindIt",
              { n: behind(all, child.id).length })}</span>`}</li>`)}</ul>`}
    ${rest.length > 0 && html`<p class="node-behind">${t("nodes.behind", { n: rest.length })}</p>
      ${rest.length > children.length && html`<details><summary>${t("nodes.behindAll")}</summary>
        <p class="row">${rest.slice(0, 4 * SHOWN).map((one) => html`<${NodeLink} key=${one.id} node=${one} />`)}</p>
          </details>`}`}
    <p><a href=${to("map", { node: node.id })}>${t("nodes.onMap")}</a></p>
  </section>`;
}

function Parents({ changes }) {
  const all = stays(changes, gatewayMs());
  const list = all.slice(0, STAYS_SHOWN);
  if (!list.length) return html`<${Empty}>${t("nodes.noParents")}</${Empty}>`;
  return html`<div class="table-box"><table>
    <caption class="unseen">${t("nodes.parents")}</caption>
    <thead><tr><th scope="col">${t("nodes.parentHead.since")}</th><th scope="col">${t("nodes.parentHead.parent")}</th>
      <th scope="col" class="number">${t("nodes.parentHead.time")}</th></tr></thead>
    <tbody>${list.map((stay) => html`<tr key=${stay.at}>
      <td><time datetime=${stay.at} title=${wholeMoment(stay.at)}>${moment(stay.at)}</time></td>
      <th scope="row"><${ParentName} parent=${stay.parent} /></th>
      <td class="number">${duration(stay.forS)}${stay.isNow ? ` ${t("nodes.untilNow")}` : ""}</td></tr>`)}</tbody>
  </table></div>${all.length > list.length
    && html`<p class="muted small">${t("nodes.latestOnly", { n: list.length })}</p>`}`;
}

function ParentName({ parent }) {
  if (parent === null) return html`<span class="level off">${t("nodes.wasAway")}</span>`;
  if (parent === gateway.value?.own_id) return t("nodes.gateway");
  return html`<a href=${to("nodes", parent)}><bdi>${nameOf(parent)}</bdi></a>`;
}
