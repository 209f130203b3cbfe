// Small parts that every view uses.
import { classes, computed, html, memo, useId, useMemo } from "../app/dom.js";
import { ageS, ago, duration, percent, wholeMoment } from "../app/format.js";
import { levelOf } from "../app/levels.js";
import { to } from "../app/router.js";
import { nodes } from "../app/state.js";
import { t } from "../app/words.js";
import { Icon } from "./icons.js";

/** A level as icon and word; `text` instead of the level's own word. */
export const Level = ({ level, text }) =>
  html`<span class="level ${level}"><${Icon} name=${level} /> ${text ?? t(`levels.${level}`)}</span>`;

/** A word on a soft ground in the colour of a level. */
export const Badge = ({ level = "", icon, title, children }) =>
  html`<span class="badge ${level}" title=${title}>${icon && html`<${Icon} name=${icon} />`}<span class="cut">${children}</span></span>`;

/** What is wrong or good to know, in a box of its own. */
export const Note = ({ level = "unknown", role, children }) =>
  html`<div class="note ${level}" role=${role}><${Icon} name=${level === "unknown" ? "info" : level} /><div>${children}</div></div>`;

/** How long ago something was, moving by itself; the moment in full is its title. */
export const Ago = ({ at }) => html`<time datetime=${at} title=${wholeMoment(at)}>${ago(at)}</time>`;

/** For how long something has been so; the moment it began is its title. */
export const Lasting = ({ since }) => html`<time datetime=${since}
  title=${wholeMoment(since)}>${t("units.lasting", { time: duration(ageS(since)) })}</time>`;

/** A node by its name with the shape of its level, as a link to its page. */
export const NodeLink = ({ node, id }) =>
  html`<a class="node-link cut" href=${to("nodes", node?.id ?? id)} title=${node?.name ? `${node.name} (${node.id})` : undefined}>
    <${NodeMark} node=${node} /> ${node?.name || String(node?.id ?? id)}</a>`;

/** The node of an id as it is now; undefined for one that is not known. */
export const useNode = (id) => useMemo(() => computed(() => nodes.value.get(id)), [id]).value;

/** A link to a node, drawn again only when that node changes. */
export const LiveNode = memo(
  ({ id }) => html`<bdi class="live-node"><${NodeLink} node=${useNode(id)} id=${id} /></bdi>`,
);

/** The shape of a node's level alone, with its word for screen readers. */
export const NodeMark = ({ node }) => {
  const level = levelOf(node);
  return html`<span class="level ${level}"><${Icon} name=${level} label=${t(`levels.${level}`)} /></span>`;
};

/** A share from 0 to 1 as a bar. */
export const Progress = ({ share, label }) => {
  const value = Math.min(1, Math.max(0, share || 0));
  return html`<span class="progress" role="progressbar" aria-label=${label} aria-valuemin="0" aria-valuemax="100"
    aria-valuenow=${Math.floor(value * 100)} aria-valuetext=${percent(value)}><span style=${{ width: `${value * 100}%` }} /></span>`;
};

/** Nothing to show, and what to do about it. */
export const Empty = ({ icon = "info", children }) =>
  html`<div class="empty"><${Icon} name=${icon} size="28" /><div>${children}</div></div>`;

/** What is still being asked for. */
export const Loading = () => html`<p class="empty loading" role="status">${t("common.loading")}</p>`;

/** A request that failed, with a way to try again. */
export const Failed = ({ error, retry }) =>
  html`<${Note} level="bad" role="alert">
    <p>${error.message}</p>
    ${retry && html`<button class="small" onClick=${retry}>${t("common.again")}</button>`}
  </${Note}>`;

/** A label, its control and a hint. `children` is a function that is given the control's attributes. */
export function Field({ label, hint, wrong, children }) {
  const id = useId();
  const described = classes(hint && `${id}-hint`, wrong && `${id}-wrong`) || undefined;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children({ id, "aria-describedby": described, "aria-invalid": wrong ? "true" : undefined })}
    ${hint && html`<span class="hint" id="${id}-hint">${hint}</span>`}
    ${wrong && html`<span class="wrong" id="${id}-wrong">${wrong}</span>`}
  </div>`;
}

/** A choice among few: `options` are [value, text]. */
export const Segments = ({ label, value, options, onChange }) =>
  html`<span class="segments" role="group" aria-label=${label}>${options.map(
    ([key, text]) =>
      html`<button type="button" key=${key} aria-pressed=${key === value} onClick=${() => onChange(key)}>${text}</button>`,
  )}</span>`;
