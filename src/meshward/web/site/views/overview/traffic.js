// Delay and traffic of the mesh over the last 24 hours.
import { useAsk } from "../../app/ask.js";
import { html, useMemo } from "../../app/dom.js";
import { t } from "../../app/words.js";
import { Empty, Failed, Loading } from "../../parts/basics.js";
import { Chart } from "../../parts/chart.js";
import { Card } from "./card.js";
import { band, totals } from "./logic.js";

const EVERY_MS = 120_000;
const POINTS = 288;
const HEIGHT_PX = 150;

export const Traffic = () =>
  html`<${Card} id="ov-traffic" kind="ov-traffic" title=${t("overview.traffic")}><${Delay} /><${Messages} /></${Card}>`;

const useHistory = (metric) => useAsk("/mesh-history", { metric, points: POINTS }, { everyMs: EVERY_MS });

function Delay() {
  const asked = useHistory("delay_ms");
  const series = useMemo(
    () => [{ label: t("overview.median"), colour: "accent", points: band(asked.value?.points ?? []) }],
    [asked.value],
  );
  return html`<${Figure} asked=${asked} title=${t("overview.delay")} unit="ms" series=${series} />`;
}

function Messages() {
  const received = useHistory("messages_received");
  const sent = useHistory("messages_sent");
  const series = useMemo(
    () => [
      { label: t("overview.received"), colour: "accent", points: totals(received.value?.points ?? []) },
      { label: t("overview.sent"), colour: "warn-fill", points: totals(sent.value?.points ?? []) },
    ],
    [received.value, sent.value],
  );
  return html`<${Figure} asked=${received} title=${t("overview.messages")} unit="/s" series=${series} />`;
}

function Figure({ asked: { value, error, reload }, title, unit, series }) {
  if (value && series.some(({ points }) => points.some((point) => point[1] !== null))) {
    return html`<div class="ov-figure"><${Chart} label=${title} unit=${unit} series=${series} height=${HEIGHT_PX}
      from=${Date.parse(value.start) / 1000} until=${Date.parse(value.end) / 1000} /></div>`;
  }
  return html`<div class="ov-figure"><h3>${title}</h3>
    ${value
      ? html`<${Empty} icon="pulse">${t("overview.notMeasured")}</${Empty}>`
      : error
        ? html`<${Failed} error=${error} retry=${reload} />`
        : html`<${Loading} />`}
  </div>`;
}
