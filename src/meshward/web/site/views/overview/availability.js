// How much of the last 30 days the boards were in the mesh.
import { useAsk } from "../../app/ask.js";
import { computed, html } from "../../app/dom.js";
import { overDays } from "../../app/days.js";
import { percent } from "../../app/format.js";
import { to } from "../../app/router.js";
import { nameOf, nodes, online } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Empty, Failed, LiveNode, Loading } from "../../parts/basics.js";
import { Strip } from "../../parts/strip.js";
import { Card } from "./card.js";
import { useSteady } from "./live.js";
import { leastThere } from "./logic.js";

const DAYS = 30;
const EVERY_MS = 300_000;

const away = computed(() => nodes.value.size - online.value.length);

export function Availability() {
  const asked = useAsk("/availability", { days: DAYS }, { everyMs: EVERY_MS });
  const more = [to("nodes"), t("overview.allNodes")];
  return html`<${Card} id="ov-days" title=${t("overview.availability", { n: DAYS })} more=${more}>
    ${asked.value
      ? html`<${Days} view=${asked.value} />`
      : asked.error
        ? html`<${Failed} error=${asked.error} retry=${asked.reload} />`
        : html`<${Loading} />`}
  </${Card}>`;
}

function Days({ view }) {
  const mesh = useSteady(view.mesh);
  const worst = leastThere(view.nodes);
  const { mean } = overDays(mesh);
  if (mean === null) return html`<${Empty} icon="clock">${t("overview.noDays")}</${Empty}>`;
  return html`<div class="ov-days">
    <span>${t("overview.mesh")}</span>
    <${Strip} days=${mesh} firstDay=${view.first_day} label=${t("overview.mesh")} />
    <span class="number">${percent(mean, 1)}</span>
    ${!worst.length && html`<span class="whole muted">
      ${away.value ? t("overview.awayNow", { n: away.value }) : t("overview.noneAway")}</span>`}
    ${worst.map((node) => html`<${NodeDays} key=${node.node} node=${node} firstDay=${view.first_day} />`)}
  </div>`;
}

function NodeDays({ node, firstDay }) {
  const days = useSteady(node.days);
  return html`<${LiveNode} id=${node.node} />
    <${Strip} days=${days} firstDay=${firstDay} label=${nameOf(node.node)} />
    <span class="number">${percent(node.ratio, 1)}</span>`;
}
