// What happened last.
import { useAsk } from "../../app/ask.js";
import { html, memo, useMemo } from "../../app/dom.js";
import { to } from "../../app/router.js";
import { events, nameOf, rollouts } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Ago, Empty, Failed, LiveNode, Loading } from "../../parts/basics.js";
import { aroundName } from "../../parts/event_words.js";
import { Icon } from "../../parts/icons.js";
import { Card } from "./card.js";
import { steady } from "./live.js";
import { latest } from "./logic.js";

const SHOWN = 15;
const EVERY_MS = 60_000; // the stream tells of each: this is for what happened while it was down

export function Events() {
  const asked = useAsk("/events", { limit: SHOWN }, { everyMs: EVERY_MS });
  const shown = latest(events.value, asked.value?.items ?? [], SHOWN);
  return html`<${Card} id="ov-events" kind="ov-last" title=${t("overview.events")}>
    ${shown.length
      ? html`<ul class="plain ov-events">${shown.map(
          (event) => html`<${Event} key=${event.id} event=${event} />`,
        )}</ul>`
      : asked.error
        ? html`<${Failed} error=${asked.error} retry=${asked.reload} />`
        : asked.value
          ? html`<${Empty}>${t("overview.noEvents")}</${Empty}>`
          : html`<${Loading} />`}
  </${Card}>`;
}

const updateOf = (id) => rollouts.value.get(id)?.name || t("overview.openUpdate");

const LEVELS = { critical: "bad", error: "bad", warning: "warn", info: "off" };

const Event = memo(({ event }) => {
  const { at, severity, node, rollout } = event;
  const told = useMemo(() => steady(() => ({ ...aroundName(event, nameOf), update: updateOf(rollout) })), [event]);
  const { before, after, update } = told.value;
  const level = LEVELS[severity] ?? "off";
  return html`<li>
    <span class="level ${level}">
      <${Icon} name=${level === "off" ? "info" : level} label=${t(`overview.severity.${severity}`)} />
    </span>
    <span class="text">${rollout && html`<a class="small" href=${to("updates", rollout)}><bdi>${update}</bdi></a>: `}
      ${before}${node !== null && html`<${LiveNode} id=${node} />`}${after}</span>
    <span class="muted small"><${Ago} at=${at} /></span>
  </li>`;
});
