// A table of many rows: sorted by its headers, selected by keyboard, and drawn as far as it is in sight.
import { classes, html, loadStyle, memo, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../app/dom.js";
import { t } from "../app/words.js";
import { Icon } from "./icons.js";
import { orderOf, picked, sorted, turned, windowOf } from "./table-data.js";

await loadStyle("ui/style/table.css");

/** So many rows are drawn whole; of more, those in sight. */
const WHOLE_MAX = 300;

/**
 * `columns` are {key, text, title, number, value(row), cell(row), width, fixed}: `value` is what is sorted by, `cell`
 * what is shown (the value where it is left out), `width` in px, `fixed` for one that stays in sight. Cells are drawn
 * anew only for another row object or other columns. `sort` is as "-health,name", told to `onSort`; without that the
 * table sorts by itself. `selected` is a Set of keys and `onSelect` is told another; without it nothing is selected.
 * `onOpen(row)` follows Enter on a row. Arrow keys move between rows, space selects.
 */
export function DataTable({ caption, columns, rows, rowKey, sort, onSort, selected, onSelect, onOpen, empty }) {
  const [own, setOwn] = useState(sort ?? "");
  const order = onSort ? (sort ?? "") : own;
  const ordered = useMemo(() => sorted(rows, columns, order), [rows, columns, order]);
  const keys = useMemo(() => ordered.map(rowKey), [ordered]);
  const box = useRef(null);
  const sight = useSight(box, ordered.length);
  const cursor = useCursor({ box, keys, sight });
  // Rows are drawn anew only when something of theirs changed, so what they call must stay the same.
  const latest = useRef(null);
  latest.current = { keys, selected, onSelect, onOpen, ordered, cursor };
  const does = useMemo(() => handlers(latest), []);
  const [first, after] = sight.window;
  const width = columns.reduce((sum, column) => sum + (column.width ?? 0), onSelect ? 44 : 0);
  const fixed = columns.some((column) => column.width);
  return html`<div class="table-box data-table ${sight.whole ? "" : "windowed"}" ref=${box} role="region"
    aria-label=${caption}
    tabindex=${ordered.length ? undefined : "0"} onKeyDown=${does.onKey}>
    <table style=${fixed && { tableLayout: "fixed", minWidth: `${width}px` }} aria-rowcount=${ordered.length + 1}>
      <caption class="unseen">${caption}</caption>
      <colgroup>${onSelect && html`<col style=${{ width: "44px" }} />`}${columns.map(
        (column) => html`<col key=${column.key} style=${column.width && { width: `${column.width}px` }} />`,
      )}</colgroup>
      <thead><tr>
        ${onSelect && html`<${SelectAll} keys=${keys} selected=${selected} onSelect=${onSelect} />`}
        ${columns.map((column) => html`<${Header} key=${column.key} column=${column} order=${order}
          after=${Boolean(onSelect)}
          turn=${(further) => (onSort ?? setOwn)(turned(order, column.key, further))} />`)}
      </tr></thead>
      <tbody>
        ${first > 0 && html`<${Spacer} key="above" px=${first * sight.rowPx} columns=${columns.length + 1} />`}
        ${ordered.slice(first, after).map(
          (row, place) => html`<${Row} key=${keys[first + place]} id=${keys[first + place]} row=${row}
            columns=${columns} index=${first + place}
            isSelected=${onSelect ? selected.has(keys[first + place]) : null}
              isCurrent=${cursor.current === keys[first + place]} does=${does} />`,
        )}
        ${after < ordered.length && html`<${Spacer} key="below" px=${(ordered.length - after) * sight.rowPx}
          columns=${columns.length + 1} />`}
      </tbody>
    </table>
    ${!ordered.length && empty}
  </div>`;
}

function Header({ column, order, turn, after }) {
  const list = orderOf(order);
  const place = list.findIndex((one) => one.key === column.key);
  const down = place >= 0 && list[place].down;
  const sort = place < 0 ? undefined : down ? "descending" : "ascending";
  return html`<th scope="col" class=${classes(column.number && "number", column.fixed && "kept", column.fixed && after
    && "after")}
    aria-sort=${sort} title=${column.title}>
    ${column.value
      ? html`<button type="button" title=${column.title ? `${column.title}. ${t("table.sortHint")}`
        : t("table.sortHint")} onClick=${(event) => turn(event.shiftKey)}>
          <span class="cut">${column.text}</span>${place >= 0 &&
          html`<span class="sorted-by"><${Icon}
            name=${down ? "down" : "up"} />${list.length > 1 && html`<small aria-hidden="true">${place + 1}</small>`}</span>`}</button>`
      : column.text}
  </th>`;
}

function SelectAll({ keys, selected, onSelect }) {
  const count = keys.filter((key) => selected.has(key)).length;
  const all = count > 0 && count === keys.length;
  return html`<th scope="col" class="row-pick kept">
    <input type="checkbox" aria-label=${t("table.selectAll")} checked=${all}
    indeterminate=${count > 0 && !all} disabled=${!keys.length} onChange=${() => {
      const next = new Set(selected);
      for (const key of keys) all ? next.delete(key) : next.add(key);
      onSelect(next);
    }} /></th>`;
}

/** In place of rows that are out of sight. */
export const Spacer = ({ px, columns }) =>
  html`<tr class="spacer" aria-hidden="true"><td colspan=${columns} style=${{ height: `${px}px` }} /></tr>`;

const Row = memo(({ row, id, columns, index, isSelected, isCurrent, does }) => {
  const selects = isSelected !== null;
  const line = useRef(null);
  useLayoutEffect(() => {
    for (const inner of line.current.querySelectorAll("a, button")) {
      if (isCurrent) inner.removeAttribute("tabindex");
      else inner.tabIndex = -1;
    }
  });
  return html`<tr ref=${line} tabindex=${isCurrent ? "0" : "-1"} data-key=${id} aria-rowindex=${index + 2}
    class=${isSelected ? "selected" : ""} aria-selected=${selects ? isSelected : undefined}
      onFocus=${() => does.onFocus(id)}>
    ${selects &&
    html`<td class="row-pick kept"><input type="checkbox" tabindex="-1"
      aria-label=${t("table.select", { name: nameOf(columns, row) })}
      checked=${isSelected} onClick=${(event) => does.pick(id, event.shiftKey)} /></td>`}
    ${columns.map((column) => {
      const shown = column.cell ? column.cell(row) : (column.value(row) ?? "–");
      const looks = classes(column.number && "number", column.fixed && "kept", column.fixed && selects && "after");
      return column.fixed
        ? html`<th key=${column.key} scope="row" class=${looks}>${shown}</th>`
        : html`<td key=${column.key} class=${looks}>${shown}</td>`;
    })}
  </tr>`;
});

const nameOf = (columns, row) => columns.find((column) => column.fixed)?.value(row) ?? "";

function handlers(latest) {
  let began = null;
  const pick = (key, further) => {
    const { keys, selected, onSelect } = latest.current;
    onSelect(picked(selected, keys, key, further ? began : null));
    began = key;
  };
  return {
    pick,
    onFocus: (key) => latest.current.cursor.set(key),
    onKey(event) {
      const line = event.target.closest?.("tr[data-key]");
      if (!line) return;
      const { keys, onSelect, onOpen, ordered, cursor } = latest.current;
      const at = keys.findIndex((key) => String(key) === line.dataset.key);
      const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: keys.length - 1 }[event.key];
      if (target !== undefined && !event.ctrlKey
        && !event.metaKey) cursor.go(Math.max(0, Math.min(keys.length - 1, target)));
      else if (event.target === line && event.key === " " && onSelect) pick(keys[at], event.shiftKey);
      else if (event.target === line && event.key === "Enter" && onOpen) onOpen(ordered[at]);
      else return;
      event.preventDefault();
    },
  };
}

/** Which rows are to be drawn: all of few, else those in sight. `box` scrolls, each row has one height. */
export function useSight(box, count) {
  const [place, setPlace] = useState({ top: 0, height: 800, rowPx: 41 });
  const whole = count <= WHOLE_MAX;
  useEffect(() => {
    if (whole) return undefined;
    const element = box.current;
    const look = () => {
      const rowPx = element.querySelector("tr[data-key]")?.getBoundingClientRect().height || 41;
      setPlace((before) => {
        const now = { top: element.scrollTop, height: element.clientHeight, rowPx };
        // Drawn again only when the rows in sight are others.
        return now.height === before.height && now.rowPx === before.rowPx && Math.abs(now.top - before.top) < 4 * rowPx
          ? before : now;
      });
    };
    look();
    element.addEventListener("scroll", look, { passive: true });
    const watch = new ResizeObserver(look);
    watch.observe(element);
    return () => {
      element.removeEventListener("scroll", look);
      watch.disconnect();
    };
  }, [whole]);
  return { whole, rowPx: place.rowPx, window: whole ? [0, count]
    : windowOf(count, place.rowPx, place.top, place.height) };
}

/** The row that the keyboard is on; it and its links can be reached by Tab, the arrows do the rest. */
export function useCursor({ box, keys, sight }) {
  const [current, set] = useState(null);
  const wanted = useRef(null);
  const here = current !== null && keys.includes(current) ? current : keys[sight.window[0]];
  useLayoutEffect(() => {
    if (wanted.current === null) return;
    const line = [...box.current.querySelectorAll("tr[data-key]")].find((one) =>
      one.dataset.key === String(wanted.current));
    if (!line) return;
    wanted.current = null;
    line.focus();
  });
  const go = (index) => {
    wanted.current = keys[index];
    set(keys[index]);
    const [first, after] = sight.window;
    if (index < first || index >= after) box.current.scrollTop = index * sight.rowPx;
  };
  return { current: here, set, go };
}
