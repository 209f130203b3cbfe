// Which columns are shown: kept in the address.
import { html } from "../../app/dom.js";
import { setParams } from "../../app/router.js";
import { t } from "../../app/words.js";
import { showDialog } from "../../parts/dialog.js";
import { useState } from "../../app/dom.js";
import { Icon } from "../../parts/icons.js";
import { allColumns } from "./columns.js";

export function ColumnChoice({ keys }) {
  const choose = () => showDialog({ title: t("nodes.columnsTitle"),
    view: ({ close }) => html`<${Choice} keys=${keys} close=${close} />` });
  return html`<button type="button" class="small" onClick=${choose}>
    <${Icon} name="table" /> ${t("nodes.columnsButton")}</button>`;
}

function Choice({ keys, close }) {
  const [on, setOn] = useState(new Set(keys));
  const columns = allColumns().filter((column) => !column.fixed);
  const turn = (key) => {
    const next = new Set(on);
    if (!next.delete(key)) next.add(key);
    setOn(next);
  };
  const take = () => {
    const chosen = columns.filter((column) => on.has(column.key)).map((column) => column.key);
    setParams({ cols: chosen.join(",") });
    close();
  };
  return html`<div class="box-body"><div class="node-column-choice">${columns.map(
    (column) => html`<label class="check" key=${column.key}>
      <input type="checkbox" checked=${on.has(column.key)}
        onChange=${() => turn(column.key)} /> ${column.text}</label>`,
  )}</div></div>
  <div class="box-foot">
    <button type="button" onClick=${() => (setParams({ cols: null }), close())}>${t("nodes.columnsUsual")}</button>
    <button type="button" class="primary" disabled=${!columns.some((column) => on.has(column.key))}
      onClick=${take}>${t("nodes.columnsTake")}</button>
  </div>`;
}
