// The mesh at a glance: what is well, what is not, and why.
import { computed, html } from "../app/dom.js";
import { gateway, nodes } from "../app/state.js";
import { loadWords, t } from "../app/words.js";
import { Loading } from "../parts/basics.js";
import { later } from "../parts/later.js";
import { Head } from "./overview/head.js";
import { Needs } from "./overview/needs.js";
import { useNumbers } from "./overview/numbers.js";
import { Shape } from "./overview/shape.js";
import { Updates } from "./overview/updates.js";
import { Versions } from "./overview/versions.js";

const SOON_MS = 200;

// What has to be asked for anyway is no part of the first page: it comes once that is painted, with its words.
const soon = async () => {
  await new Promise((resolve) => setTimeout(resolve, SOON_MS));
  await loadWords();
};
const Traffic = later(
  async () => {
    await soon();
    return (await import("./overview/traffic.js")).Traffic;
  },
  html`<section class="card ov-traffic"><${Loading} /></section>`,
);
const Availability = later(
  async () => (await import("./overview/availability.js")).Availability,
  html`<section class="card"><${Loading} /></section>`,
);
const Events = later(
  async () => {
    await soon();
    return (await import("./overview/events.js")).Events;
  },
  html`<section class="card ov-last"><${Loading} /></section>`,
);
const FirstRun = later(async () => (await import("./overview/first.js")).FirstRun);

// "wait" for the first snapshot, "empty" before the first board was seen, else "mesh".
const phase = computed(() => (gateway.value === null ? "wait" : nodes.value.size === 0 ? "empty" : "mesh"));

export default function Overview() {
  if (phase.value === "mesh") return html`<${Mesh} />`;
  if (phase.value === "empty") return html`<${FirstRun} />`;
  return html`<h1 class="unseen">${t("nav.overview")}</h1><${Loading} />`;
}

function Mesh() {
  const { value, error, stale } = useNumbers();
  return html`<div class="overview">
    <${Head} numbers=${value} error=${error} stale=${stale} />
    <div class="stack ov-now"><${Needs} /><${Updates} /></div>
    <div class="stack ov-fleet"><${Versions} /><${Availability} /><${Shape} articulation=${value?.articulation} /></div>
    <div class="stack ov-past"><${Traffic} /><${Events} /></div>
  </div>`;
}
