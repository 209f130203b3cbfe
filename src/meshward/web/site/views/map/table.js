// The map as a table: the same tree with the same facts and actions, for who cannot see the picture or would rather
// read.
import { html, memo, useRef } from "../../app/dom.js";
import { bytes, measure } from "../../app/format.js";
import { go, to } from "../../app/router.js";
import { nameOf, nodes } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Ago, Badge, Empty, Level } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { Spacer, useCursor, useSight } from "../../parts/table.js";
import { isFiltering } from "./filter.js";
import { atMs, collapsed, focused, metrics, options, places, select, selected, toggleFold } from "./model.js";
import { ownId } from "./moves.js";
import { Actions, pathWords } from "./panel.js";
import { isGone, isHit, linkWords, shownLevel } from "./scene.js";
import { neighboursOf, pathOf } from "./tree.js";

const COLUMNS = ["node", "level", "behindIt", "linkTo", "version", "role", "heap", "delay", "seen"];

/** Ids in the order in which a tree is read, with those that lead to what is looked for. */
function rowsOf() {
  const near = focused.value === null ? null : new Set(neighboursOf(places.value, focused.value));
  const searching = isFiltering(options.value.wanted);
  const kept = new Set();
  if (searching || near) {
    for (const id of places.value.keys()) {
      if (isHit(id) && (!near || near.has(id))) for (const one of pathOf(places.value, id)) kept.add(one);
    }
  }
  const rows = [];
  const visit = [...places.value.get(ownId.value).children].reverse();
  while (visit.length) {
    const id = visit.pop();
    if ((searching || near) && !kept.has(id)) continue;
    rows.push(id);
    if (!collapsed.value.has(id)) visit.push(...[...places.value.get(id).children].reverse());
  }
  return rows;
}

export function TreeTable() {
  const rows = rowsOf();
  const box = useRef(null);
  const sight = useSight(box, rows.length);
  const cursor = useCursor({ box, keys: rows, sight });
  if (!rows.length)
    return html`<${Empty} icon="map">${t(places.value.size > 1 ? "map.noHit" : "map.empty")}</${Empty}>`;
  const onKey = (event) => {
    const row = event.target.closest("[data-node]");
    if (event.target !== row || !row) return;
    const id = Number(row.dataset.node);
    const target = keyed(event.key, id, rows);
    if (target === undefined) return;
    event.preventDefault();
    if (target !== null) cursor.go(rows.indexOf(target));
  };
  const onFocusIn = ({ target }) => {
    const row = target.closest("[data-node]");
    if (row) cursor.set(Number(row.dataset.node));
  };
  const [first, after] = sight.window;
  const spacer = (count) => count > 0 && html`<${Spacer} px=${count * sight.rowPx} columns=${COLUMNS.length + 1} />`;
  return html`<div class="table-box ${sight.whole ? "" : "map-windowed"}" ref=${box}>
    <table class="map-table" role="treegrid" aria-label=${t("map.tableLabel")} aria-rowcount=${rows.length + 1}>
    <caption class="unseen">${t("map.tableLabel")}. ${t("map.tableKeys")}</caption>
    <thead><tr>${COLUMNS.map((name) => html`<th key=${name} scope="col"
      class=${["behindIt", "heap", "delay"].includes(name) ? "number" : ""}>${t(`map.${name}`)}</th>`)}
      <th scope="col"><span class="unseen">${t("map.actions")}</span></th></tr></thead>
    <tbody onKeyDown=${onKey} onFocusIn=${onFocusIn}>${spacer(first)}${rows.slice(first, after).map((id, at) => {
      const place = places.value.get(id);
      return html`<${Row} key=${id} id=${id} node=${nodes.value.get(id)} values=${metrics.value.get(id)}
        depth=${place.depth} behind=${place.behind}
        folded=${place.children.length ? collapsed.value.has(id) : null} gone=${isGone(id)} past=${atMs.value !== null}
          link=${linkWords(id)}
        hit=${isHit(id)} chosen=${id === selected.value} first=${id === cursor.current} index=${first + at} />`;
    })}${spacer(rows.length - after)}</tbody>
  </table></div>`;
}

/** The row to go to, null for none where the key did something else, undefined where it means nothing. */
function keyed(key, id, rows) {
  const place = places.peek().get(id);
  const at = rows.indexOf(id);
  const hasChildren = place.children.length > 0;
  const isFolded = collapsed.peek().has(id);
  if (key === "ArrowDown") return rows[at + 1] ?? null;
  if (key === "ArrowUp") return rows[at - 1] ?? null;
  if (key === "Home") return rows[0];
  if (key === "End") return rows.at(-1);
  if (key === "ArrowLeft")
    return hasChildren && !isFolded ? fold(id) : rows.includes(place.parent) ? place.parent : null;
  if (key === "ArrowRight") return hasChildren ? (isFolded ? fold(id) : (rows[at + 1] ?? null)) : null;
  if (key === "Enter") go(to("nodes", id));
  else if (key === " ") select(id === selected.peek() ? null : id);
  else return undefined;
  return null;
}

function fold(id) {
  toggleFold(id);
  return null;
}

const Row = memo(function Row({ id, node, values = {}, depth, behind, folded, gone, past, link, hit, chosen, first, index }) {
  const level = shownLevel(id, gone);
  return html`<tr data-node=${id} data-key=${id} aria-rowindex=${index + 2} aria-level=${depth} aria-expanded=${folded === null ? undefined : !folded}
    aria-selected=${chosen} tabindex=${first ? 0 : -1}
    class=${hit ? "" : "beside"}>
    <th scope="row"><span class="map-row-name" style=${{ paddingInlineStart: `${Math.min(depth - 1, 12) * 16}px` }}>
      ${
        folded === null
          ? html`<span class="map-twig" />`
          : html`<button type="button" class="quiet icon small map-twig" tabindex="-1"
            aria-label=${t(folded ? "map.unfoldNode" : "map.foldNode", { name: nameOf(id) })}
            onClick=${() => toggleFold(id)}><${Icon} name=${folded ? "right" : "down"} /></button>`
      }
      <a class="cut" href=${to("nodes", id)} title=${nameOf(id)}><bdi>${nameOf(id)}</bdi></a></span></th>
    <td>${level === "past" ? "–" : html`<${Level} level=${level} />`}</td>
    <td class="number">${behind || "–"}</td>
    <td>${gone || past ? "–" : link}</td>
    <td>${node?.version ? html`<${Badge} title=${node.version}>${node.version}</${Badge}>` : "–"}</td>
    <td class="cut">${node?.role || "–"}</td>
    <td class="number">${past ? "–" : bytes(values.heap_free_bytes ?? node?.free_heap_bytes)}</td>
    <td class="number">${past ? "–" : measure(values.delay_ms ?? node?.delay_ms, "ms")}</td>
    <td>${node?.online ? t("map.isIn") : node?.last_seen_at ? html`<${Ago} at=${node.last_seen_at} />` : "–"}</td>
    <td><button type="button" class="quiet icon small" tabindex="-1" aria-expanded=${chosen}
      aria-label=${t("map.actionsOf", { name: nameOf(id) })}
      onClick=${() => select(chosen ? null : id)}><${Icon} name="more" /></button></td>
  </tr>
  ${
    chosen &&
    html`<tr class="map-row-path"><td colspan=${COLUMNS.length + 1}><p>${pathWords(id)}</p>
    <${Actions} id=${id} node=${node}><a class="button small" href=${to("map", { node: id })}>
      <${Icon} name="map" /> ${t("map.onMap")}</a></${Actions}></td></tr>`
  }`;
});
