// Rollouts under way; those that wait for somebody stand out.
import { may } from "../../app/api.js";
import { html, memo } from "../../app/dom.js";
import { levelOfUpdate } from "../../app/levels.js";
import { tally } from "../../app/rollouts.js";
import { to } from "../../app/router.js";
import { rollouts } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Ago, Level, Progress } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { Card } from "./card.js";
import { splitRollouts } from "./logic.js";

const SHOWN_MAX = 4;

export function Updates() {
  const { active, last } = splitRollouts([...rollouts.value.values()]);
  const more = active.length - SHOWN_MAX;
  const shown = active.slice(0, SHOWN_MAX);
  return html`<${Card} id="ov-updates" title=${t("overview.updates")} more=${[to("updates"), t("overview.allUpdates")]}>
    ${shown.length > 0 &&
    html`<ul class="plain ov-rollouts">${shown.map((one) => html`<${Rollout} key=${one.id} rollout=${one} />`)}</ul>`}
    ${more > 0 && html`<p><a href=${to("updates")}>${t("overview.moreUpdates", { n: more })}</a></p>`}
    ${!active.length && html`<div class="row spread">
      ${last ? html`<${Last} rollout=${last} />` : html`<span class="muted">${t("overview.noUpdates")}</span>`}
      ${may("operator") &&
      html`<a class="button" href=${to("updates", "new")}><${Icon} name="updates" /> ${t("overview.update")}</a>`}
    </div>`}
  </${Card}>`;
}

const Rollout = memo(({ rollout }) => {
  const { good, bad, total, share } = tally(rollout);
  const name = rollout.name || rollout.id;
  const approval = rollout.actions.includes("approve");
  const wave = rollout.wave_names[rollout.wave];
  return html`<li class="ov-rollout ${approval ? "asks" : ""}">
    <div class="row spread">
      <a class="cut" href=${to("updates", rollout.id)} title=${name}><bdi>${name}</bdi></a>
      <${Level} level=${levelOfUpdate(rollout.state)} text=${t(`overview.rollout.${rollout.state}`)} />
    </div>
    <${Progress} share=${share} label=${t("overview.progress", { name })} />
    <div class="row spread small muted">
      <span>${total ? t("overview.done", { done: good, n: total }) : t("overview.noTargets")}${
        bad > 0 && `, ${t("overview.failed", { n: bad })}`
      }</span>
      ${wave && html`<span class="cut" title=${wave}>
        ${t("overview.wave", { name: wave, k: rollout.wave + 1, n: rollout.wave_names.length })}</span>`}
    </div>
    ${rollout.reason && html`<p class="small">${rollout.reason}</p>`}
    ${approval && html`<a class="button ${may("operator") ? "primary" : ""}" href=${to("updates", rollout.id)}>
      ${t(may("operator") ? "overview.approve" : "overview.waitsForGo")}</a>`}
  </li>`;
});

const Last = ({ rollout }) =>
  html`<span class="row"><span class="muted">${t("overview.last")}</span>
    <a class="cut" href=${to("updates", rollout.id)} title=${rollout.name}><bdi>${rollout.name || rollout.id}</bdi></a>
    <${Level} level=${levelOfUpdate(rollout.state)} text=${t(`overview.rollout.${rollout.state}`)} />
    <span class="muted small"><${Ago} at=${rollout.ended_at} /></span></span>`;
