// What a rule would have fired on, while it is being changed.
import { post } from "../../app/api.js";
import { html, useEffect, useRef, useState } from "../../app/dom.js";
import { duration, moment, nowMs, wholeMoment } from "../../app/format.js";
import { locale, t } from "../../app/words.js";
import { Failed, LiveNode, Note } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { perDay, trialOf } from "./rule_model.js";
import { shown } from "./rule_words.js";

const SETTLED_MS = 700;
const DAYS = 7;
const LISTED_MAX = 50;

/** Tries the draft when asked to, and from then on whenever it changes. `ready`: whether the draft can be. */
export function Trial({ draft, rule, ready }) {
  const [started, setStarted] = useState(false);
  const [state, setState] = useState({ view: null, error: null, busy: false });
  const turn = useRef(0);
  const { trial, note, why } = trialOf(draft, rule);
  const key = trial && ready ? JSON.stringify(trial) : null;
  const run = async () => {
    const mine = ++turn.current;
    setState((before) => ({ ...before, busy: true }));
    try {
      const view = await post("/alert-rules/try", { ...trial, days: DAYS });
      if (mine === turn.current) setState({ view, error: null, busy: false });
    } catch (error) {
      if (mine === turn.current) setState((before) => ({ view: before.view, error, busy: false }));
    }
  };
  useEffect(() => {
    if (!started || key === null) return undefined;
    const timer = setTimeout(run, state.view ? SETTLED_MS : 0);
    return () => {
      clearTimeout(timer);
      turn.current += 1;
    };
  }, [started, key]);
  return html`<section class="card trial" aria-labelledby="trial-title">
    <h2 id="trial-title">${t("alerts.trial.title")}</h2>
    ${why
      ? html`<${Note}>${t(`alerts.trial.why.${why}`)}</${Note}>`
      : html`${note && html`<p class="muted small">${t(`alerts.trial.note.${note}`)}</p>`}
          ${!started && html`<p class="muted small">${t("alerts.trial.about")}</p>`}
          ${!started && html`<button type="button" disabled=${!ready} onClick=${() => setStarted(true)}>
            <${Icon} name="play" /> ${t("alerts.trial.do")}</button>`}
          ${started && !ready && html`<${Note} level="warn">${t("alerts.trial.notReady")}</${Note}>`}
          ${state.error && html`<${Failed} error=${state.error} retry=${run} />`}
          ${started && !state.view && !state.error && ready && html`<p class="muted" role="status">
            ${t("alerts.trial.busy")}</p>`}
          ${state.view && html`<${Result} view=${state.view} old=${state.busy || !ready} />`}`}
  </section>`;
}

const dayName = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric" });

function Result({ view, old }) {
  const { episodes, unit } = view;
  const listed = episodes.slice(0, LISTED_MAX);
  return html`<div class="trial-result ${old ? "is-old" : ""}" aria-busy=${old ? "true" : "false"}>
    <p class="trial-text" role="status"><strong>${view.text}</strong></p>
    ${view.days < DAYS * 0.95 && html`<p class="muted small">
      ${t("alerts.trial.short", { time: duration(view.days * 86_400) })}</p>`}
    ${view.count > 0 && html`<${Days} view=${view} />`}
    ${listed.length > 0 &&
    html`<div class="table-box episodes" tabindex="0"><table>
      <caption class="unseen">${t("alerts.trial.episodes")}</caption>
      <thead><tr><th scope="col">${t("alerts.history.node")}</th><th scope="col">${t("alerts.trial.from")}</th>
        <th scope="col">${t("alerts.history.lasted")}</th><th scope="col" class="number">${t("alerts.trial.worst")}</th>
          </tr></thead>
      <tbody>${listed.map(
        (one) => html`<tr key=${`${one.node} ${one.from_at}`}>
          <td><${LiveNode} id=${one.node} /></td>
          <td class="when"><time datetime=${one.from_at} title=${wholeMoment(one.from_at)}>${moment(one.from_at)}</time>
            </td>
          <td class="when">${lasted(one)}</td>
          <td class="number when">${shown(one.worst, unit)}</td></tr>`,
      )}</tbody></table></div>`}
    ${view.count > listed.length && html`<p class="muted small">
      ${t("alerts.trial.newest", { n: listed.length, count: view.count })}</p>`}
  </div>`;
}

const lasted = ({ from_at, until_at }) =>
  until_at ? duration((Date.parse(until_at) - Date.parse(from_at)) / 1000) : t("alerts.trial.now");

/** How often a day, as bars with their numbers. */
function Days({ view }) {
  const days = perDay(view, nowMs.peek());
  const most = Math.max(1, ...days.map(({ count }) => count ?? 0));
  return html`<ol class="plain trial-days" aria-label=${t("alerts.trial.perDay")}>${days.map(
    ({ startMs, count }) => html`<li key=${startMs}>
      <span class="count">${count ?? "?"}</span>
      <span class="bar" style=${{ height: `${Math.round((44 * (count ?? 0)) / most)}px` }} />
      <span class="day">${dayName.format(startMs)}</span>
    </li>`,
  )}</ol>`;
}
