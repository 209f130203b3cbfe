// Step 4 of a new rollout: what will happen, and the button that makes it happen.
import { classes, html, useMemo, useState } from "../../app/dom.js";
import { bytes, duration } from "../../app/format.js";
import { nameOf, nodes } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Failed, Note } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { MiniTree } from "../../parts/mini_tree.js";
import { active } from "./lists.js";
import { awayOf, expectedSizes, otherWarnings, pathOf, placesOf, reachOf, reasonsOf, waysBack } from "./plan.js";
import { roster } from "./roster.js";
import { about, consequences, firmwareName } from "./sentences.js";

const NAMES_MAX = 14;

export function Plan({ planned, lacks, spec, library, busy, start }) {
  const { plan, error, whole, wrong } = planned;
  const waits = Object.values(lacks).includes("needed");
  const blocked = busy || planned.busy || Boolean(error) || (!waits && Object.keys(lacks).length > 0) || nobody(plan);
  const isWrong = Object.keys(wrong).length > 0 || Object.keys(lacks).length > 0;
  return html`<section class="card stack plan" aria-labelledby="step-plan" aria-busy=${planned.busy}>
    <h2 id="step-plan">${t("updates.new.steps.plan")}</h2>
    ${waits
      ? html`<p class="muted">${t("updates.new.planWaits")}</p>`
      : html`<${Doubts} error=${error} whole=${whole} isWrong=${isWrong} has=${Boolean(plan)}
        retry=${planned.retry} />`}
    ${plan && !waits && html`<${Away} plan=${plan} /><${Consequences} plan=${plan} spec=${planned.spec} />`}
    <${UnderWay} />
    ${!plan && !waits && !error && html`<p class="muted" role="status">${t("updates.new.planning")}</p>`}
    <div class="row"><button type="button" class="primary start" disabled=${blocked && !waits} onClick=${start}>
      <${Icon} name=${spec.approval ? "user" : spec.start_at ? "clock" : "play"} />
      ${t(busy ? "updates.new.starting" : spec.approval ? "updates.new.startApproval" : spec.start_at
        ? "updates.new.startSchedule" : "updates.new.start1")}</button></div>
    ${plan && !waits && html`<${Details} plan=${plan} spec=${planned.spec} library=${library} />`}
  </section>`;
}

const nobody = (plan) => Boolean(plan) && reachOf(plan).known + reachOf(plan).unknown === 0;

function Doubts({ error, whole, isWrong, has, retry }) {
  if (error?.passing) return html`<${Failed} error=${error} retry=${retry} />`;
  if (whole) return html`<${Note} level="bad"
    role="alert"><p><strong>${t("updates.new.planRefused")}</strong></p><p>${whole}</p></${Note}>`;
  if (isWrong) return html`<${Note} level="warn"
    role="status">${t(has ? "updates.new.planWrong" : "updates.new.planWrongFirst")}</${Note}>`;
  return null;
}

/** What this one may have to wait for. */
function UnderWay() {
  const names = active.value.map((rollout) => rollout.name).join(", ");
  return names ? html`<${Note} level="warn"><bdi>${t("updates.new.underWay", { names })}</bdi></${Note}>` : null;
}

/** That boards are not there to get it. */
function Away({ plan }) {
  const { away, of } = awayOf(plan, roster.value);
  if (!away) return null;
  if (away < of) return html`<${Note} level="warn">${t("updates.new.someAway", { n: away, of })}</${Note}>`;
  return html`<${Note} level="bad" role="status"><p><strong>${t("updates.new.allAway", { n: of })}</strong></p>
    <p>${t("updates.new.allAwayText")}</p></${Note}>`;
}

function Consequences({ plan, spec }) {
  return html`<div class="consequences">${consequences(spec, plan,
    waysBack(plan, nodes.peek())).map((text) => html`<p key=${text}>${text}</p>`)}</div>`;
}

function Details({ plan, spec, library }) {
  const [picked, setPicked] = useState(null);
  const places = useMemo(() => placesOf(plan), [plan]);
  const ways = useMemo(() => waysBack(plan, nodes.peek()), [plan]);
  const lacking = Object.entries(ways).filter(([, way]) => way !== "all");
  const paint = useMemo(() => painter(places, spec, picked), [places, picked]);
  return html`<div class="stack">
    ${!nobody(plan) && html`<${Numbers} plan=${plan} spec=${spec} />`}
    ${lacking.map(([hardware, way]) =>
      html`<${Note} key=${hardware} level="warn">${t(way === "some" ? "updates.new.rollbackSome"
      : "updates.new.rollbackNote", { hardware })}</${Note}>`)}
    ${otherWarnings(plan).map((text) => html`<${Note} key=${text} level="warn">${text}</${Note}>`)}
    <${MiniTree} paint=${paint} onPick=${setPicked} label=${t("updates.new.tree")} height=${300} />
    <${Legend} places=${places} />
    <${Way} id=${picked} />
    <${WaveLists} plan=${plan} spec=${spec} picked=${picked} pick=${setPicked} />
    ${plan.unknown.length > 0 && html`<div><h3>${t("updates.new.unknownTitle", { n: plan.unknown.length })}</h3>
      <p class="small muted">${t("updates.new.unknownText")}</p><${Names} ids=${plan.unknown} picked=${picked}
        pick=${setPicked} /></div>`}
    ${plan.already_installed.length > 0
      && html`<div><h3>${t("updates.new.installed", { n: plan.already_installed.length })}</h3>
      <${Names} ids=${plan.already_installed} picked=${picked} pick=${setPicked} /></div>`}
    <${LeftOut} plan=${plan} picked=${picked} pick=${setPicked} />
    <${Back} plan=${plan} spec=${spec} library=${library} ways=${ways} />
  </div>`;
}

function painter(places, spec, picked) {
  return (id) => {
    const place = places.get(id);
    if (!place) return null;
    const ring = id === picked;
    if (place.kind === "wave") return { level: "unknown", text: String(place.wave + 1), ring,
      title: spec.waves[place.wave]?.name };
    if (place.kind === "installed") {
      return { level: "well", text: "✓", ring, title: t("updates.new.legend.installed") };
    }
    if (place.kind === "unknown") return { level: "off", text: "?", ring, title: t("updates.new.legend.unknown") };
    return { level: "off", text: "–", ring, title: place.reason };
  };
}

const SIGNS = { wave: ["unknown", "1"], installed: ["well", "✓"], unknown: ["off", "?"], out: ["off", "–"] };

function Legend({ places }) {
  const kinds = new Set([...places.values()].map(({ kind }) => kind));
  return html`<ul class="plain row legend small">${Object.keys(SIGNS).filter((kind) => kinds.has(kind)).map(
    (kind) => html`<li key=${kind}><span class="sign ${SIGNS[kind][0]}"
      aria-hidden="true">${SIGNS[kind][1]}</span> ${t(`updates.new.legend.${kind}`)}</li>`,
  )}</ul>`;
}

function Numbers({ plan, spec }) {
  const { known, unknown } = reachOf(plan);
  const longest = Math.max(0, ...plan.waves.flatMap((wave) => wave.nodes).map((id) =>
    nodes.peek().get(id)?.depth ?? 0));
  const facts = [
    ["reach", unknown ? t("updates.new.reachUnknown", { known, unknown }) : t("updates.boards", { n: known })],
    ["estimate", unknown && !known ? t("updates.new.estimateSoak", { time: about(soakOf(plan, spec, unknown)) })
      : unknown ? t("updates.new.estimateUnknown", { time: about(plan.estimated_s) }) : about(plan.estimated_s)],
    ["bytes", known ? bytes(plan.bytes_all_links) : t("updates.new.bytesUnknown")],
    longest > 0 && ["hopsMost", t("updates.hops", { n: longest })],
  ].filter(Boolean);
  return html`<dl class="facts">${facts.map(([key, value]) =>
    html`<dt key=${key}>${t(`updates.new.${key}`)}</dt><dd>${value}</dd>`)}</dl>`;
}

/** Seconds of watching, where all boards that are to be asked are meant. */
function soakOf(plan, spec, unknown) {
  const sizes = expectedSizes(spec.waves, unknown);
  return plan.waves.reduce((sum, wave, index) => sum + (sizes[index] ? wave.soak_s : 0), 0);
}

/** The way of a board to the gateway, hop by hop. */
function Way({ id }) {
  if (id === null) return html`<p class="small muted">${t("updates.new.pickHint")}</p>`;
  const path = pathOf(id, nodes.value);
  return html`<div class="way" role="status">
    <strong class="cut"><bdi>${t("updates.new.path", { name: nameOf(id) })}</bdi></strong>
    ${path.length
      ? html`<span> ${path.map((node) =>
        html`<span key=${node}><bdi>${nameOf(node)}</bdi> → </span>`)}${t("updates.new.pathGateway")}
          <span class="muted"> (${t("updates.hops", { n: path.length })})</span></span>`
      : html`<span> ${t("updates.new.pathNone")}</span>`}
  </div>`;
}

function WaveLists({ plan, spec, picked, pick }) {
  const known = plan.waves.reduce((sum, wave) => sum + wave.nodes.length, 0);
  const expected = plan.unknown.length ? expectedSizes(spec.waves, known + plan.unknown.length) : [];
  return html`<ol class="plain stack tight">${plan.waves.map((wave, index) => {
    const n = wave.nodes.length;
    const boards = plan.unknown.length
      ? t("updates.new.waveExpected", { boards: t("updates.boards", { n: expected[index] }) })
      : n ? t("updates.boards", { n }) : t("updates.new.nobodyInWave");
    const text = wave.soak_s ? t("updates.new.waveBoards", { boards, soak: duration(wave.soak_s) })
      : t("updates.new.waveBoardsNoSoak", { boards });
    return html`<li key=${index}>
      <h3><span class="sign unknown" aria-hidden="true">${index + 1}</span> <bdi>${wave.name}</bdi></h3>
      <p class="small muted">${text}${index > 0 && spec.waves[index]?.go_ahead === "manual"
        && html`; <strong>${t("updates.new.manualMark")}</strong>`}</p>
      <${Names} ids=${wave.nodes} picked=${picked} pick=${pick} />
    </li>`;
  })}</ol>`;
}

function LeftOut({ plan, picked, pick }) {
  const reasons = reasonsOf(plan.not_targeted);
  if (!reasons.length) return null;
  return html`<div><h3>${t("updates.new.out", { n: Object.keys(plan.not_targeted).length })}</h3>
    ${reasons.map(([reason, ids]) => html`<div key=${reason}><p class="small muted"><bdi>${reason}</bdi></p>
      <${Names} ids=${ids} picked=${picked} pick=${pick} /></div>`)}</div>`;
}

/** Boards by name, each with its hops; one that is pressed shows its way. */
function Names({ ids, picked, pick }) {
  const [all, setAll] = useState(false);
  if (!ids.length) return null;
  const shown = all ? ids : ids.slice(0, NAMES_MAX);
  return html`<div class="row chips">${shown.map((id) => {
    const depth = nodes.peek().get(id)?.depth;
    const name = nameOf(id);
    return html`<button type="button" key=${id} class=${classes("toggle", "small")} aria-pressed=${id === picked}
      title=${name} onClick=${() => pick(id)}>
      <bdi class="cut">${name}</bdi>${depth
        ? html` <span class="muted" title=${t("updates.hops", { n: depth })}>${depth}</span>` : null}</button>`;
  })}
  ${shown.length < ids.length && html`<button type="button" class="small"
    onClick=${() => setAll(true)}>${t("updates.new.showAll", { n: ids.length })}</button>`}</div>`;
}

const EACH = { all: "rollbackEach", some: "rollbackUnknownSome", none: "rollbackUnknown" };

function Back({ plan, spec, library, ways }) {
  if (spec.on_failure !== "rollback") return null;
  const text = (hardware, sha) => {
    if (sha) return firmwareName(library.find((one) => one.sha256 === sha)) || sha.slice(0, 12);
    return t(`updates.new.${EACH[ways[hardware]]}`);
  };
  return html`<dl class="facts">${Object.entries(plan.rollback).map(
    ([hardware, sha]) => html`<dt key=${hardware}>${t("updates.new.rollback",
      { hardware })}</dt><dd><bdi>${text(hardware, sha)}</bdi></dd>`,
  )}</dl>`;
}
