// The map: the tree of the mesh, live and as it was.
import { computed, html, useEffect, useRef } from "../app/dom.js";
import { gatewayMs, moment } from "../app/format.js";
import { setParams } from "../app/router.js";
import { gateway, nodes } from "../app/state.js";
import { t } from "../app/words.js";
import { Empty, Loading, Segments } from "../parts/basics.js";
import { attempt, complain } from "../parts/toast.js";
import { Canvas, paletteNow } from "./map/canvas.js";
import { mapSvg } from "./map/export_svg.js";
import { Legend } from "./map/legend.js";
import { atMs, follow, options, selected } from "./map/model.js";
import { ownId } from "./map/moves.js";
import { Panel, pathWords } from "./map/panel.js";
import { Changes, closeReplay, openReplay, ReplayBar } from "./map/replay_bar.js";
import { scene } from "./map/scene.js";
import { TreeTable } from "./map/table.js";
import { Toolbar } from "./map/toolbar.js";

const isThere = computed(() => gateway.value !== null);
const isEmpty = computed(() => nodes.value.size === 0);
const isTable = computed(() => options.value.table);
const isPast = computed(() => atMs.value !== null);

export default function MapView() {
  return html`<div class="map-page">
    <div class="view-head">
      <h1>${t("nav.map")}</h1>
      <${Segments} label=${t("map.show")} value=${isTable.value ? "table" : "map"}
        options=${["map", "table"].map((key) => [key, t(`map.shows.${key}`)])}
        onChange=${(show) => setParams({ show: show === "map" ? null : show })} />
    </div>
    ${!isThere.value ? html`<${Loading} />` : isEmpty.value ? html`<${Empty}
      icon="map">${t("map.empty")}</${Empty}>` : html`<${Shown} />`}
  </div>`;
}

function Shown() {
  const graph = useRef(null);
  useEffect(follow, []);
  const exports = [
    { text: t("map.saveSvg"), icon: "download", run: saveSvg },
    { text: t("map.savePng"), icon: "image", run: () => savePng(graph.current) },
  ];
  return html`<${Toolbar} exports=${exports} onReplay=${isPast.value ? closeReplay : openReplay} />
    ${isPast.value && html`<${ReplayBar} />`}
    ${
      isTable.value
        ? html`<${TreeTable} />`
        : html`<div class="map-stage${isPast.value ? " past" : ""}">
          <${Canvas} graphRef=${graph} />
          <div class="map-side"><${Panel} />${isPast.value && html`<${Changes} />`}</div>
        </div>
        <${Legend} />`
    }
    <${Spoken} />`;
}

/** What the selection is, for screen readers: the picture itself says nothing. */
const Spoken = () => {
  const id = isTable.value ? null : selected.value;
  return html`<p class="unseen" role="status">${id === null || id === ownId.value ? "" : pathWords(id)}</p>`;
};

function fileName(ending) {
  const at = new Date(atMs.peek() ?? gatewayMs());
  const two = (value) => String(value).padStart(2, "0");
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  return `mesh-${day}-${two(at.getHours())}${two(at.getMinutes())}.${ending}`;
}

function saveSvg() {
  const title = t("map.exportTitle", { time: moment(new Date(atMs.peek() ?? gatewayMs()).toISOString()) });
  save(
    new Blob([mapSvg({ scene: scene.peek(), palette: paletteNow(), title })], { type: "image/svg+xml" }),
    fileName("svg"),
  );
}

async function savePng(graph) {
  if (!graph) return complain(t("map.notDrawn"));
  const blob = await attempt(() => graph.png());
  if (blob) save(blob, fileName("png"));
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
