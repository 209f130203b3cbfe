// The chart of one metric: asked for when it comes into sight.
import { get } from "../../app/api.js";
import { html, memo, useEffect, useMemo, useRef, useState } from "../../app/dom.js";
import { gatewayMs, measure, percent } from "../../app/format.js";
import { t } from "../../app/words.js";
import { Failed } from "../../parts/basics.js";
import { Chart } from "../../parts/chart.js";
import { changeOf, chartPoints, DAY_S, meanOf, peerPoints, peersOf } from "./history.js";
import { headed } from "./metrics.js";
import { inTurn } from "./queue.js";

const POINTS = 400;
const MEAN_POINTS = 720; // two minutes of a day: what lies across the update falls away
const MEAN_STEP_S = 600;
const NEAR_PX = "200px";
const HEIGHT_PX = 150;

export const MetricChart = memo(({ id, name, metric, span, zoom, notes, restarts, peers, hardware, update, onNotes,
  isWanted }) => {
  const place = useRef(null);
  const near = useNear(place);
  const time = { start: span.from, end: span.until };
  const history = useTurn(near, `/nodes/${id}/history`, { metric: name, ...time, points: POINTS });
  const others = useTurn(near, peers ? "/mesh-history" : null, { metric: name, hardware, ...time, points: POINTS });
  const levels = useLevels(near, id, name, update);
  const restartKey = restarts.join();
  useEffect(() => {
    if (history.value) onNotes?.(history.value.notes);
  }, [history.value, onNotes]);
  useEffect(() => {
    if (isWanted) place.current?.scrollIntoView({ block: "center" });
  }, [isWanted]);
  const series = useMemo(
    () => seriesOf(history.value, others.value, levels, restarts.map((at) => Date.parse(at) / 1000), span),
    [history.value, others.value, levels, restartKey, span],
  );
  const unit = history.value?.unit ?? metric.unit;
  return html`<div class="card node-metric" ref=${place}>
    ${history.error && !history.value
      ? html`<strong>${headed(metric.words)}</strong><${Failed} error=${history.error} retry=${history.reload} />`
      : !history.value
      ? html`<div class="chart-waits"><strong>${headed(metric.words)}</strong>
        <p class="muted">${t("common.loading")}</p></div>`
      : html`<${Chart} label=${headed(metric.words)} unit=${unit} series=${series} notes=${notes} from=${span.from}
        until=${span.until}
          height=${HEIGHT_PX} onZoom=${zoom} sync="node" buttons=${false} list=${false} />`}
    ${levels && html`<p class="node-before-after">${levelsText(levels, unit)}</p>`}
    ${others.error && html`<p class="small">${t("nodes.peersFailed", { error: others.error.message })}</p>`}
  </div>`;
});

function seriesOf(history, others, levels, restartsS, span) {
  const series = [{ label: t("nodes.thisNode"), colour: "accent", points: history ? chartPoints(history, restartsS)
    : [] }];
  if (others) series.push({ label: t("nodes.peers", { n: peersOf(others) }), colour: "unknown-fill", brief: true,
    points: peerPoints(others) });
  if (levels) series.push({ label: t("nodes.means"), colour: "warn-fill", plain: true,
    points: levelPoints(levels, span) });
  return series;
}

/** The two means as level lines, with a gap between them. */
function levelPoints({ at, before, after }, { from, until }) {
  const line = (start, end, value) => (value === null || end <= start ? [] : [[start, value], [end, value]]);
  const first = line(Math.max(from, at - DAY_S), Math.min(at - 1, until), before);
  const last = line(Math.max(from, at + 1), Math.min(until, at + DAY_S), after);
  return [...first, ...(first.length ? [[at, null]] : []), ...last];
}

function levelsText({ before, after }, unit) {
  if (before === null || after === null) return t("nodes.beforeAfterNone");
  const change = changeOf(before, after);
  const values = { before: measure(before, unit), after: measure(after, unit) };
  if (change === null) return t("nodes.beforeAfterPlain", values);
  const sign = change < 0 ? "−" : "+";
  return t("nodes.beforeAfterText",
    { ...values, change: `${sign}${percent(Math.abs(change), Math.abs(change) < 0.1 ? 1 : 0)}` });
}

/** {at, before, after}: the means of the day before an update and the day after; null while they are not known. */
function useLevels(near, id, name, update) {
  const at = update ? Date.parse(update.ended_at) / 1000 : null;
  const path = at === null ? null : `/nodes/${id}/history`;
  const before = useTurn(near, path, { metric: name, start: at - DAY_S, end: at, points: MEAN_POINTS }, at);
  // No further than now: shorter steps then.
  const end = useMemo(() => at && Math.min(at + DAY_S, Math.ceil(gatewayMs() / 1000 / MEAN_STEP_S) * MEAN_STEP_S), [at]);
  const after = useTurn(near, path, { metric: name, start: at, end, points: MEAN_POINTS }, at);
  return useMemo(
    () => (before.value && after.value && at !== null
      ? { at, before: meanOf(before.value.points), after: meanOf(after.value.points) } : null),
    [before.value, after.value, at],
  );
}

/**
 * As useAsk, a few at a time, and keeping what was shown while another span of time is on its way; not so where it is
 * `of` something else. Nothing is asked before it is `near`; a path of null forgets.
 */
function useTurn(near, path, params, of = null) {
  const key = path ? JSON.stringify([path, params]) : null;
  const [asked, setAsked] = useState(null);
  const [state, setState] = useState({ value: null, error: null, of });
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (near || !key) setAsked(key);
  }, [near, key]);
  useEffect(() => {
    if (!asked) {
      setState((before) => (before.value || before.error ? { value: null, error: null, of } : before));
      return undefined;
    }
    const stop = new AbortController();
    const failed = (error) => setState((before) => ({ value: before.of === of ? before.value : null, error, of }));
    inTurn(() => get(...JSON.parse(asked), stop.signal), stop.signal).then(
      (value) => stop.signal.aborted || setState({ value, error: null, of }),
      (error) => stop.signal.aborted || error.name === "AbortError" || failed(error),
    );
    return () => stop.abort();
  }, [asked, round]);
  const mine = state.of === of ? state : { value: null, error: null };
  return { ...mine, reload: () => setRound((n) => n + 1) };
}

/** Whether an element is in sight, or nearly. */
function useNear(place) {
  const [near, setNear] = useState(false);
  useEffect(() => {
    const watch = new IntersectionObserver((entries) => setNear(entries.at(-1).isIntersecting),
      { rootMargin: NEAR_PX });
    watch.observe(place.current);
    return () => watch.disconnect();
  }, []);
  return near;
}
