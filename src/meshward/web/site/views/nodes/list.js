// The table of all nodes.
import { may } from "../../app/api.js";
import { useAsk } from "../../app/ask.js";
import { html, signal, useMemo, useRef, useState } from "../../app/dom.js";
import { urgentNodes } from "../../app/levels.js";
import { go, route, setParams, to } from "../../app/router.js";
import { gateway, nameOf, nodes } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Empty, Loading, Note } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { csvOf, saveText } from "../../parts/csv.js";
import { DataTable } from "../../parts/table.js";
import { sorted } from "../../parts/table-data.js";
import { BulkBar } from "./bulk.js";
import { Cards } from "./cards.js";
import { ColumnChoice } from "./column_choice.js";
import { allColumns, csvRows, keysOf } from "./columns.js";
import { changesTo, filterOf, newestVersions } from "./filter.js";
import { Filters } from "./filters.js";
import { rowMaker } from "./rows.js";
import { SavedViews } from "./saved.js";

const NUMBERS_EVERY_MS = 15_000;
const NO_NUMBERS = new Map();
/** What needs somebody stands first. */
const USUAL_ORDER = "level,name";

const small = matchMedia("(max-width: 699px)");
const isSmall = signal(small.matches);
small.addEventListener("change", () => (isSmall.value = small.matches));

export function NodeList() {
  const { params } = route.value;
  const [selected, setSelected] = useState(new Set());
  const numbers = useAsk("/numbers", undefined, { everyMs: NUMBERS_EVERY_MS });
  const rows = useRows(numbers.value);
  const newest = newestVersions(nodes.value.values());
  const fits = filterOf(params, newest);
  const shown = useStable(rows.filter(fits));
  const keys = keysOf(params).join();
  const columns = useMemo(() => allColumns().filter((column) => keys.split(",").includes(column.key)), [keys]);
  const sort = params.get("sort") || USUAL_ORDER;
  const chosen = new Set([...selected].filter((id) => nodes.value.has(id)));
  if (!gateway.value) return html`<${Head} count="" /><${Loading} />`;
  return html`
    <${Head} count=${countText(shown.length, rows.length)}>
      <button type="button" class="small" disabled=${!shown.length}
        onClick=${() => save(columns, sorted(shown, allColumns(), sort))}>
        <${Icon} name="download" /> ${t("nodes.csv")}</button>
      ${!isSmall.value && html`<${ColumnChoice} keys=${keys.split(",")} />`}
    </${Head}>
    <${SavedViews} params=${params} />
    <${Filters} params=${params} rows=${rows} folded=${isSmall.value} />
    ${numbers.error && html`<${Note}
      level="warn">${t("nodes.numbersFailed", { error: numbers.error.message })}</${Note}>`}
    ${may("operator") && chosen.size > 0
      && html`<${BulkBar} selected=${chosen} onDone=${(left) => setSelected(left)} />`}
    ${isSmall.value
      ? html`<${Cards} rows=${sorted(shown, allColumns(), sort)} selected=${chosen}
        onSelect=${may("operator") ? setSelected : undefined} />`
      : html`<${DataTable} caption=${t("nodes.caption")} columns=${columns} rows=${shown} rowKey=${idOf} sort=${sort}
          onSort=${(next) => setParams({ sort: next })} selected=${chosen}
            onSelect=${may("operator") ? setSelected : undefined}
          onOpen=${(row) => go(to("nodes", row.id))} />`}
    ${!shown.length && html`<${Nothing} any=${rows.length > 0} />`}`;
}

const idOf = (row) => row.id;

function Head({ count, children }) {
  return html`<div class="view-head">
    <h1>${t("nav.nodes")} <span class="muted node-count" role="status">${count}</span></h1>
    <div class="row">${children}</div>
  </div>`;
}

const countText = (shown, all) =>
  (shown === all ? t("nodes.count", { n: all }) : t("nodes.countOf", { n: shown, all }));

function Nothing({ any }) {
  if (!any) return html`<${Empty} icon="nodes">${t("nodes.noneYet")}</${Empty}>`;
  return html`<${Empty} icon="filter"><p>${t("nodes.noneFit")}</p>
    <button type="button" onClick=${() => setParams(changesTo(""))}>${t("nodes.showAll")}</button></${Empty}>`;
}

function useRows(numbers) {
  const make = useRef(null);
  make.current ??= rowMaker();
  const byId = useMemo(() => (numbers ? new Map(numbers.nodes.map((one) => [one.node, one])) : NO_NUMBERS), [numbers]);
  const all = nodes.value;
  return useMemo(() => make.current(all, byId, nameOf), [all, byId, urgentNodes.value]);
}

/** The list of before where it holds the same rows. */
function useStable(list) {
  const before = useRef(list);
  const same = before.current.length === list.length && list.every((row, at) => row === before.current[at]);
  if (!same) before.current = list;
  return before.current;
}

function save(columns, rows) {
  const day = new Date().toISOString().slice(0, 10);
  saveText(`meshward-nodes-${day}.csv`, csvOf(csvRows(columns, rows)));
}
