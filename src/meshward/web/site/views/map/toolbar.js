// Above the map: find, filter, and how it is shown.
import { html, useEffect, useRef, useState } from "../../app/dom.js";
import { LEVELS } from "../../app/levels.js";
import { setParams } from "../../app/router.js";
import { nodes } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Segments } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { Menu } from "../../parts/menu.js";
import { choicesOf, FILTERS, isFiltering } from "./filter.js";
import {
  BADGES,
  atMs,
  focused,
  focusOn,
  foldBelow,
  KINDS,
  options,
  placed,
  places,
  select,
  unfoldAll,
} from "./model.js";
import { tidyUp } from "./places.js";
import { isHit } from "./scene.js";

const TYPED_MS = 200;
const FOLD_DEPTH = 2;

export function Toolbar({ exports, onReplay }) {
  const [open, setOpen] = useState(false);
  const { table, kind, badge, wanted, gone } = options.value;
  const count = FILTERS.filter((name) => wanted[name]).length;
  const isPast = atMs.value !== null;
  const replay = () => {
    setOpen(false); // the picture is to be in sight
    onReplay();
  };
  return html`<div class="map-tools${open || count > 0 ? " open" : ""}${isPast ? " past" : ""}" role="search" aria-label=${t("map.tools")}>
    <${Find} />
    <button type="button" aria-expanded=${open} aria-controls="map-filters" onClick=${() => setOpen(!open)}>
      <${Icon} name="filter" /> ${t("map.filter")}${count > 0 && html`
        <span class="badge unknown">${count}</span>`}</button>
    ${
      !table &&
      html`<div class="map-how">
      <span title=${t("map.layoutHint")}><${Segments} label=${t("map.layout")} value=${kind}
        options=${KINDS.map((key) => [key, t(`map.kinds.${key}`)])}
        onChange=${(layout) => setParams({ layout: layout === KINDS[0] ? null : layout })} /></span>
      <label class="map-badge"><span>${t("map.badge")}</span>
        <select value=${badge}
          onChange=${(event) => setParams({ badge: event.target.value === BADGES[0] ? null : event.target.value })}>
          ${BADGES.map((key) => html`<option key=${key} value=${key}>${t(`map.badges.${key}`)}</option>`)}
        </select></label>
    </div>`
    }
    <span class="map-tools-end">
      <button type="button" aria-pressed=${isPast} onClick=${replay}>
        <${Icon} name="clock" /> ${t("map.replay.open")}</button>
      <${Menu} label=${t("map.menu")} items=${[
        { text: t("map.unfoldAll"), icon: "plus", run: unfoldAll },
        { text: t("map.foldAll"), icon: "fold", run: () => foldBelow(FOLD_DEPTH) },
        { text: t("map.tidy.menu"), icon: "pin", run: tidyUp, when: placed.value.size > 0 },
        ...(table ? [] : exports),
      ]} />
    </span>
    <div class="map-filters" id="map-filters" hidden=${!open && count === 0}>
      <${Choice} name="level" value=${wanted.level} values=${LEVELS.map((level) => [level, t(`levels.${level}`)])} />
      <${Others} wanted=${wanted} />
      <label class="check"><input type="checkbox" checked=${gone}
        onChange=${(event) => setParams({ gone: event.target.checked ? null : "no" })} />
        ${t("map.showGone")}</label>
    </div>
    <${Found} />
  </div>`;
}

function Others({ wanted }) {
  const choices = choicesOf(nodes.value.values());
  return ["role", "version", "tag"].map(
    (name) =>
      html`<${Choice} key=${name} name=${name} value=${wanted[name]}
        values=${choices[name].map((value) => [value, value])} />`,
  );
}

function Choice({ name, value, values }) {
  // What is in the address is a choice, even where no node has it any more.
  const all = !value || values.some(([key]) => key === value) ? values : [...values, [value, value]];
  return html`<label><span>${t(`map.${name}`)}</span>
    <select value=${value} onChange=${(event) => setParams({ [name]: event.target.value || null })}>
      <option value="">${t("common.all")}</option>
      ${all.map(([key, text]) => html`<option key=${key} value=${key}>${text}</option>`)}
    </select></label>`;
}

function Find() {
  const { q } = options.value.wanted;
  const [typed, setTyped] = useState(q);
  const timer = useRef(0);
  useEffect(() => setTyped(q), [q]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const seek = (text) => {
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setParams({ q: text.trim() || null }), TYPED_MS);
  };
  const onKey = (event) => {
    if (event.key === "Enter") {
      clearTimeout(timer.current);
      setParams({ q: typed.trim() || null });
      const first = firstHit();
      if (typed.trim() && first !== undefined) select(first);
    } else if (event.key === "Escape" && typed) seek("");
    else return;
    event.preventDefault();
  };
  return html`<label class="map-find"><span class="unseen">${t("map.find")}</span><${Icon} name="search" />
    <input type="search" maxlength="60" value=${typed} placeholder=${t("map.find")}
      onInput=${(event) => seek(event.target.value)} onKeyDown=${onKey} /></label>`;
}

const firstHit = () => [...places.value.keys()].find((id) => places.value.get(id).parent !== null && isHit(id));

/** What came of it, and the way out. */
function Found() {
  const { wanted } = options.value;
  const searching = isFiltering(wanted);
  if (!searching && focused.value === null) return null;
  const all = [...places.value.keys()].filter((id) => places.value.get(id).parent !== null);
  const clear = () => setParams({ q: null, level: null, role: null, version: null, tag: null });
  return html`<p class="map-found" role="status">
    ${
      searching &&
      html`<span>${t("map.found", { n: all.filter(isHit).length, all: all.length })}</span>
      <button type="button" class="small" onClick=${clear}><${Icon} name="close" /> ${t("map.clear")}</button>`
    }
    ${
      focused.value !== null &&
      html`<span>${t("map.focusedOn")}</span>
      <button type="button" class="small" onClick=${() => focusOn(null)}>
        <${Icon} name="close" /> ${t("map.unfocus")}</button>`
    }
  </p>`;
}
