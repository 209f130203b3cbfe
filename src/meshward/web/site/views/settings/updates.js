// Settings of updates that can be changed while the gateway runs, and what it was started with.
import { may, patch } from "../../app/api.js";
import { useAsk } from "../../app/ask.js";
import { html, useState } from "../../app/dom.js";
import { t } from "../../app/words.js";
import { Failed, Field, Loading, Note } from "../../parts/basics.js";
import { confirmDialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { attempt } from "../../parts/toast.js";
import { byTable, numbersOf } from "./model.js";

export function Updates() {
  const { value, error, loading, reload } = useAsk("/settings");
  const [mine, setMine] = useState(null);
  const settings = mine ?? value;
  if (loading) return html`<${Loading} />`;
  return html`<div class="stack">
    ${error && html`<${Failed} error=${error} retry=${reload} />`}
    ${settings &&
    html`<${Paused} settings=${settings} onChange=${setMine} />
      <${Numbers} key=${`${settings.updates_at_once} ${settings.probe_every_s}`} settings=${settings}
        onChange=${setMine} />
      <${Fixed} fixed=${settings.fixed} />`}
  </div>`;
}

function Paused({ settings, onChange }) {
  const [busy, setBusy] = useState(false);
  const paused = settings.updates_paused;
  const turn = async () => {
    if (!paused) {
      const sure = await confirmDialog({
        title: t("settings.updates.pauseTitle"),
        consequences: [t("settings.updates.pauseConsequence")],
        action: t("settings.updates.pause"),
      });
      if (!sure) return;
    }
    setBusy(true);
    const done = await attempt(
      () => patch("/settings", { updates_paused: !paused }),
      t(paused ? "settings.updates.goesOn" : "settings.updates.isPaused"),
    );
    if (done) onChange(done);
    setBusy(false);
  };
  const button =
    may("admin") &&
    html`<button type="button" class=${paused ? "primary" : ""} disabled=${busy} onClick=${turn}>
      <${Icon} name=${paused ? "play" : "pause"} /> ${t(paused ? "settings.updates.resume" : "settings.updates.pause")}
      </button>`;
  return html`<section class="card" aria-labelledby="set-paused">
    <h2 id="set-paused">${t("settings.updates.title")}</h2>
    ${paused
      ? html`<div class="loud"><${Note} level="warn"><p><strong>${t("settings.updates.banner")}</strong></p><p>
        ${t("settings.updates.bannerHint")}</p>${button}</${Note}></div>`
      : html`<div class="row spread"><p>${t("settings.updates.running")}</p>${button}</div>`}
  </section>`;
}

const LIMITS = { updates_at_once: [1, 16], probe_every_s: [1, 86_400] };

// As they are to be typed: without grouping.
const rangeOf = (name) => ({ low: String(LIMITS[name][0]), high: String(LIMITS[name][1]) });

function Numbers({ settings, onChange }) {
  const [typed, setTyped] = useState({
    updates_at_once: String(settings.updates_at_once),
    probe_every_s: String(settings.probe_every_s),
  });
  const [busy, setBusy] = useState(false);
  const { changes, wrong } = numbersOf(typed, settings, LIMITS);
  const save = async (event) => {
    event.preventDefault();
    setBusy(true);
    const done = await attempt(() => patch("/settings", changes), t("settings.updates.saved"));
    if (done) onChange(done);
    setBusy(false);
  };
  const field = (name) => html`<${Field} label=${t(`settings.updates.${name}`)}
    hint=${t(`settings.updates.hint.${name}`)}
    wrong=${wrong[name] && t("settings.updates.range", rangeOf(name))}>
      ${(control) => html`<input ...${control} inputmode="decimal"
      autocomplete="off" readonly=${!may("admin")} value=${typed[name]}
        onInput=${(event) => setTyped({ ...typed, [name]: event.target.value })} />`}</${Field}>`;
  return html`<form class="card stack" onSubmit=${save} aria-labelledby="set-numbers">
    <h2 id="set-numbers">${t("settings.updates.numbers")}</h2>
    <div class="two">${field("updates_at_once")}${field("probe_every_s")}</div>
    ${may("admin") && html`<div class="row"><button class="primary"
      disabled=${busy || Object.keys(wrong).length > 0 || !Object.keys(changes).length}>${t("common.save")}</button>
      </div>`}
  </form>`;
}

function Fixed({ fixed }) {
  return html`<section class="card stack" aria-labelledby="set-fixed">
    <h2 id="set-fixed">${t("settings.fixed.title")}</h2>
    <p class="muted small">${t("settings.fixed.hint")}</p>
    <div class="settings-fixed">${byTable(fixed).map(
      ([table, rows]) => html`<div key=${table}><h3 class="mono">${table ? `[${table}]` : t("settings.fixed.top")}</h3>
        <dl class="facts">${rows.map(([key, shown]) => html`<dt class="mono" key=${key}>${key}</dt><dd>
          ${shown ?? html`<span class="muted">${t("settings.fixed.none")}</span>`}</dd>`)}</dl></div>`,
    )}</div>
  </section>`;
}
