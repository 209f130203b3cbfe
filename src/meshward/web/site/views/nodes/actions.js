// What can be done with one node. Each gives what is to be told, or nothing where a toast told it.
import { del, patch, post } from "../../app/api.js";
import { html, useState } from "../../app/dom.js";
import { duration, measure } from "../../app/format.js";
import { go, to } from "../../app/router.js";
import { t } from "../../app/words.js";
import { Field } from "../../parts/basics.js";
import { confirmDialog, showDialog } from "../../parts/dialog.js";
import { attempt, complain } from "../../parts/toast.js";
import { isTag, tagsOf } from "./tags.js";

const MAINTENANCE_S = 3600;

/** The name of a node as in sentences. */
export const called = (node) => node.name || String(node.id);

export async function ping(node) {
  const answer = await attempt(() => post(`/nodes/${node.id}/ping`));
  if (!answer) return undefined;
  return answer.answered
    ? { level: "well", text: t("nodes.pingAnswered", { delay: measure(answer.delay_ms, "ms") }) }
    : { level: "warn", text: t("nodes.pingSilent", { time: duration(answer.waited_s) }) };
}

export async function ask(node) {
  const result = await attempt(() => post("/queries", { nodes: [node.id], max_age_s: 0 }));
  const answer = result?.answers[0];
  if (!answer) return undefined;
  const level = { asked: "well", known: "unknown", silent: "warn" }[answer.how];
  return { level, text: t(`nodes.asked.${answer.how}`,
    { n: Object.keys(answer.metrics).length, time: duration(Math.max(1, Math.ceil(result.took_s))) }) };
}

export function rename(node, name) {
  return attempt(() => patch(`/nodes/${node.id}`, { name }), name ? t("nodes.renamed", { name }) : t("nodes.unnamed"));
}

export async function maintain(node) {
  const name = called(node);
  const yes = await confirmDialog({
    title: t("nodes.maintainTitle", { name }), consequences: [t("nodes.maintainMeans")], action: t("nodes.maintainDo"),
      reason: true,
  });
  if (!yes) return;
  const silence = { kind: "maintenance", nodes: [node.id], duration_s: MAINTENANCE_S, reason: yes.reason };
  await attempt(() => post("/silences", silence), t("nodes.maintained", { name }));
}

export async function exclude(node) {
  const yes = await confirmDialog({
    title: t("nodes.excludeTitle", { n: 1 }), consequences: [t("nodes.excludeMeans", { n: 1 })], action: t("nodes.exclude"),
      reason: true,
  });
  if (yes) await attempt(() => patch(`/nodes/${node.id}`, { excluded: true, exclusion_reason: yes.reason }),
    t("nodes.excludedDone", { n: 1 }));
}

export async function include(node) {
  await attempt(() => patch(`/nodes/${node.id}`, { excluded: false, exclusion_reason: "" }),
    t("nodes.includedDone", { n: 1 }));
}

export async function forget(node) {
  const name = called(node);
  const yes = await confirmDialog({
    title: t("nodes.forgetTitle", { name }), consequences: [t("nodes.forgetMeans"), t("nodes.forgetBack")],
      action: t("nodes.forget"), danger: true,
  });
  if (yes && (await attempt(() => del(`/nodes/${node.id}`),
    t("nodes.forgotten", { name }))) !== undefined) go(to("nodes"));
}

export async function editTags(node) {
  const tags = await showDialog({ title: t("nodes.editTags"),
    view: ({ close }) => html`<${Tags} tags=${node.tags} close=${close} />` });
  if (tags) await attempt(() => patch(`/nodes/${node.id}`, { tags }), t("nodes.tagsSaved"));
}

function Tags({ tags, close }) {
  const [text, setText] = useState(tags.join(" "));
  const save = () => {
    const wanted = tagsOf(text);
    const wrong = wanted.find((tag) => !isTag(tag));
    if (wrong) complain(t("nodes.tagWrong", { tag: wrong }));
    else close(wanted);
  };
  return html`<div class="box-body">
    <${Field} label=${t("nodes.tags")}
      hint=${t("nodes.tagsHint")}>${(control) =>
        html`<input ...${control} maxlength="600" autofocus spellcheck="false" value=${text}
      onInput=${(event) => setText(event.target.value)} />`}</${Field}>
  </div>
  <div class="box-foot">
    <button type="button" onClick=${() => close()}>${t("common.cancel")}</button>
    <button type="submit" class="primary" onClick=${save}>${t("common.save")}</button>
  </div>`;
}
