// What a firmware file is, and what was noticed in it.
import { html } from "../../app/dom.js";
import { bytes } from "../../app/format.js";
import { t } from "../../app/words.js";
import { Icon } from "../../parts/icons.js";

/** Names and values of a file: `file` is a FirmwareView or FirmwareCheckView. */
export function FirmwareFacts({ file }) {
  const { app, intact } = { ...file.inspection, ...appOf(file.inspection) };
  const unknown = t("updates.facts.unknown");
  const said = (value) => value || (file.taken === false ? "" : unknown); // of what is refused, only what is known
  const facts = [
    ["what", file.what],
    ["chip", said(file.chip)],
    ["hardware", said(file.hardware)],
    ["project", said(file.project)],
    ["version", said(file.version)],
    app?.build_date && ["built", `${app.build_date} ${app.build_time}, ESP-IDF ${app.idf_version}`],
    ["size", bytes(file.size_bytes)],
    intact !== undefined && file.chip && ["intact", t(intact ? "updates.facts.intactYes" : "updates.facts.intactNo")],
    file.signature !== undefined && ["signature", file.signature || t("updates.facts.none")],
    ["sha256", html`<span class="mono">${file.sha256}</span>`],
    ["md5", html`<span class="mono">${file.md5}</span>`],
  ].filter((fact) => fact && fact[1]);
  return html`<dl class="facts">${facts.map(
    ([key, value]) => html`<dt key=${key}>${t(`updates.facts.${key}`)}</dt><dd><bdi>${value}</bdi></dd>`,
  )}</dl>`;
}

/** The application's own description, where the file is one or has one inside. */
function appOf(inspection) {
  for (let image = inspection; image; image = image.inner) if (image.app) return { app: image.app };
  return {};
}

const LEVELS = { error: "bad", warning: "warn", note: "info" };

/** All that was noticed, also of what is inside: [{severity, message, remedy}]. */
export function problemsOf(inspection) {
  const found = [];
  for (let image = inspection; image; image = image.inner) found.push(...(image.problems ?? []));
  return found;
}

/** What was noticed, each with what to do about it. */
export function Problems({ file }) {
  // Why a file is refused is said above.
  const problems = problemsOf(file.inspection).filter(({ severity }) => file.taken !== false || severity !== "error");
  if (!problems.length) return null;
  return html`<ul class="plain problems">${problems.map(
    ({ severity, message, remedy, code }) => html`<li key=${code + message}>
      <span class="level ${LEVELS[severity]}"><${Icon}
        name=${LEVELS[severity]} /> ${t(`updates.facts.${severity}`)}</span>
      <span class="problem">${sentence(message)}${remedy && html` <strong>${sentence(remedy)}</strong>`}</span>
    </li>`,
  )}</ul>`;
}

/** A text of the gateway as a sentence. */
export const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
