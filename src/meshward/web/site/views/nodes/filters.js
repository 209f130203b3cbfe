// The controls above the table: search, and what is chosen of each field.
import { html, useEffect, useId, useRef, useState } from "../../app/dom.js";
import { LEVELS } from "../../app/levels.js";
import { setParams } from "../../app/router.js";
import { t } from "../../app/words.js";
import { Icon } from "../../parts/icons.js";
import { choicesOf, countOf, FILTERS, levelsOf, NONE } from "./filter.js";

const SEARCH_AFTER_MS = 150;

export function Filters({ params, rows, folded }) {
  const [open, setOpen] = useState(false);
  const count = countOf(params);
  const id = useId();
  return html`<div class="node-filters">
    <div class="row node-filters-first">
      <${Search} params=${params} />
      ${!folded && html`<${Levels} params=${params} rows=${rows} />`}
      ${folded &&
      html`<button type="button" aria-expanded=${open} aria-controls=${id} onClick=${() => setOpen(!open)}>
        <${Icon} name="filter" /> ${t("nodes.filters")}${count > 0
          && html` <span class="badge">${count}</span>`}</button>`}
    </div>
    <div class="node-filters-more" id=${id} hidden=${folded && !open}>
      ${folded && html`<${Levels} params=${params} rows=${rows} />`}
      <div class="node-filter-choices">
        <${Choice} name="mesh" params=${params} options=${[["in", t("nodes.mesh.in")], ["out", t("nodes.mesh.out")]]} />
        ${["hardware", "role", "version"].map(
          (name) => html`<${Choice} key=${name} name=${name} params=${params}
            options=${counted(rows, (row) => [row.node[name] || NONE])} />`,
        )}
        <${Choice} name="tag" params=${params}
          options=${counted(rows, (row) => (row.node.tags.length ? row.node.tags : [NONE]))} />
        <${Choice} name="excluded" params=${params}
          options=${[["yes", t("nodes.excluded.yes")], ["no", t("nodes.excluded.no")]]} />
        ${["outdated", "signal"].filter((name) => params.get(name)).map(
          (name) => html`<button type="button" class="small" key=${name} onClick=${() => setParams({ [name]: null })}
            aria-label=${t("nodes.drop", { what: special(name, params) })}>
            ${special(name, params)} <${Icon} name="close" /></button>`,
        )}
        ${count + (params.get("q") ? 1 : 0) > 0 &&
        html`<button type="button" class="quiet small"
          onClick=${() => setParams(Object.fromEntries(FILTERS.map((name) => [name, null])))}>
          <${Icon} name="close" /> ${t("nodes.clear")}</button>`}
      </div>
    </div>
  </div>`;
}

const special = (name, params) =>
  (name === "outdated" ? t("nodes.outdated") : t("nodes.signalBelow", { dbm: params.get("signal") }));

const counted = (rows, valuesOf) =>
  choicesOf(rows, valuesOf).map(([value, n]) => [value, `${value === NONE ? t("nodes.notKnown") : value} (${n})`]);

function Search({ params }) {
  const box = useRef(null);
  const timer = useRef(0);
  const asked = params.get("q") ?? "";
  const [text, setText] = useState(asked);
  // The address changed by other means, as by a saved view.
  useEffect(() => {
    if (document.activeElement !== box.current) setText(asked);
  }, [asked]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const search = (value) => {
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setParams({ q: value.trim() }), SEARCH_AFTER_MS);
  };
  return html`<label class="node-search"><span class="unseen">${t("nodes.search")}</span><${Icon} name="search" />
    <input type="search" ref=${box} value=${text} maxlength="100" placeholder=${t("nodes.searchHint")}
      title=${t("nodes.searchTitle")}
      onInput=${(event) => search(event.target.value)} /></label>`;
}

function Levels({ params, rows }) {
  const on = levelsOf(params);
  const turn = (level) => setParams({ level: (on.includes(level) ? on.filter((one) => one !== level)
    : [...on, level]).join(",") });
  return html`<div class="node-level-filter" role="group" aria-label=${t("nodes.levelFilter")}>${LEVELS.map((level) => {
    const n = rows.filter((row) => row.level === level).length;
    return html`<button type="button" class="small" key=${level} aria-pressed=${on.includes(level)}
      onClick=${() => turn(level)}>
      <span class="level ${level}"><${Icon} name=${level} />
        </span> ${t(`levels.${level}`)} <span class="muted">${n}</span></button>`;
  })}</div>`;
}

function Choice({ name, params, options }) {
  const value = params.get(name) ?? "";
  const known = options.some(([key]) => key === value);
  return html`<label class="node-choice"><span>${t(`nodes.choose.${name}`)}</span>
    <select class=${value ? "set" : ""} value=${value} onChange=${(event) => setParams({ [name]: event.target.value })}>
      <option value="">${t("common.all")}</option>
      ${!known && value && html`<option value=${value}>${value}</option>`}
      ${options.map(([key, text]) => html`<option key=${key} value=${key}>${text}</option>`)}
    </select></label>`;
}
