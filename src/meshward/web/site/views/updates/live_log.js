// What happened in a rollout, and the runs it is made of.
import { get } from "../../app/api.js";
import { useAsk } from "../../app/ask.js";
import { computed, html, useEffect, useMemo, useRef, useState } from "../../app/dom.js";
import { bytes, duration, moment, wholeMoment } from "../../app/format.js";
import { events, nameOf } from "../../app/state.js";
import { has, t } from "../../app/words.js";
import { Failed, Loading } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { eventWords } from "../../parts/event_words.js";

const PAGE = 50;
const LEVELS = { error: "bad", warning: "warn", info: "info" };

export function Log({ id }) {
  const [older, setOlder] = useState({ items: [], next: undefined, busy: false });
  const first = useAsk("/events", { rollout: id, limit: PAGE });
  const live = useLive(id);
  const items = useMemo(() => joined(live, first.value?.items ?? [], older.items), [live, first.value, older.items]);
  const next = older.next === undefined ? first.value?.next : older.next;
  const more = async () => {
    setOlder((now) => ({ ...now, busy: true }));
    try {
      const page = await get("/events", { rollout: id, limit: PAGE, cursor: next });
      setOlder((now) => ({ items: [...now.items, ...page.items], next: page.next, busy: false }));
    } catch {
      setOlder((now) => ({ ...now, busy: false }));
      first.reload();
    }
  };
  return html`<section class="card">
    <h2>${t("updates.live.log")}</h2>
    ${first.error && html`<${Failed} error=${first.error} retry=${first.reload} />`}
    ${first.loading && html`<${Loading} />`}
    ${first.value && !items.length && html`<p class="muted">${t("updates.live.logEmpty")}</p>`}
    <ol class="plain log" tabindex="0" aria-label=${t("updates.live.log")}>${items.map(
      (event) => html`<li key=${event.id}><time datetime=${event.at} title=${wholeMoment(event.at)}
        class="muted small">${moment(event.at)}</time>
        <span class="level ${LEVELS[event.severity]}"><${Icon} name=${LEVELS[event.severity] ?? "info"}
          label=${event.severity === "info" ? undefined : event.severity} /></span>
        <span class="log-text"><bdi>${eventWords(event, nameOf)}</bdi></span></li>`,
    )}</ol>
    ${next && html`<button type="button" class="small" disabled=${older.busy}
      onClick=${more}>${t("updates.live.logMore")}</button>`}
  </section>`;
}

/** The stream's events of this rollout; the same list for as long as no other came. */
function useLive(id) {
  const own = useRef(null);
  own.current ??= follow(id);
  return own.current.value;
}

function follow(id) {
  let last = [];
  return computed(() => {
    const mine = events.value.filter((event) => event.rollout === id);
    if (mine.length !== last.length || mine[0] !== last[0]) last = mine;
    return last;
  });
}

/** Newest first, none twice. */
function joined(...lists) {
  const byId = new Map();
  for (const list of lists) for (const event of list) byId.set(event.id, event);
  return [...byId.values()].sort((a, b) => b.id - a.id);
}

/** `mark` changes when another run may have begun. */
export function Runs({ id, mark }) {
  const { value, error, loading, reload } = useAsk("/updates", { rollout: id, limit: PAGE });
  const shown = useRef(mark);
  useEffect(() => {
    if (shown.current === mark) return;
    shown.current = mark;
    reload();
  }, [mark]);
  return html`<section class="card">
    <h2>${t("updates.live.runs")}</h2>
    ${error && html`<${Failed} error=${error} retry=${reload} />`}
    ${loading && html`<${Loading} />`}
    ${value && !value.items.length && html`<p class="muted">${t("updates.live.runsEmpty")}</p>`}
    ${value?.items.length > 0 && html`<div class="table-box plain-box" role="region" tabindex="0"
      aria-label=${t("updates.live.runsCaption")}><table class="runs">
      <caption class="unseen">${t("updates.live.runsCaption")}</caption>
      <thead><tr>${["runWhat", "runFor", "runSent", "runWhen", "runTook"].map(
        (key) => html`<th key=${key} scope="col">${t(`updates.live.${key}`)}</th>`,
      )}</tr></thead>
      <tbody>${value.items.map((run) => html`<tr key=${run.id}>
        <th scope="row">${t(`updates.live.runKinds.${run.kind}`)}${SENDING.includes(run.kind)
          && html` <span class="muted small">${strategyWord(run.strategy)}</span>`}</th>
        <td><bdi>${[Object.values(run.counts).reduce((sum, n) => sum + n, 0), run.hardware,
          run.role].filter(Boolean).join(" · ")}</bdi></td>
        <td class="number">${run.open ? "–" : bytes(run.sent_bytes)}</td>
        <td title=${wholeMoment(run.started_at)}>${moment(run.started_at)}</td>
        <td>${run.open ? t("updates.live.runOpen")
          : duration((Date.parse(run.ended_at) - Date.parse(run.started_at)) / 1000)}</td>
      </tr>`)}</tbody>
    </table></div>`}
  </section>`;
}

const SENDING = ["install", "rollback"];
const strategyWord = (strategy) =>
  (has(`updates.live.strategies.${strategy}`) ? t(`updates.live.strategies.${strategy}`) : strategy);
