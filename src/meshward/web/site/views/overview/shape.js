// The shape of the tree: how far away boards are, and which ones others hang on.
import { html } from "../../app/dom.js";
import { to } from "../../app/router.js";
import { t } from "../../app/words.js";
import { Empty, LiveNode } from "../../parts/basics.js";
import { Card } from "./card.js";
import { all, steady } from "./live.js";
import { byDepth, countBehind } from "./logic.js";

const NAMED_MAX = 4;

const depths = steady(() => byDepth(all.value));
const behind = steady(() => [...countBehind(all.value)]);

/** `articulation`: ids of the boards with others behind them, the most first. */
export function Shape({ articulation = [] }) {
  const bars = depths.value;
  const most = Math.max(1, ...bars.map(([, count]) => count));
  const counts = new Map(behind.value);
  const hinges = articulation.filter((id) => counts.get(id) > 0).sort((a, b) => counts.get(b) - counts.get(a));
  const named = hinges.slice(0, NAMED_MAX);
  return html`<${Card} id="ov-shape" title=${t("overview.shape")} more=${[to("map"), t("overview.openMap")]}>
    ${!bars.length && html`<${Empty} icon="map">${t("overview.noShape")}</${Empty}>`}
    ${bars.length > 0 && html`<div class="ov-shape">
      <ul class="plain ov-depths">${bars.map(
        ([depth, count]) => html`<li key=${depth}><span class="muted">${t("overview.hops", { n: depth })}</span>
          <span class="track"><span style=${{ width: `${(100 * count) / most}%` }} /></span>
          <span class="number">${count}</span></li>`,
      )}</ul>
      ${named.length > 0 && html`<div><h3>${t("overview.hinges")}</h3>
        <ul class="plain ov-hinges">${named.map(
          (id) => html`<li key=${id} class="row spread"><${LiveNode} id=${id} />
            <span class="muted">${t("overview.behind", { n: counts.get(id) })}</span></li>`,
        )}</ul></div>`}
    </div>`}
  </${Card}>`;
}
