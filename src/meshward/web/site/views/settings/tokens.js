// Tokens: who may come in, and as what.
import { del, post } from "../../app/api.js";
import { useAsk } from "../../app/ask.js";
import { html, useState } from "../../app/dom.js";
import { moment, nowMs, wholeMoment } from "../../app/format.js";
import { t } from "../../app/words.js";
import { Ago, Badge, Empty, Failed, Field, Loading, Note, Segments } from "../../parts/basics.js";
import { confirmDialog, showDialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { attempt } from "../../parts/toast.js";
import { CopyField } from "./copy.js";
import { tokenState } from "./model.js";

const ROLES = ["viewer", "operator", "admin"];
const DAY_S = 86_400;
const LENGTHS_DAYS = [0, 30, 90, 365]; // 0: for ever
const LEVELS = { valid: "well", expired: "off", revoked: "off" };

export function Tokens() {
  const { value, error, loading, reload } = useAsk("/tokens");
  const [made, setMade] = useState(null);
  const [all, setAll] = useState(false);
  const make = async () => {
    const token = await showDialog({ title: t("settings.tokens.new"), view: NewToken });
    if (!token) return;
    setMade(token);
    reload();
  };
  const shown = value?.filter((token) => all || tokenState(token, nowMs.peek()) === "valid") ?? [];
  return html`<div class="stack">
    <p class="muted small">${t("settings.tokens.about")}</p>
    <div class="row spread">
      <label class="check"><input type="checkbox" checked=${all}
        onChange=${() => setAll(!all)} /> ${t("settings.tokens.showAll")}</label>
      <button type="button" class="primary" onClick=${make}><${Icon} name="plus" /> ${t("settings.tokens.new")}</button>
    </div>
    ${made && html`<${Secret} made=${made} onDone=${() => setMade(null)} />`}
    ${error && html`<${Failed} error=${error} retry=${reload} />`}
    ${loading && html`<${Loading} />`}
    ${value && !shown.length && html`<${Empty} icon="user">${t("settings.tokens.none")}</${Empty}>`}
    ${shown.length > 0 && html`<${Table} tokens=${shown} onChange=${reload} />`}
  </div>`;
}

/** The secret stays on the page until somebody says that it is kept: a dialog is closed too easily. */
const Secret = ({ made, onDone }) => html`<section class="card stack secret" aria-labelledby="secret-title">
  <h2 id="secret-title">${t("settings.tokens.secretTitle", { name: made.name || made.id })}</h2>
  <${Note} level="warn" role="status"><strong>${t("settings.tokens.once")}</strong></${Note}>
  <${CopyField} label=${t("settings.tokens.secret")} hint=${t("settings.tokens.secretHint")} value=${made.token} />
  <div class="row"><button type="button" class="primary" onClick=${onDone}>${t("settings.tokens.kept")}</button></div>
</section>`;

const Table = ({ tokens, onChange }) => html`<div class="table-box" tabindex="0"><table class="tokens">
  <caption class="unseen">${t("settings.tabs.tokens")}</caption>
  <thead><tr><th scope="col">${t("settings.tokens.name")}</th><th scope="col">${t("settings.tokens.role")}</th>
    <th scope="col">${t("settings.tokens.state")}</th>
    <th scope="col">${t("settings.tokens.used")}</th><th scope="col">${t("settings.tokens.expires")}</th>
      <th scope="col">${t("settings.tokens.made")}</th>
    <th scope="col"><span class="unseen">${t("settings.tokens.actions")}</span></th></tr></thead>
  <tbody>${tokens.map((token) => html`<${Row} key=${token.id} token=${token} onChange=${onChange} />`)}</tbody>
</table></div>`;

function Row({ token, onChange }) {
  const [busy, setBusy] = useState(false);
  const state = tokenState(token, nowMs.peek());
  const name = token.name || t("settings.tokens.unnamed");
  const revoke = async () => {
    const sure = await confirmDialog({
      title: t("settings.tokens.revokeTitle", { name }),
      consequences: [t("settings.tokens.revokeConsequence"), t("settings.tokens.forEver")],
      action: t("settings.tokens.revoke"),
      danger: true,
    });
    if (!sure) return;
    setBusy(true);
    await attempt(() => del(`/tokens/${encodeURIComponent(token.id)}`), t("settings.tokens.revoked", { name }));
    setBusy(false);
    onChange();
  };
  return html`<tr>
    <td class="token-name"><bdi title=${name}>${name}</bdi><br /><code class="muted">${token.id}</code></td>
    <td>${t(`roles.${token.role}`)}</td>
    <td><${Badge} level=${LEVELS[state]}>${t(`settings.tokens.states.${state}`)}</${Badge}></td>
    <td class="when">${token.last_used_at ? html`<${Ago} at=${token.last_used_at} />` : html`<span class="muted">
      ${t("settings.tokens.never")}</span>`}</td>
    <td class="when" title=${wholeMoment(token.expires_at)}>${token.expires_at ? moment(token.expires_at) : html`<span
      class="muted">${t("settings.tokens.noEnd")}</span>`}</td>
    <td title=${wholeMoment(token.created_at)}><span class="when">${moment(token.created_at)}</span><br />
      <span class="muted small">${t("settings.tokens.by", { name: token.created_by })}</span></td>
    <td>${state === "valid" && html`<button type="button" class="small danger" disabled=${busy}
      aria-label=${t("settings.tokens.revokeOf", { name })} onClick=${revoke}>${t("settings.tokens.revoke")}</button>`}
      </td>
  </tr>`;
}

function NewToken({ close }) {
  const [form, setForm] = useState({ name: "", role: "viewer", days: 0 });
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");
  const set = (changes) => (setForm({ ...form, ...changes }), setWrong(""));
  const submit = async () => {
    setBusy(true);
    try {
      const expiresInS = form.days ? form.days * DAY_S : null;
      close(await post("/tokens", { name: form.name.trim(), role: form.role, expires_in_s: expiresInS }));
    } catch (error) {
      setWrong(error.message);
      setBusy(false);
    }
  };
  return html`<div class="box-body">
      <${Field} label=${t("settings.tokens.name")} hint=${t("settings.tokens.nameHint")} wrong=${wrong}>
        ${(control) => html`<input ...${control} maxlength="100" autofocus
        autocomplete="off" value=${form.name} onInput=${(event) => set({ name: event.target.value })} />`}</${Field}>
      <div class="field"><span class="label">${t("settings.tokens.role")}</span>
        <div><${Segments} label=${t("settings.tokens.role")} value=${form.role} onChange=${(role) => set({ role })}
          options=${ROLES.map((role) => [role, t(`roles.${role}`)])} /></div>
        <span class="hint">${t(`settings.tokens.roleHint.${form.role}`)}</span></div>
      <div class="field"><span class="label">${t("settings.tokens.expires")}</span>
        <div><${Segments} label=${t("settings.tokens.expires")} value=${form.days} onChange=${(days) => set({ days })}
          options=${LENGTHS_DAYS.map((n) => [n, n ? t("units.d", { n }) : t("settings.tokens.noEnd")])} /></div></div>
    </div>
    <div class="box-foot">
      <button type="button" onClick=${() => close()}>${t("common.cancel")}</button>
      <button type="submit" class="primary" disabled=${busy || !form.name.trim()} onClick=${submit}>
        ${t("settings.tokens.make")}</button>
    </div>`;
}
