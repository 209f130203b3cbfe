// A chart of values over time. uPlot draws it, and is loaded with the first one that is shown.
import { html, loadScript, loadStyle, useEffect, useMemo, useRef, useState } from "../app/dom.js";
import { gatewayMs, measure, wholeMoment } from "../app/format.js";
import { colour, isDark } from "../app/theme.js";
import { has, t } from "../app/words.js";
import { Ago } from "./basics.js";
import { aligned, momentOf, summary, thinned, valueAt, zoomed } from "./chart-data.js";
import { plotOf } from "./chart-plot.js";
import { Icon } from "./icons.js";

const COLOURS = ["accent", "warn-fill", "unknown-fill", "well-fill"];
/** Lines are told apart by these as well as by colour. */
const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3]];
const NOTES_SHOWN = 50;

const load = () =>
  Promise.all([
    loadStyle("ui/vendor/uplot/uPlot.min.css"),
    loadStyle("ui/style/chart.css"),
    loadScript("ui/vendor/uplot/uPlot.iife.min.js"),
  ]);

/**
 * Values over time.
 *
 * `series` are {label, colour, points: [[at_s, value, low, high], …], brief, plain}: `colour` is a name of
 * style/base.css, a value of null is a gap, and low and high, which may be left out, are drawn as a band. Of `brief` ones
 * the text below says no more than the mean, of `plain` ones nothing. `notes` are {at, kind, text}, as the API's
 * HistoryNote. `from` and `until` (Unix seconds) are what is shown; all there is where they are left out.
 * `onZoom(from, until)` is told what somebody wants to see, with nulls for "as at first"; without it the chart zooms
 * by itself. Charts with the same `sync` share their cursor. `buttons` and `list` may be false where a page has its own
 * for all its charts.
 */
export function Chart(props) {
  const { label, unit = "", series, notes = [], height = 180, from, until, onZoom, buttons = true,
    list = true } = props;
  const [own, setOwn] = useState(null);
  const [ready, setReady] = useState(Boolean(window.uPlot));
  const [asTable, setAsTable] = useState(false);
  useEffect(() => {
    let here = true;
    load().then(
      () => here && setReady(true),
      () => here && (setReady(false), setAsTable(true)),
    );
    return () => (here = false);
  }, []);
  const lines = useMemo(
    () => series.map((one, index) => ({ ...one, colour: one.colour ?? COLOURS[index % 4], dash: DASHES[index % 4] })),
    [series],
  );
  const [start, end] = own ?? span(series, from, until);
  const zoom = onZoom ?? ((a, b) => setOwn(a === null ? null : [a, b]));
  const readout = useRef(null);
  const shownNotes = notes.filter((note) => Date.parse(note.at) / 1000 >= start && Date.parse(note.at) / 1000 <= end);
  return html`<figure class="chart">
    <figcaption class="chart-head">
      <span class="chart-label">${label}</span>
      <span class="chart-readout number" ref=${readout} aria-hidden="true" />
      <span class="chart-buttons">
        ${buttons &&
        html`<${ZoomButton} icon="plus" text=${t("chart.closer")}
          onClick=${() => zoom(...zoomed(start, end, 0.5, gatewayMs() / 1000))} />
          <${ZoomButton} icon="minus" text=${t("chart.wider")}
            onClick=${() => zoom(...zoomed(start, end, 2, gatewayMs() / 1000))} />
          ${own && html`<${ZoomButton} icon="back" text=${t("chart.reset")} onClick=${() => zoom(null, null)} />`}`}
        <button type="button" class="quiet icon small" aria-pressed=${asTable} title=${t("chart.table")}
          aria-label=${t("chart.tableOf", { label })} onClick=${() => setAsTable(!asTable)}><${Icon} name="table" />
            </button>
      </span>
    </figcaption>
    ${asTable
      ? html`<${Values} label=${label} unit=${unit} lines=${lines} start=${start} end=${end} />`
      : html`<${Plot} ready=${ready} lines=${lines} unit=${unit} notes=${shownNotes} height=${height} start=${start}
          end=${end} zoom=${zoom} readout=${readout} sync=${props.sync} label=${label} />`}
    ${lines.length > 1 && html`<${Legend} lines=${lines} />`}
    <${Summary} lines=${lines} unit=${unit} start=${start} end=${end} />
    ${list && shownNotes.length > 0 && html`<${Notes} notes=${shownNotes} />`}
  </figure>`;
}

/** What happened, as a list that is folded away. */
export function Notes({ notes, open = false }) {
  const latest = [...notes].reverse().slice(0, NOTES_SHOWN);
  return html`<details class="chart-notes" open=${open}>
    <summary>${t("chart.notes", { n: notes.length })}</summary>
    <ul class="plain">${latest.map(
      (note) => html`<li key=${note.at + note.kind + note.text}>
        <span class="chart-mark ${note.kind}" aria-hidden="true">${glyphOf(note.kind)}</span>
        <span><strong>${kindOf(note.kind)}</strong> <bdi>${note.text}</bdi>, <${Ago} at=${note.at} /></span></li>`,
    )}</ul>
  </details>`;
}

const GLYPHS = { restart: "↻", move: "⇄", update: "↑", anomaly: "~", alert: "!", left: "×", joined: "+" };

/** The sign of a kind of note, on the chart and in lists. */
export const glyphOf = (kind) => GLYPHS[kind] ?? "·";

/** The name of a kind of note. */
export const kindOf = (kind) => (has(`chart.kinds.${kind}`) ? t(`chart.kinds.${kind}`) : kind);

const ZoomButton = ({ icon, text, onClick }) =>
  html`<button type="button" class="quiet icon small" title=${text} aria-label=${text} onClick=${onClick}>
    <${Icon} name=${icon} /></button>`;

function span(series, from, until) {
  const times = series.flatMap(({ points }) => (points.length ? [points[0][0], points.at(-1)[0]] : []));
  const now = gatewayMs() / 1000;
  const start = from ?? (times.length ? Math.min(...times) : now - 3600);
  const end = until ?? (times.length ? Math.max(...times) : now);
  return end > start ? [start, end] : [start - 30, start + 30];
}

function Plot({ ready, lines, unit, notes, height, start, end, zoom, readout, sync, label }) {
  const place = useRef(null);
  const plot = useRef(null);
  const latest = useRef(null);
  const dark = isDark.value;
  const table = useMemo(() => aligned(lines), [lines]);
  const shape = lines.map((line) => `${line.label}|${line.colour}`).join("\n") + table.columns.map((one) => one.what);
  latest.current = {
    start, end, zoom, lines, table, unit,
    notes: notes.map((note) => ({ ...note, at_s: Date.parse(note.at) / 1000,
      title: `${kindOf(note.kind)}: ${note.text} (${wholeMoment(note.at)})` })),
  };
  const read = (row) => {
    if (readout.current) readout.current.textContent = row === null ? "" : reading(latest.current, row);
  };
  useEffect(() => {
    if (!ready) return undefined;
    plot.current = plotOf({ place: place.current, latest, height, colour, glyphOf, read, sync });
    return () => {
      plot.current.stop();
      plot.current = null;
      read(null);
    };
  }, [ready, dark, shape, height, unit, sync]);
  useEffect(() => plot.current?.show(), [table, start, end, notes.map((note) => note.at + note.kind).join()]);
  return html`<div class="chart-place" ref=${place} style=${{ height: `${height}px` }} role="img"
    aria-label=${t("chart.of", { label })} />`;
}

/** What stands below the cursor, as text. */
function reading({ table, lines, unit }, row) {
  const at = table.data[0][row];
  const texts = lines.map((line, index) => {
    const [value, low, high] = ["value", "low", "high"].map((what) => {
      const column = table.columns.findIndex((one) => one.series === index && one.what === what);
      return column < 0 ? null : valueAt(table.data[column + 1], row);
    });
    const text = value === null ? t("chart.gap") : measure(value, unit);
    const band = value !== null && low !== null && low !== high ? ` (${measure(low, unit)} – ${measure(high, unit)})`
      : "";
    return lines.length > 1 ? `${line.label} ${text}` : text + band;
  });
  return `${momentOf(at)}: ${texts.join(", ")}`;
}

const Legend = ({ lines }) => html`<ul class="plain chart-legend">${lines.map(
  (line) => html`<li key=${line.label}>
    <svg class="chart-sample" viewBox="0 0 28 8" aria-hidden="true" stroke=${`var(--${line.colour})`}
    stroke-width="2" stroke-dasharray=${line.dash.join(" ") || undefined}><path d="M0 4h28" />
      </svg> <span>${line.label}</span></li>`,
)}</ul>`;

function Summary({ lines, unit, start, end }) {
  const texts = lines
    .map((line) => [line, summary(line.points, start, end)])
    .filter(([line, sums]) => sums && !line.plain)
    .map(([line, sums]) => {
      const values = Object.fromEntries(["last", "least", "most",
        "mean"].map((key) => [key, measure(sums[key], unit)]));
      const text = t(line.brief ? "chart.mean" : "chart.summary", values);
      return lines.length > 1 ? t("chart.summaryOf", { label: line.label, text }) : text;
    });
  return html`<p class="chart-summary muted small">${texts.length ? texts.join(" ") : t("chart.nothing")}</p>`;
}

/** The same as numbers, for those who cannot see a drawing, or want to copy it. */
function Values({ label, unit, lines, start, end }) {
  const { data, columns } = aligned(lines);
  const shown = columns.map((column, place) => ({ ...column, place })).filter((column) => column.what === "value");
  // A row for each point of the first line; the others say what they were then.
  const first = shown.length ? data[shown[0].place + 1] : [];
  const inSight = data[0]
    .map((at, row) => [at, row])
    .filter(([at, row]) => at >= start && at <= end && first[row] !== undefined);
  const rows = thinned(inSight).reverse();
  return html`<div class="table-box chart-values" tabindex="0" role="region"
    aria-label=${t("chart.tableOf", { label })}>
    <table>
      <caption class="unseen">${t("chart.tableOf", { label })}</caption>
      <thead><tr><th scope="col">${t("chart.time")}</th>${shown.map(
        (column) => html`<th scope="col" class="number">${lines[column.series].label || label}</th>`,
      )}</tr></thead>
      <tbody>${rows.map(
        ([at, row]) => html`<tr key=${at}><th scope="row">${momentOf(at)}</th>${shown.map(
          (column) => html`<td class="number">${measure(valueAt(data[column.place + 1], row), unit)}</td>`,
        )}</tr>`,
      )}</tbody>
    </table>
    ${inSight.length > rows.length
      && html`<p class="muted small">${t("chart.thinned", { n: rows.length, all: inSight.length })}</p>`}
  </div>`;
}
