// Views of the table as chips: those that are always there, and those that somebody saved for all.
import { may, patch } from "../../app/api.js";
import { useAsk } from "../../app/ask.js";
import { html, useEffect, useRef, useState } from "../../app/dom.js";
import { setParams } from "../../app/router.js";
import { dashboardChanges } from "../../app/state.js";
import { t } from "../../app/words.js";
import { confirmDialog, showDialog } from "../../parts/dialog.js";
import { Field } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { attempt, complain } from "../../parts/toast.js";
import { BUILT_IN, changesTo, queryOf } from "./filter.js";

const QUERY_MAX = 1000;
const VIEWS_MAX = 50;

export function SavedViews({ params }) {
  const asked = useAsk("/dashboard");
  const changes = dashboardChanges.value;
  const first = useRef(changes);
  useEffect(() => {
    if (changes !== first.current) asked.reload();
  }, [changes]);
  const saved = asked.value?.views ?? [];
  const query = queryOf(params);
  const all = [...BUILT_IN.map((view) => ({ ...view, name: t(`nodes.views.${view.key}`) })),
    ...saved.map((view) => ({ ...view, own: true }))];
  const here = all.find((view) => canonical(view.query) === query);
  return html`<nav class="node-view-chips" aria-label=${t("nodes.viewsLabel")}>
    ${all.map((view) => html`<span class="node-view-chip" key=${view.name + view.query}>
      <button type="button" class="small" aria-pressed=${view === here}
        onClick=${() => setParams(changesTo(view.query))}>
        <bdi class="cut" title=${view.name}>${view.name}</bdi></button>
      ${view.own && view === here && may("operator") &&
      html`<button type="button" class="quiet icon small" aria-label=${t("nodes.dropView", { name: view.name })}
        title=${t("nodes.dropView", { name: view.name })} onClick=${() => drop(view, asked.reload)}>
          <${Icon} name="trash" /></button>`}
    </span>`)}
    ${may("operator") && !here && asked.value &&
    html`<button type="button" class="quiet small" onClick=${() => add(query, saved, asked.reload)}>
      <${Icon} name="plus" /> ${t("nodes.saveView")}</button>`}
  </nav>`;
}

const canonical = (query) => queryOf(new URLSearchParams(query));

async function add(query, saved, reload) {
  if (query.length > QUERY_MAX) return complain(t("nodes.viewTooLong"));
  if (saved.length >= VIEWS_MAX) return complain(t("nodes.viewsFull", { n: VIEWS_MAX }));
  const name = await showDialog({ title: t("nodes.saveViewTitle"), view: NameForm });
  if (!name) return undefined;
  await attempt(() => patch("/dashboard", { save_view: { name, query } }), t("nodes.viewSaved", { name }));
  return reload();
}

async function drop(view, reload) {
  const go = await confirmDialog({
    title: t("nodes.dropView", { name: view.name }), consequences: [t("nodes.dropViewMeans")],
      action: t("nodes.dropViewDo"), danger: true,
  });
  if (!go) return;
  await attempt(() => patch("/dashboard", { drop_view: view.name }), t("nodes.viewDropped", { name: view.name }));
  reload();
}

function NameForm({ close }) {
  const [name, setName] = useState("");
  return html`<div class="box-body">
    <${Field} label=${t("nodes.viewName")}
      hint=${t("nodes.viewNameHint")}>${(control) =>
        html`<input ...${control} maxlength="60" autofocus required value=${name}
      onInput=${(event) => setName(event.target.value)} />`}</${Field}>
  </div>
  <div class="box-foot">
    <button type="button" onClick=${() => close()}>${t("common.cancel")}</button>
    <button type="submit" class="primary" disabled=${!name.trim()}
      onClick=${() => close(name.trim())}>${t("common.save")}</button>
  </div>`;
}
