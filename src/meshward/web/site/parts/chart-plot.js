// The drawing of a chart: uPlot set up, kept at its size, and its notes as marks on it.
import { clusters, isolated, scaleText, spanOf, STEPS_S, timeText } from "./chart-data.js";

const MARKS_APART_PX = 16;
const DRAG_LEAST_PX = 6;
const BAND_ALPHA = "2e"; // of 255: the line stays readable on it

/**
 * Draw into `place` what `latest.current` holds ({start, end, zoom, lines, table, unit, notes}). `read(row)` is told
 * where the cursor is, null for nowhere. Gives {show, stop}: draw what `latest` holds by now, and take it away.
 */
export function plotOf({ place, latest, height, colour, glyphOf, read, sync }) {
  const { lines, table, unit } = latest.current;
  const marks = document.createElement("div");
  marks.className = "chart-marks";
  const plot = new window.uPlot(
    {
      width: Math.max(120, place.clientWidth),
      height,
      padding: [18, 22, 0, 0],
      legend: { show: false },
      cursor: cursorOf({ latest, sync }),
      scales: {
        x: { time: true, range: () => [latest.current.start, latest.current.end] },
        y: { range: (_, least, most) => spanOf(least, most) },
      },
      axes: axesOf({ unit, colour }),
      series: [{}, ...table.columns.map((column) => lineOf(lines[column.series], column.what, colour))],
      bands: bandsOf(table.columns, lines, colour),
      hooks: {
        draw: [
          (self) => {
            drawMarks(self, latest.current.notes, colour);
            putMarks(self, marks, latest.current.notes, glyphOf);
          },
        ],
        setCursor: [(self) => read(self.cursor.idx ?? null)],
        setSelect: [(self) => select(self, latest)],
      },
    },
    table.data,
    place,
  );
  plot.over.append(marks);
  const watch = new ResizeObserver(() => {
    const width = Math.max(120, place.clientWidth);
    if (width !== plot.width) plot.setSize({ width, height });
  });
  watch.observe(place);
  return {
    show: () => plot.setData(latest.current.table.data),
    stop() {
      watch.disconnect();
      plot.destroy();
    },
  };
}

function cursorOf({ latest, sync }) {
  return {
    drag: { x: true, y: false, setScale: false, dist: DRAG_LEAST_PX },
    points: { size: 7 },
    sync: sync ? { key: sync, scales: ["x", null], setSeries: false } : undefined,
    bind: {
      dblclick: () => () => {
        latest.current.zoom(null, null);
        return null;
      },
    },
  };
}

function select(self, latest) {
  const { left, width } = self.select;
  if (width < DRAG_LEAST_PX) return;
  const [from, until] = [self.posToVal(left, "x"), self.posToVal(left + width, "x")];
  self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  latest.current.zoom(from, until);
}

function axesOf({ unit, colour }) {
  const look = {
    stroke: colour("muted"),
    font: `12px ${colour("font")}`,
    ticks: { stroke: colour("line"), width: 1, size: 4 },
    grid: { stroke: colour("line"), width: 1 },
  };
  return [
    { ...look, space: 64, size: 30, values: (_, splits, __, ___, step) => splits.map((at) => timeText(at, step)) },
    {
      ...look,
      space: 34,
      size: (self, values) => Math.max(44, ...(values ?? []).map((text) => 12 + 7 * text.length)),
      ...(unit === "s" && { incrs: STEPS_S }),
      values: (_, splits, __, ___, step) => splits.map((value) => scaleText(value, unit, step)),
    },
  ];
}

function lineOf(line, what, colour) {
  if (what !== "value") return { stroke: "transparent", width: 0, points: { show: false } };
  const stroke = colour(line.colour);
  return {
    stroke,
    width: 1.75,
    dash: line.dash.length ? line.dash : undefined,
    points: {
      size: 5,
      fill: stroke,
      show: false,
      // A value between two gaps has no line to be seen by.
      filter: (self, index) => {
        const rows = isolated(self.data[index]);
        return rows.length ? rows : null;
      },
    },
  };
}

function bandsOf(columns, lines, colour) {
  return columns.flatMap(({ series, what }, place) =>
    what === "high" ? [{ series: [place + 1, place + 2], fill: withAlpha(colour(lines[series].colour)) }] : [],
  );
}

// The colours of base.css are written as #rrggbb.
const withAlpha = (hex) => `${hex}${BAND_ALPHA}`;

function drawMarks(self, notes, colour) {
  const { ctx, bbox } = self;
  ctx.save();
  ctx.strokeStyle = colour("line-strong");
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const { at_s: at } of notes) {
    const left = Math.round(self.valToPos(at, "x", true)) + 0.5;
    if (left < bbox.left || left > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(left, bbox.top);
    ctx.lineTo(left, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

function putMarks(plot, box, notes, glyphOf) {
  box.replaceChildren(
    ...clusters(notes, (at) => plot.valToPos(at, "x"), MARKS_APART_PX).map(({ left, notes: together }) => {
      const mark = document.createElement("span");
      mark.className = `chart-mark ${together.length === 1 ? together[0].kind : "many"}`;
      mark.textContent = together.length === 1 ? glyphOf(together[0].kind) : together.length > 9 ? "9+"
        : together.length;
      mark.title = together.map((note) => note.title).join("\n");
      mark.style.left = `${left}px`;
      return mark;
    }),
  );
}
