// The columns of the table: what each is sorted by, how it looks, and what stands in the CSV.
import { html } from "../../app/dom.js";
import { bytes, duration, gatewayMs, measure, number } from "../../app/format.js";
import { LEVELS, levelOfUpdate } from "../../app/levels.js";
import { to } from "../../app/router.js";
import { has, t } from "../../app/words.js";
import { Badge, Level, NodeLink } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { delayOf, heapOf, lossOf, metricOf, silenceOf } from "./rows.js";

const text = (value) => (value ? html`<bdi class="cut" title=${value}>${value}</bdi>` : "–");

const stateWord = (state) => (has(`updates.nodeStates.${state}`) ? t(`updates.nodeStates.${state}`)
  : state.replaceAll("_", " "));

/** The state of a node in an update, as words with its shape. */
export const UpdateState = ({ state }) =>
  state ? html`<${Badge} level=${levelOfUpdate(state)} icon=${levelOfUpdate(state)}>${stateWord(state)}</${Badge}>`
    : "–";

const Excluded = ({ node }) =>
  node.excluded &&
  html`<span class="node-excluded" title=${node.exclusion_reason ? t("nodes.excludedFor", { reason: node.exclusion_reason })
    : t("nodes.excludedTitle")}>
    <${Icon} name="skip" label=${t("nodes.excludedTitle")} /></span>`;

const COLUMNS = [
  {
    key: "name", width: 162, fixed: true, value: (row) => row.node.name || String(row.id),
    cell: (row) => html`<span class="node-name-cell"><${NodeLink} node=${row.node} /><${Excluded} node=${row.node} />
      </span>`,
    csv: (row) => row.node.name,
  },
  { key: "id", width: 116, number: true, value: (row) => row.id,
    cell: (row) => html`<span class="mono">${row.id}</span>` },
  {
    key: "level", width: 142, value: (row) => LEVELS.indexOf(row.level),
    cell: (row) => html`<${Level} level=${row.level} />`, csv: (row) => t(`levels.${row.level}`),
  },
  { key: "health", width: 76, number: true, value: (row) => (row.node.online ? row.node.health : null),
    cell: (row) => number(row.node.online ? row.node.health : null, 0) },
  { key: "hardware", width: 104, value: (row) => row.node.hardware, cell: (row) => text(row.node.hardware) },
  { key: "role", width: 92, value: (row) => row.node.role, cell: (row) => text(row.node.role) },
  { key: "version", width: 96, value: (row) => row.node.version, cell: (row) => text(row.node.version) },
  {
    key: "parent", width: 118, value: (row) => row.parentName,
    cell: (row) => row.node.parent === null ? (row.node.online ? t("nodes.gateway") : "–")
      : html`<a class="cut" href=${to("nodes", row.node.parent)} title=${row.parentName}><bdi>${row.parentName}</bdi>
        </a>`,
  },
  { key: "depth", width: 64, number: true, value: (row) => row.node.depth },
  {
    key: "seen", unit: "s", width: 84, number: true, value: (row) => silenceOf(row, gatewayMs()),
    cell: (row) => html`<${Seen} row=${row} />`, csv: (row) => round(silenceOf(row, gatewayMs())),
  },
  { key: "heap", unit: "B", width: 88, number: true, value: heapOf, cell: (row) => bytes(heapOf(row)) },
  { key: "rssi", unit: "dBm", width: 86, number: true, value: (row) => metricOf(row, "rssi_dbm"),
    cell: (row) => measure(metricOf(row, "rssi_dbm"), "dBm") },
  { key: "delay", unit: "ms", width: 78, number: true, value: delayOf, cell: (row) => measure(delayOf(row), "ms") },
  { key: "loss", unit: "%", width: 76, number: true, value: lossOf, cell: (row) => measure(lossOf(row), "%") },
  { key: "uptime", unit: "s", width: 104, number: true, value: (row) => metricOf(row, "uptime_s"),
    cell: (row) => duration(metricOf(row, "uptime_s")) },
  { key: "reboots", width: 88, number: true, value: (row) => row.numbers?.reboots ?? null },
  {
    key: "alerts", width: 70, number: true, value: (row) => row.node.alerts,
    cell: (row) => row.node.alerts
      ? html`<a href=${to("nodes", row.id, { tab: "alerts" })}><${Badge} level="warn">${row.node.alerts}</${Badge}></a>`
        : "0",
  },
  {
    key: "tags", width: 150, value: (row) => row.node.tags.join(", "),
    cell: (row) => html`<span class="node-tags cut"
      title=${row.node.tags.join(", ")}>${row.node.tags.map((tag) =>
        html`<${Badge} key=${tag}>${tag}</${Badge}>`)}</span>`,
  },
  { key: "update", width: 152, value: (row) => row.node.update_state,
    cell: (row) => html`<${UpdateState} state=${row.node.update_state} />` },
];

const Seen = ({ row }) => {
  if (row.node.online) return duration(silenceOf(row, gatewayMs()));
  return html`<span title=${t("nodes.awaySince")}>${duration(silenceOf(row, gatewayMs()))}</span>`;
};

const round = (value) => (value === null ? null : Math.round(value));

/** All columns, with their words. */
export const allColumns = () =>
  COLUMNS.map((column) => ({ ...column, text: t(`nodes.columns.${column.key}`),
    title: has(`nodes.columnHints.${column.key}`) ? t(`nodes.columnHints.${column.key}`) : undefined }));

const USUAL = ["name", "level", "version", "parent", "depth", "seen", "heap", "rssi", "delay", "alerts"];
const MORE = ["name", "level", "hardware", "role", "version", "parent", "depth", "seen", "heap", "rssi", "delay",
  "loss", "reboots", "alerts"];
const MORE_PX = 1720;
const WALL_PX = 2200;

// The usual ones fit a window of 1,280 px without scrolling sideways.
/** The keys of the columns that an address asks for; the usual ones without it, more on wide screens. */
export function keysOf(params, widthPx = innerWidth) {
  const asked = (params.get("cols") ?? "").split(",").filter((key) => COLUMNS.some((column) => column.key === key));
  if (asked.length) return ["name", ...asked.filter((key) => key !== "name")];
  return widthPx >= WALL_PX ? [...MORE, "uptime", "tags"] : widthPx >= MORE_PX ? MORE : USUAL;
}

/** What is shown as rows of texts and numbers, header first. */
export function csvRows(columns, rows) {
  const withId = columns.some((column) => column.key === "id") ? columns
    : [...columns.slice(0, 1), COLUMNS[1], ...columns.slice(1)];
  const head = withId.map((column) => `${t(`nodes.columns.${column.key}`)}${column.unit ? ` (${column.unit})` : ""}`);
  return [head, ...rows.map((row) => withId.map((column) => (column.csv ?? column.value)(row)))];
}
