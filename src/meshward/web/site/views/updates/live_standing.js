// How a rollout stands: in one sentence, in bars, in figures.
import { html, useMemo } from "../../app/dom.js";
import { bytes, duration, gatewayMs, nowMs, percent } from "../../app/format.js";
import { levelOfUpdate } from "../../app/levels.js";
import { isFinal, tally } from "../../app/rollouts.js";
import { nameOf } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Ago, Note, Progress } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { active, RolloutLinks } from "./lists.js";
import { doneShare, NODE_STATES, pace, waveTallies } from "./progress.js";
import { namesIn, nodeStateWord, stateWord } from "../../parts/event_words.js";
import { nextSentence, resultSentence } from "./sentences.js";

/** The state in words, why, what happens next, and how far it is over all. */
export function Standing({ rollout, what, atMs }) {
  const over = isFinal(rollout.state);
  const done = doneShare(rollout.nodes, rollout.state);
  const share = over ? done : Math.min(done, 0.99); // what is still watched is not done
  const level = levelOfUpdate(rollout.state);
  return html`<section class="card standing ${level}">
    <p class="standing-line" role="status"><${Icon} name=${level} size="28" />
      <span>${over || tally(rollout).good ? resultSentence(rollout, what)
        : capital(stateWord(rollout.state))}</span></p>
    <div class="row"><${Progress} share=${share} label=${t("updates.live.progress")} /> <span
      class="standing-share">${percent(share)}</span></div>
    <${Next} rollout=${rollout} atMs=${atMs} />
    ${rollout.reason && html`<p class="small"><span
      class="muted">${t("updates.live.why")}</span> <bdi>${capital(namesIn(rollout.reason, nameOf))}</bdi></p>`}
    ${rollout.failure && rollout.failure !== rollout.reason
      && html`<${Note} level="bad"><bdi>${capital(namesIn(rollout.failure, nameOf))}</bdi></${Note}>`}
    ${!over && html`<p class="small muted">${t("updates.live.tabCloses")}</p>`}
  </section>`;
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function Next({ rollout, atMs }) {
  const counts = rollout.state === "soaking" && rollout.soak_left_s !== null;
  const leftS = counts ? Math.max(0, rollout.soak_left_s - Math.max(0, nowMs.value - atMs) / 1000) : null;
  const text = nextSentence(rollout, leftS);
  const before = rollout.state === "scheduled" ? active.value.filter((one) => one.id !== rollout.id && one.started_at)
    : [];
  if (!text) return null;
  return html`<p class="next">${text}${before.length > 0
    && html` <span>${t("updates.next.before")} <${RolloutLinks} list=${before} /></span>`}</p>`;
}

/** Sent, rate, time left; how many boards are in which state. */
export function Figures({ rollout, samples }) {
  const over = isFinal(rollout.state);
  const { bytesPerS, leftS } = pace(samples);
  const took = rollout.started_at
    && (Date.parse(rollout.ended_at ?? new Date(gatewayMs()).toISOString()) - Date.parse(rollout.started_at)) / 1000;
  const sending = ["updating", "rolling_back"].includes(rollout.state);
  const facts = [
    ["sent", bytes(rollout.sent_bytes)],
    sending && ["rate", bytesPerS === null ? t("updates.live.etaUnknown") : `${bytes(bytesPerS)}/s`],
    sending && ["eta", leftS === null ? t("updates.live.etaUnknown") : leftS === 0 ? t("updates.live.etaRestart")
      : t("updates.live.etaLeft", { time: duration(leftS) })],
    ["started", rollout.started_at ? html`<${Ago} at=${rollout.started_at} />` : t("updates.live.notStarted")],
    over && ["ended", html`<${Ago} at=${rollout.ended_at} />`],
    took && over && ["took", duration(took)],
    ["by", html`<bdi>${rollout.created_by}</bdi>`],
  ].filter(Boolean);
  return html`<section class="card">
    <h2>${t("updates.live.figures")}</h2>
    <dl class="facts">${facts.map(([key, value]) =>
      html`<dt key=${key}>${t(`updates.live.${key}`)}</dt><dd>${value}</dd>`)}</dl>
    <ul class="plain row counts">${NODE_STATES.filter((state) => rollout.counts[state]).map((state) => {
      const level = levelOfUpdate(state);
      return html`<li key=${state}><span class="badge ${level}"><${Icon}
        name=${level} /> ${nodeStateWord(state)}: ${rollout.counts[state]}</span></li>`;
    })}</ul>
  </section>`;
}

/** Every wave with its bar. */
export function WaveBars({ rollout }) {
  const tallies = useMemo(() => waveTallies(rollout), [rollout.nodes, rollout.spec]);
  return html`<section class="card">
    <h2>${t("updates.live.waves")}</h2>
    <ol class="plain stack tight">${rollout.spec.waves.map((wave, index) => {
      const { total, running, bad, share } = tallies[index];
      const state = stateOfWave(rollout, index);
      return html`<li key=${index} class="wave-bar ${state}" aria-current=${state === "now" ? "step" : undefined}>
        <div class="row spread">
          <span class="cut"><span class="sign unknown" aria-hidden="true">${index + 1}</span> <strong><bdi
            title=${wave.name}>${wave.name}</bdi></strong></span>
          <span class="small">${total ? t("updates.live.waveOf", { good: running, n: total })
            : html`<span class="muted">${t("updates.live.waveNobody")}</span>`}
            ${bad > 0 && html` · <span class="level bad">${t("updates.live.failedCount", { n: bad })}</span>`}</span>
        </div>
        <${Progress} share=${share} label=${wave.name} />
        <div class="small muted">${t(`updates.live.waveState.${state}`)}${rollout.waves[index]?.reason
          && html`: <bdi>${namesIn(rollout.waves[index].reason, nameOf)}</bdi>`}</div>
      </li>`;
    })}</ol>
  </section>`;
}

function stateOfWave(rollout, index) {
  const outcome = rollout.waves[index]?.outcome;
  if (outcome) return outcome;
  if (isFinal(rollout.state)) return "never";
  return index === rollout.wave && rollout.waves[index]?.started_s ? "now" : "next";
}

