// The head of a node's page: who it is, and what can be done with it.
import { may } from "../../app/api.js";
import { html, useEffect, useRef, useState } from "../../app/dom.js";
import { ageS, duration, wholeMoment } from "../../app/format.js";
import { levelOf } from "../../app/levels.js";
import { to } from "../../app/router.js";
import { t } from "../../app/words.js";
import { Ago, Badge, Level, Note } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { Menu } from "../../parts/menu.js";
import { ask, editTags, exclude, forget, include, maintain, ping, rename } from "./actions.js";
import { UpdateState } from "./columns.js";

export function NodeHead({ node, reload }) {
  const [busy, setBusy] = useState("");
  const [told, setTold] = useState(null);
  const run = async (name, doing) => {
    setBusy(name);
    const result = await doing();
    setBusy("");
    if (result?.text) setTold(result);
    reload();
  };
  return html`<div class="node-head">
    <div class="node-title">
      <${Name} node=${node} />
      <p class="row node-facts"><${Level} level=${levelOf(node)} /><span class="muted mono">${node.id}</span>
        <${Presence} node=${node} />
        ${node.update_state && html`<span>${t("nodes.inUpdate")} <${UpdateState} state=${node.update_state} /></span>`}
        ${node.excluded && html`<${Badge} icon="skip"
          title=${node.exclusion_reason}>${node.exclusion_reason
            ? t("nodes.excludedFor", { reason: node.exclusion_reason }) : t("nodes.excludedTitle")}</${Badge}>`}
        ${node.tags.map((tag) => html`<a key=${tag} href=${to("nodes", { tag })}><${Badge} icon="tag">${tag}</${Badge}>
          </a>`)}</p>
    </div>
    <div class="row node-actions">
      ${may("operator") && html`
        <${Act} name="ping" icon="pulse" busy=${busy} disabled=${!node.online}
          run=${() => run("ping", () => ping(node))} />
        <${Act} name="ask" icon="retry" busy=${busy} disabled=${!node.online}
          run=${() => run("ask", () => ask(node))} />
        <a class="button small" href=${to("updates", "new", { nodes: node.id })}>
          <${Icon} name="updates" /> ${t("nodes.update")}</a>
        <${Act} name="maintain" icon="tool" busy=${busy} run=${() => run("maintain", () => maintain(node))} />`}
      <a class="button small" href=${to("map", { node: node.id })}><${Icon} name="map" /> ${t("nodes.onMap")}</a>
      <${Menu} label=${t("nodes.moreActions")} text=${t("nodes.moreShort")} small=${true} items=${[
        { text: t("nodes.editTags"), icon: "tag", when: may("operator"), run: () => run("tags", () => editTags(node)) },
        { text: t("nodes.exclude"), icon: "skip", when: may("operator") && !node.excluded,
          run: () => run("exclude", () => exclude(node)) },
        { text: t("nodes.include"), icon: "play", when: may("operator") && node.excluded,
          run: () => run("include", () => include(node)) },
        { text: t("nodes.forget"), icon: "trash", when: may("admin") && !node.online,
          run: () => run("forget", () => forget(node)) },
      ]} />
    </div>
    <div role="status" class="node-told">${told && html`<${Note} level=${told.level}>
      <span class="row spread"><span>${told.text}</span>
      <button type="button" class="quiet icon small" aria-label=${t("common.close")} onClick=${() => setTold(null)}>
        <${Icon} name="close" /></button></span></${Note}>`}</div>
  </div>`;
}

const Act = ({ name, icon, busy, disabled = false, run }) =>
  html`<button type="button" class="small" disabled=${Boolean(busy) || disabled}
    title=${disabled ? t("nodes.onlyInMesh") : t(`nodes.actHints.${name}`)} onClick=${run}>
    <${Icon} name=${icon} /> ${busy === name ? t(`nodes.acting.${name}`) : t(`nodes.acts.${name}`)}</button>`;

function Presence({ node }) {
  if (!node.online) return html`<span>${t("nodes.goneSince")} <${Ago} at=${node.last_seen_at} /></span>`;
  const at = node.up_since_at;
  const time = html`<time datetime=${at} title=${wholeMoment(at)}>${at ? duration(ageS(at)) : "–"}</time>`;
  return html`<span>${t("nodes.inFor")} ${time}</span>`;
}

/** The name; operators change it where it stands. */
function Name({ node }) {
  const [draft, setDraft] = useState(null);
  const [busy, setBusy] = useState(false);
  const box = useRef(null);
  const edit = useRef(null);
  const edited = useRef(false);
  useEffect(() => {
    if (draft !== null) box.current?.select();
    else if (edited.current) edit.current?.focus();
    edited.current = draft !== null;
  }, [draft === null]);
  const shown = node.name || String(node.id);
  if (draft === null) {
    return html`<div class="row node-name"><h1><bdi>${shown}</bdi></h1>
      ${may("operator") && html`<button type="button" class="quiet icon small" ref=${edit} aria-label=${t("nodes.rename")}
        title=${t("nodes.rename")} onClick=${() => setDraft(node.name)}>
        <${Icon} name="edit" /></button>`}</div>`;
  }
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    const done = await rename(node, draft.trim());
    setBusy(false);
    if (done) setDraft(null);
  };
  return html`<form class="row node-name" onSubmit=${submit}>
    <h1 class="unseen">${shown}</h1>
    <input ref=${box} aria-label=${t("nodes.newName")} maxlength="64" value=${draft} placeholder=${String(node.id)}
      onInput=${(event) => setDraft(event.target.value)}
        onKeyDown=${(event) => event.key === "Escape" && setDraft(null)} />
    <button class="primary" disabled=${busy}>${t("common.save")}</button>
    <button type="button" onClick=${() => setDraft(null)}>${t("common.cancel")}</button>
  </form>`;
}
