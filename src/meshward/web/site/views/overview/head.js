// One sentence on the mesh, and its score with all that was taken off.
import { computed, html } from "../../app/dom.js";
import { levelOfScore } from "../../app/levels.js";
import { nodes } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Badge, Level } from "../../parts/basics.js";
import { countWell } from "./logic.js";
import { all } from "./live.js";

// Before the gateway's own sentence is there.
const ownSentence = computed(() => t("overview.well", { well: countWell(all.value), n: nodes.value.size }));

/** `numbers` is NumbersView, null before it is there; `error` is why it is not, and `stale` why it is not fresh. */
export function Head({ numbers, error, stale }) {
  const score = numbers?.health.value ?? null;
  return html`<section class="card ov-head" aria-labelledby="ov-sentence">
    <${Ring} score=${score} />
    <h1 id="ov-sentence" data-summary=${numbers ? "" : undefined}>${numbers?.summary ?? ownSentence.value}</h1>
    <div class="row muted small ov-facts">
      <${Level} level=${levelOfScore(score)} text=${score === null && error ? t("overview.noScore") : undefined} />
      ${stale && html`<${Badge} level="warn" title=${stale.message}>${t("overview.stale")}</${Badge}>`}
      ${numbers?.coverage && html`<span>${numbers.coverage}</span>`}
    </div>
    ${numbers && html`<${Parts} parts=${numbers.health.parts} />`}
  </section>`;
}

const RADIUS = 42;
const ROUND = 2 * Math.PI * RADIUS;

function Ring({ score }) {
  const level = levelOfScore(score);
  const label = score === null ? t("overview.scoreUnknown") : t("overview.scoreIs", { score });
  const dashes = `${(score / 100) * ROUND} ${ROUND}`;
  return html`<div class="ov-ring ${level}" role="img" aria-label=${label}>
    <svg viewBox="0 0 100 100" aria-hidden="true">
      <circle class="ground" cx="50" cy="50" r=${RADIUS} />
      ${score > 0 && html`<circle class="part" cx="50" cy="50" r=${RADIUS} stroke-dasharray=${dashes} />`}
    </svg>
    <span class="value"><b>${score ?? "–"}</b><small>${t("overview.of100")}</small></span>
  </div>`;
}

/** What was taken off the score, and why: it is never a number without its reasons. */
function Parts({ parts }) {
  if (!parts.length) return html`<p class="ov-parts muted">${t("overview.nothingToSay")}</p>`;
  return html`<div class="ov-parts">
    <h2 class="small">${t("overview.parts")}</h2>
    <ul class="plain">${parts.map(
      ({ points, reason }) =>
        html`<li key=${reason}><b class="points">−${points}</b> <bdi>${reason}</bdi></li>`,
    )}</ul>
  </div>`;
}
