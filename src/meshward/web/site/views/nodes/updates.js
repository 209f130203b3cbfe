// The updates of a node.
import { html } from "../../app/dom.js";
import { duration, moment, wholeMoment } from "../../app/format.js";
import { to } from "../../app/router.js";
import { has, t } from "../../app/words.js";
import { Badge, Empty, Failed, Loading } from "../../parts/basics.js";
import { UpdateState } from "./columns.js";
import { comparable } from "./history.js";

export function UpdatesTab({ id, detail }) {
  if (detail.error && !detail.value) return html`<${Failed} error=${detail.error} retry=${detail.reload} />`;
  if (!detail.value) return html`<${Loading} />`;
  const attempts = [...detail.value.attempts].sort((a, b) => (b.started_at ?? "").localeCompare(a.started_at ?? ""));
  return html`<section class="card"><h2>${t("nodes.tabs.updates")}</h2>
    ${!attempts.length ? html`<${Empty} icon="updates">${t("nodes.noUpdates")}</${Empty}>`
      : html`<div class="table-box"><table>
        <caption class="unseen">${t("nodes.updatesCaption")}</caption>
        <thead><tr>${["when", "what", "state", "firmware", "took",
          "rollout"].map((key) => html`<th scope="col" key=${key}>${t(`nodes.updateHead.${key}`)}</th>`)}</tr></thead>
        <tbody>${attempts.map((one) =>
          html`<${Attempt} key=${one.update + one.kind} id=${id} attempt=${one} />`)}</tbody></table></div>`}
  </section>`;
}

// A question that was answered with "another image" is no failure, and a second look finds what is to be there.
const ANSWERS = {
  survey: { already_installed: "well", failed: "unknown", completed: "well" },
  prove: { already_installed: "well", completed: "well", failed: "bad" },
};

function Result({ attempt: { kind, state } }) {
  const level = ANSWERS[kind]?.[state];
  if (!level) return html`<${UpdateState} state=${state} />`;
  return html`<${Badge} level=${level} icon=${level}>${t(`nodes.answers.${kind}.${state}`)}</${Badge}>`;
}

function Attempt({ id, attempt }) {
  const { started_at: start, ended_at: end } = attempt;
  const took = start && end ? (Date.parse(end) - Date.parse(start)) / 1000 : null;
  return html`<tr>
    <th scope="row"><time datetime=${start} title=${wholeMoment(start)}>${moment(start)}</time></th>
    <td>${has(`nodes.runs.${attempt.kind}`) ? t(`nodes.runs.${attempt.kind}`) : attempt.kind}</td>
    <td class="wrap"><${Result} attempt=${attempt} />${attempt.reason
      && html`<div class="small"><bdi>${attempt.reason}</bdi></div>`}
      ${attempt.attempts > 1 && html`<div class="muted small">${t("nodes.tries", { n: attempt.attempts })}</div>`}
      ${attempt.repaired_parts > 0 && html`<div
        class="muted small">${t("nodes.repaired", { n: attempt.repaired_parts })}</div>`}</td>
    <td class="mono" title=${attempt.firmware}>${attempt.firmware ? attempt.firmware.slice(0, 12) : "–"}</td>
    <td>${duration(took)}</td>
    <td>${attempt.rollout && html`<a href=${to("updates", attempt.rollout)}>${t("nodes.seeRollout")}</a>`}
      ${comparable([attempt]).length > 0
        && html`<br /><a href=${to("nodes", id,
          { tab: "charts", update: attempt.update })}>${t("nodes.compareUpdate")}</a>`}</td>
  </tr>`;
}
