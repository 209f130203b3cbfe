// The boards of a rollout: those that are in trouble first, and all of them in a table.
import { html, useMemo, useState } from "../../app/dom.js";
import { percent } from "../../app/format.js";
import { levelOfUpdate } from "../../app/levels.js";
import { route, setParams, to } from "../../app/router.js";
import { t } from "../../app/words.js";
import { Badge, Progress } from "../../parts/basics.js";
import { DataTable } from "../../parts/table.js";
import { byUrgency, isBad, NODE_STATES, shareOf } from "./progress.js";
import { nodeStateWord } from "../../parts/event_words.js";

const FAILURES_MAX = 6;
// What was left out, or brought back, has no trouble of its own.
const TROUBLE = ["failed", "lost", "unreachable"];

const nameOf = (node) => node.name || String(node.node);

/** Boards that do not run it, with the reason and what to do. */
export function Failures({ nodes }) {
  const [all, setAll] = useState(false);
  const bad = useMemo(() => nodes.filter((node) => TROUBLE.includes(node.state)).sort(byUrgency), [nodes]);
  if (!bad.length) return null;
  const shown = all ? bad : bad.slice(0, FAILURES_MAX);
  return html`<section class="card failures">
    <h2>${t("updates.live.failedTitle", { n: bad.length })}</h2>
    <ul class="plain">${shown.map((node) => html`<li key=${node.node}>
      <div class="row"><a class="cut" href=${to("nodes", node.node)}
        title=${nameOf(node)}><bdi>${nameOf(node)}</bdi></a> <${NodeState} state=${node.state} /></div>
      ${node.reason && html`<p><bdi>${node.reason}</bdi></p>`}
      <p class="muted small">${todo(node)}</p>
    </li>`)}</ul>
    ${shown.length < bad.length && html`<button type="button" class="small"
      onClick=${() => setAll(true)}>${t("updates.live.showAll", { n: bad.length })}</button>`}
  </section>`;
}

/** What to do about a board that does not run it. */
const todo = (node) => t(`updates.live.todo.${node.state === "unreachable" ? node.state : (node.error ?? "failed")}`);

const NodeState = ({ state }) => {
  const level = levelOfUpdate(state);
  return html`<${Badge} level=${level} icon=${level}>${nodeStateWord(state)}</${Badge}>`;
};

export function Boards({ rollout }) {
  const { nodes, counts, spec } = rollout;
  const state = route.value.params.get("state") ?? "";
  const sort = route.value.params.get("sort") ?? "";
  const rows = useMemo(() => nodes.filter((node) => !state || node.state === state).sort(byUrgency), [nodes, state]);
  const columns = useMemo(() => columnsOf(spec), [spec.waves.length]);
  const options = [["", t("updates.live.filterAll", { n: nodes.length })],
    ...NODE_STATES.filter((one) => counts[one] || one === state)
    .map((one) => [one, `${nodeStateWord(one)} (${counts[one] ?? 0})`])];
  return html`<section class="stack tight">
    <div class="row spread">
      <h2>${t("updates.live.boards")}</h2>
      <label class="row filter"><span class="muted">${t("updates.live.filter")}</span>
        <select value=${state} onChange=${(event) => setParams({ state: event.target.value || null })}>${options.map(
          ([value, text]) => html`<option key=${value} value=${value}>${text}</option>`,
        )}</select></label>
    </div>
    <${DataTable} caption=${t("updates.live.boardsCaption")} columns=${columns} rows=${rows} rowKey=${keyOf}
      sort=${sort}
      onSort=${(next) => setParams({ sort: next || null })}
        empty=${html`<p class="empty">${t("updates.live.noneInFilter")}</p>`} />
  </section>`;
}

const keyOf = (node) => node.node;

function columnsOf(spec) {
  return [
    { key: "node", text: t("updates.live.node"), fixed: true, width: 150, value: nameOf, cell: (node) =>
      html`<a class="cut block" href=${to("nodes", node.node)}
        title=${`${nameOf(node)} (${node.node})`}><bdi>${nameOf(node)}</bdi></a>` },
    { key: "state", text: t("updates.live.state"), width: 150, value: (node) => NODE_STATES.indexOf(node.state),
      cell: (node) => html`<${NodeState} state=${node.state} />` },
    { key: "done", text: t("updates.live.done"), width: 130, value: shareOf,
      cell: (node) => html`<${Parts} node=${node} />` },
    { key: "wave", text: t("updates.live.wave"), width: 120, value: (node) => node.wave ?? 99, cell: (node) =>
      node.wave === null ? "–" : html`<bdi class="cut block"
        title=${spec.waves[node.wave]?.name}>${node.wave + 1} ${spec.waves[node.wave]?.name}</bdi>` },
    { key: "attempts", text: t("updates.live.attempts"), number: true, width: 85, value: (node) => node.attempts },
    { key: "hardware", text: t("updates.live.hardware"), width: 90, value: (node) => node.hardware || "–" },
    { key: "reason", text: t("updates.live.reason"), width: 300, value: (node) => node.reason ?? "", cell: (node) =>
      html`<span class="reason"><bdi>${node.reason ?? ""}</bdi></span>` },
  ];
}

function Parts({ node }) {
  const share = shareOf(node);
  if (!node.parts) return share === 1 && !isBad(node.state) && node.state !== "already_installed" ? percent(1) : "–";
  return html`<span class="parts"><${Progress} share=${share} label=${t("updates.live.done")} /> <span
    class="small">${node.parts_done}/${node.parts}</span></span>`;
}
