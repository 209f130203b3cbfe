// Rollouts that are under way, and those that are over.
import { get, may } from "../../app/api.js";
import { useAsk } from "../../app/ask.js";
import { computed, html, useEffect, useRef, useState } from "../../app/dom.js";
import { duration } from "../../app/format.js";
import { levelOfUpdate } from "../../app/levels.js";
import { FINAL, isFinal, tally } from "../../app/rollouts.js";
import { to } from "../../app/router.js";
import { rollouts } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Ago, Badge, Empty, Failed, Loading, Note, Progress } from "../../parts/basics.js";
import { stateWord } from "../../parts/event_words.js";

const PAGE = 20;
let last = [];

/** Rollouts that are not over, newest first; the same list for as long as none of them changed. */
export const active = computed(() => {
  const next = [...rollouts.value.values()]
    .filter((rollout) => !isFinal(rollout.state))
    .sort((a, b) => b.created_at.localeCompare(a.created_at));
  if (next.length !== last.length || next.some((rollout, at) => rollout !== last[at])) last = next;
  return last;
});

/** The state of a rollout or of one of its boards, by word, shape and colour. */
export const StateBadge = ({ state, text }) => {
  const level = levelOfUpdate(state);
  return html`<${Badge} level=${level} icon=${level}>${text ?? stateWord(state)}</${Badge}>`;
};

/** Links to rollouts, side by side. */
export const RolloutLinks = ({ list }) =>
  list.map((rollout, at) => html`<span key=${rollout.id}>${at > 0 && ", "}<a
    href=${to("updates", rollout.id)}><bdi>${rollout.name}</bdi></a> (${stateWord(rollout.state)})</span>`);

const SETTINGS_EVERY_MS = 10_000;

/** That all updates are held back, where they are; viewers are not told of settings. */
export function Held() {
  const settings = useAsk(may("operator") ? "/settings" : null, {}, { everyMs: SETTINGS_EVERY_MS });
  return settings.value?.updates_paused
    ? html`<${Note} level="warn" role="status">${t("updates.list.paused")} <a
      href=${to("settings", "updates")}>${t("updates.list.pausedWhere")}</a></${Note}>`
    : null;
}

export function Active() {
  const list = active.value;
  return html`<section class="stack tight">
    <h2>${t("updates.list.active")}</h2>
    ${list.length
      ? html`<ul class="plain rollout-cards">${list.map((rollout) =>
        html`<${ActiveCard} key=${rollout.id} rollout=${rollout} />`)}</ul>`
      : html`<p class="muted">${t("updates.list.noneActive")}</p>`}
  </section>`;
}

function ActiveCard({ rollout }) {
  const { good, bad, total, share } = tally(rollout);
  const wave = rollout.wave_names[rollout.wave];
  return html`<li class="card rollout-card">
    <div class="row spread">
      <h3 class="cut"><a href=${to("updates", rollout.id)} title=${rollout.name}><bdi>${rollout.name}</bdi></a></h3>
      <${StateBadge} state=${rollout.state} />
    </div>
    <${Progress} share=${share} label=${t("updates.live.progress")} />
    <div class="row spread small">
      <span>${t("updates.list.progress", { good, n: total })}
        ${bad > 0 && html` · <span class="level bad">${t("updates.list.trouble", { n: bad })}</span>`}</span>
      ${wave && html`<span class="muted cut">${t("updates.list.wave",
        { wave, n: rollout.wave + 1, total: rollout.wave_names.length })}</span>`}
    </div>
    ${rollout.reason && html`<p class="small muted clamp" title=${rollout.reason}><bdi>${rollout.reason}</bdi></p>`}
  </li>`;
}

/** Pages of rollouts that are over; `emptyText` is for where there are none. */
export function History({ emptyText }) {
  const first = useAsk("/rollouts", { state: FINAL, limit: PAGE });
  const [older, setOlder] = useState({ items: [], next: undefined, busy: false, error: null });
  const ids = active.value.map((rollout) => rollout.id).join();
  const shown = useRef(ids);
  useEffect(() => {
    if (shown.current === ids) return; // was just asked
    shown.current = ids;
    first.reload();
    setOlder({ items: [], next: undefined, busy: false, error: null });
  }, [ids]);
  const next = older.next === undefined ? first.value?.next : older.next;
  const more = async () => {
    setOlder((now) => ({ ...now, busy: true, error: null }));
    try {
      const page = await get("/rollouts", { state: FINAL, limit: PAGE, cursor: next });
      setOlder((now) => ({ items: [...now.items, ...page.items], next: page.next, busy: false, error: null }));
    } catch (error) {
      setOlder((now) => ({ ...now, busy: false, error }));
    }
  };
  const items = [...(first.value?.items ?? []), ...older.items];
  return html`<section class="stack tight">
    <h2>${t("updates.list.history")}</h2>
    ${first.error && html`<${Failed} error=${first.error} retry=${first.reload} />`}
    ${first.loading && html`<${Loading} />`}
    ${first.value && !items.length && html`<div class="card"><${Empty} icon="updates">${emptyText}</${Empty}></div>`}
    ${items.length > 0 && html`<div class="table-box"><table class="history">
      <caption class="unseen">${t("updates.list.caption")}</caption>
      <thead><tr>${["name", "state", "result", "when", "took", "by"].map(
        (key) => html`<th key=${key} scope="col" class=${key}>${t(`updates.list.${key}`)}</th>`,
      )}</tr></thead>
      <tbody>${items.map((rollout) => html`<${HistoryRow} key=${rollout.id} rollout=${rollout} />`)}</tbody>
    </table></div>`}
    ${older.error && html`<${Failed} error=${older.error} retry=${more} />`}
    ${next && html`<div><button type="button" disabled=${older.busy}
      onClick=${more}>${t("updates.list.more")}</button></div>`}
  </section>`;
}

function HistoryRow({ rollout }) {
  const { good, total } = tally(rollout);
  const took = rollout.started_at && (Date.parse(rollout.ended_at) - Date.parse(rollout.started_at)) / 1000;
  return html`<tr>
    <th scope="row" class="name"><a class="cut" href=${to("updates", rollout.id)}
      title=${rollout.name}><bdi>${rollout.name}</bdi></a>
      <span class="when-small muted small"><${Ago} at=${rollout.ended_at} /></span></th>
    <td class="state"><${StateBadge} state=${rollout.state} /></td>
    <td class="result">${t("updates.list.progress", { good, n: total })}</td>
    <td class="when"><${Ago} at=${rollout.ended_at} /></td>
    <td class="took">${took ? duration(took) : "–"}</td>
    <td class="by"><span class="cut" title=${rollout.created_by}><bdi>${rollout.created_by}</bdi></span></td>
  </tr>`;
}
