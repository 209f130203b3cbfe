// What can be done with all selected nodes at once.
import { patch } from "../../app/api.js";
import { html, useRef, useState } from "../../app/dom.js";
import { to } from "../../app/router.js";
import { nameOf, nodes } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Field, Note, Progress } from "../../parts/basics.js";
import { confirmDialog, showDialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { say } from "../../parts/toast.js";
import { isTag, tagsOf } from "./tags.js";

const TRIES = 4;
const TRY_AGAIN_MS = 1000;

export function BulkBar({ selected, onDone }) {
  const [under, setUnder] = useState(null);
  const [failed, setFailed] = useState([]);
  const stop = useRef(false);
  const ids = [...selected];
  const n = ids.length;
  const run = async (change, done, meant = ids) => {
    stop.current = false;
    const count = (done) => setUnder({ count: done, n: meant.length });
    const wrong = await changeAll(meant, change, count, () => stop.current);
    setUnder(null);
    setFailed(wrong);
    if (wrong.length < meant.length) say(t(done, { n: meant.length - wrong.length }));
    // What failed stays selected, so that it can be tried again.
    onDone(new Set(wrong.map(({ id }) => id)));
  };
  const tags = [...new Set(ids.flatMap((id) => nodes.value.get(id)?.tags ?? []))].sort();
  const addTag = async () => {
    const tag = await showDialog({ title: t("nodes.tagAddTitle", { n }), view: TagForm });
    if (tag) run((node) => !node.tags.includes(tag) && { tags: [...node.tags, tag] }, "nodes.tagAdded");
  };
  const removeTag = async () => {
    const tag = await showDialog({ title: t("nodes.tagRemoveTitle", { n }),
      view: (own) => html`<${TagChoice} tags=${tags} ...${own} />` });
    if (tag) run((node) => node.tags.includes(tag) && { tags: node.tags.filter((one) => one !== tag) },
      "nodes.tagRemoved");
  };
  const isOut = (id) => nodes.value.get(id)?.excluded;
  const exclude = async () => {
    // Those that are out already keep the reason that was given for them.
    const meant = ids.filter((id) => !isOut(id));
    const out = n - meant.length;
    const means = t("nodes.excludeMeans", { n: meant.length });
    const go = await confirmDialog({
      title: t("nodes.excludeTitle", { n: meant.length }),
      consequences: out ? [means, t("nodes.excludeNot", { n: out })] : [means],
      action: t("nodes.exclude"), reason: true,
    });
    if (go) run(() => ({ excluded: true, exclusion_reason: go.reason }), "nodes.excludedDone", meant);
  };
  const include = () =>
    run(() => ({ excluded: false, exclusion_reason: "" }), "nodes.includedDone", ids.filter(isOut));
  return html`<section class="node-bulk" aria-label=${t("nodes.bulk")}>
    ${under
      ? html`<div class="row"><span role="status">${t("nodes.bulkUnder", under)}</span>
          <span class="node-bulk-bar"><${Progress} share=${under.count / under.n} label=${t("nodes.bulk")} /></span>
          <button type="button" class="small" onClick=${() => (stop.current = true)}>${t("nodes.bulkStop")}</button>
            </div>`
      : html`<div class="row">
          <strong>${t("nodes.selected", { n })}</strong>
          <a class="button small primary" href=${to("updates", "new", { nodes: ids.join(",") })}>
            <${Icon} name="updates" /> ${t("nodes.update")}</a>
          <button type="button" class="small" onClick=${addTag}><${Icon} name="tag" /> ${t("nodes.tagAdd")}</button>
          <button type="button" class="small" disabled=${!tags.length}
            onClick=${removeTag}>${t("nodes.tagRemove")}</button>
          <button type="button" class="small" disabled=${ids.every(isOut)} onClick=${exclude}><${Icon} name="skip" /> ${t("nodes.exclude")}</button>
          <button type="button" class="small" disabled=${!ids.some(isOut)}
            onClick=${include}>${t("nodes.include")}</button>
          <button type="button" class="quiet small" onClick=${() => (setFailed([]), onDone(new Set()))}>
            <${Icon} name="close" /> ${t("nodes.selectNone")}</button>
        </div>`}
    ${failed.length > 0 && html`<${Note} level="bad" role="alert"><p>${t("nodes.bulkFailed", { n: failed.length })}</p>
      <ul class="plain">${failed.map(({ id, error }) =>
        html`<li key=${id}><bdi>${nameOf(id)}</bdi>: ${error.message}</li>`)}</ul></${Note}>`}
  </section>`;
}

/** Change one after the other; `change(node)` gives the patch, or false where nothing is to be done. */
async function changeAll(ids, change, onCount, stopped) {
  const failed = [];
  for (const [at, id] of ids.entries()) {
    if (stopped()) {
      failed.push(...ids.slice(at).map((rest) => ({ id: rest, error: { message: t("nodes.bulkStopped") } })));
      break;
    }
    onCount(at);
    try {
      const node = nodes.value.get(id);
      const body = node && change(node);
      if (body) await patient(() => patch(`/nodes/${id}`, body));
    } catch (error) {
      failed.push({ id, error });
    }
  }
  return failed;
}

/** Again where the gateway has too much to do. */
async function patient(doing) {
  for (let tries = 1; ; tries++) {
    try {
      return await doing();
    } catch (error) {
      if (!error.passing || tries === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS * tries));
    }
  }
}

function TagForm({ close }) {
  const [text, setText] = useState("");
  const tag = tagsOf(text).join("-");
  const known = [...new Set([...nodes.value.values()].flatMap((node) => node.tags))].sort();
  return html`<div class="box-body">
    <${Field} label=${t("nodes.tag")} hint=${t("nodes.tagHint")}
      wrong=${tag && !isTag(tag) ? t("nodes.tagWrong", { tag })
        : ""}>${(control) => html`<input ...${control} maxlength="32" autofocus list="known-tags" value=${text}
      onInput=${(event) => setText(event.target.value)} />`}</${Field}>
    <datalist id="known-tags">${known.map((one) => html`<option key=${one} value=${one} />`)}</datalist>
  </div>
  <div class="box-foot">
    <button type="button" onClick=${() => close()}>${t("common.cancel")}</button>
    <button type="submit" class="primary" disabled=${!isTag(tag)}
      onClick=${() => close(tag)}>${t("nodes.tagAdd")}</button>
  </div>`;
}

const TagChoice = ({ tags, close }) => html`<div class="box-body"><ul class="plain node-tag-choice">${tags.map(
  (tag) => html`<li key=${tag}><button type="button" class="small" onClick=${() => close(tag)}>
    <${Icon} name="tag" /> <bdi class="cut">${tag}</bdi></button></li>`,
)}</ul></div>`;
