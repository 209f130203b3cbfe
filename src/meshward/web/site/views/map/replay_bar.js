// The last 24 hours of the tree, to go back and forth in.
import { html, signal, useEffect, useMemo, useRef } from "../../app/dom.js";
import { gatewayMs, moment, number } from "../../app/format.js";
import { setParams } from "../../app/router.js";
import { nameOf } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Failed, Loading } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { atMs, select } from "./model.js";
import { askMoves, moves, movesError, ownId } from "./moves.js";
import { changeBeside, kindOf, ticksOf } from "./replay.js";

const SPEEDS = [60, 600, 3600]; // seconds of then for each second of now
const FRAME_MS = 200;
const TICKS = 240;
const LISTED_MAX = 200;

const iso = (ms) => new Date(ms).toISOString();

/** Begin at the latest change, or at now. */
export function openReplay() {
  const last = moves.peek()?.moves.at(-1);
  showAt(last ? Date.parse(last.at) : gatewayMs());
  askMoves();
}

export function closeReplay() {
  playing.value = false;
  atMs.value = null;
  setParams({ time: null });
}

const playing = signal(false);

function showAt(ms, remember = true) {
  atMs.value = ms;
  if (remember) setParams({ time: Math.floor(ms / 1000) });
}

export function ReplayBar() {
  const known = moves.value;
  useEffect(() => () => (playing.value = false), []);
  if (!known) {
    return html`<section class="card map-replay" aria-label=${t("map.replay.title")}>
      ${movesError.value ? html`<${Failed} error=${movesError.value} retry=${() => askMoves()} />` : html`<${Loading} />`}
      <button type="button" onClick=${closeReplay}>${t("map.replay.live")}</button></section>`;
  }
  const [startMs, endMs] = [Date.parse(known.start), Date.parse(known.end)];
  const at = Math.min(Math.max(atMs.value, startMs), endMs);
  const jump = (way) => {
    const found = changeBeside(known.moves, at, way);
    if (found !== null) showAt(found);
  };
  return html`<section class="card map-replay" aria-label=${t("map.replay.title")}>
    <div class="map-replay-head">
      <p class="map-then" role="status">
        <${Icon} name="clock" /> <strong>${t("map.replay.then", { time: moment(iso(at)) })}</strong></p>
      <button type="button" class="icon" aria-label=${t("map.replay.before")} title=${t("map.replay.before")}
        onClick=${() => jump(-1)}><${Icon} name="left" /></button>
      <${Play} at=${at} startMs=${startMs} endMs=${endMs} />
      <button type="button" class="icon" aria-label=${t("map.replay.next")} title=${t("map.replay.next")}
        onClick=${() => jump(1)}><${Icon} name="right" /></button>
      <${Speed} />
      <button type="button" class="primary map-live" aria-label=${t("map.replay.live")}
        onClick=${closeReplay}><span class="map-wide">${t("map.replay.live")}</span><span
          class="map-narrow">${t("map.replay.liveShort")}</span></button>
    </div>
    <${Slider} at=${at} startMs=${startMs} endMs=${endMs} moves=${known.moves} />
  </section>`;
}

const speed = signal(SPEEDS[1]);

const Speed = () =>
  html`<select class="map-speed" aria-label=${t("map.replay.speed")} title=${t("map.replay.speed")} value=${speed.value}
    onChange=${(event) => (speed.value = Number(event.target.value))}>${SPEEDS.map(
      (value) =>
        html`<option key=${value} value=${value}>${t("map.replay.times", { n: number(value / 60) })}</option>`,
    )}</select>`;

function Play({ at, startMs, endMs }) {
  const now = useRef(at);
  now.current = at;
  useEffect(() => {
    if (!playing.value) return undefined;
    const timer = setInterval(() => {
      const next = Math.min(endMs, now.current + speed.peek() * FRAME_MS);
      showAt(next, next === endMs);
      if (next === endMs) playing.value = false;
    }, FRAME_MS);
    return () => clearInterval(timer);
  }, [playing.value, endMs]);
  const toggle = () => {
    if (playing.value) showAt(at);
    else if (at >= endMs) showAt(startMs, false);
    playing.value = !playing.value;
  };
  const text = t(playing.value ? "map.replay.pause" : "map.replay.play");
  return html`<button type="button" class="map-play" aria-label=${text} title=${text} onClick=${toggle}>
    <${Icon} name=${playing.value ? "pause" : "play"} /> <span class="map-wide">${text}</span></button>`;
}

function Slider({ at, startMs, endMs, moves: known }) {
  const bars = useMemo(() => ticksOf(known, startMs, endMs, TICKS), [known, startMs, endMs]);
  return html`<div class="map-slider">
    <svg viewBox="0 0 ${TICKS} 20" preserveAspectRatio="none" aria-hidden="true">${bars.map((count, i) => {
      const height = count && Math.min(20, 6 + 3 * Math.log2(count));
      return count > 0 && html`<rect key=${i} x=${i} y=${20 - height} width="1" height=${height} />`;
    })}</svg>
    <input type="range" min=${Math.floor(startMs / 1000)} max=${Math.ceil(endMs / 1000)} step="1"
      value=${Math.round(at / 1000)}
      aria-label=${t("map.replay.slider")} aria-valuetext=${moment(iso(at))}
      onInput=${(event) => showAt(Number(event.target.value) * 1000, false)}
        onChange=${(event) => showAt(Number(event.target.value) * 1000)} />
    <div class="map-slider-ends"><span>${moment(iso(startMs))}</span><span>${moment(iso(endMs))}</span></div>
  </div>`;
}

/** What changed, the newest first, around what is shown. */
export function Changes() {
  const known = moves.value?.moves ?? [];
  const at = atMs.value;
  const newest = useMemo(() => [...known].reverse(), [known]);
  if (!newest.length) return html`<p class="muted map-changes">${t("map.replay.nothing")}</p>`;
  const found = newest.findIndex((move) => Date.parse(move.at) <= at);
  const current = found < 0 ? newest.length : found;
  const from = Math.max(0, Math.min(current - LISTED_MAX / 2, newest.length - LISTED_MAX));
  const go = (move) => {
    showAt(Date.parse(move.at));
    select(move.node);
  };
  return html`<section class="map-changes" aria-label=${t("map.replay.changes")}><h2>${t("map.replay.changes")}</h2>
    <ol class="plain">${newest.slice(from, from + LISTED_MAX).map(
      (
        move,
        i,
      ) => html`<li key=${newest.length - from - i}><button type="button" class="quiet small"
        aria-current=${from + i === current ? "time" : undefined}
        onClick=${() => go(move)}>
          <time datetime=${move.at}>${moment(move.at)}</time> <span>${changeWords(move)}</span></button></li>`,
    )}</ol></section>`;
}

/** "Kitchen: Hall → Attic". */
function changeWords(move) {
  const isolated = (id) => (id === ownId.value ? t("map.gatewayShort") : `\u2068${nameOf(id)}\u2069`);
  const named = (id) => (id === null ? "" : isolated(id));
  return t(`map.replay.${kindOf(move)}`, {
    name: named(move.node),
    before: named(move.before),
    parent: named(move.parent),
  });
}
