// What shapes, colours and widths mean.
import { html } from "../../app/dom.js";
import { LEVELS } from "../../app/levels.js";
import { t } from "../../app/words.js";
import { Level } from "../../parts/basics.js";
import { QUALITIES } from "./links.js";
import { atMs } from "./model.js";

const SCALE = 0.7; // as lines are on a map that shows a whole mesh

export const Legend = () =>
  html`<div class="map-legend">${atMs.value === null ? html`<${Now} />` : t("map.legendPast")}</div>`;

const Now = () => html`<ul class="plain" aria-label=${t("map.nodeLegend")}>${LEVELS.map(
  (level) => html`<li key=${level}><${Level} level=${level} /></li>`,
)}</ul>
  <ul class="plain" aria-label=${t("map.linkTo")}><li class="muted"
    aria-hidden="true">${t("map.linkTo")}:</li>${QUALITIES.map(
    ({ key, width }) => html`<li key=${key} class="map-line ${key}"><svg viewBox="0 0 28 8" aria-hidden="true">
      <line x1="0" y1="4" x2="28" y2="4" stroke-width=${SCALE * width}
        stroke-dasharray=${key === "unknown" ? "4 3" : undefined} /></svg> ${t(`map.quality.${key}`)}</li>`,
  )}</ul>`;
