// Short messages on what was done or went wrong; read out by screen readers.
import { html, signal } from "../app/dom.js";
import { t } from "../app/words.js";
import { Icon } from "./icons.js";

const SHOWN_MS = 6000;
const FAILED_MS = 15_000; // also where there is something to choose
const SHOWN_MAX = 4;

const toasts = signal([]);
let last = 0;

/** Say that something was done; `action` ({text, run}) is a button beside it, as to undo it. */
export const say = (text, action) => show("well", text, action ? FAILED_MS : SHOWN_MS, action);

/** Say that something went wrong: an error, or a text. */
export const complain = (error) => show("bad", error?.message ?? String(error), FAILED_MS);

/**
 * Do something that may be refused: says `done` where it was done and what is wrong where not. Resolves to the
 * result, undefined for a failure.
 */
export async function attempt(doing, done) {
  try {
    const result = await doing();
    if (done) say(typeof done === "function" ? done(result) : done);
    return result ?? null;
  } catch (error) {
    complain(error);
    return undefined;
  }
}

function show(level, text, forMs, action) {
  const id = ++last;
  toasts.value = [...toasts.value, { id, level, text, action }].slice(-SHOWN_MAX);
  setTimeout(() => drop(id), forMs);
}

const drop = (id) => (toasts.value = toasts.value.filter((toast) => toast.id !== id));

/** The place where they are shown; once in the page. */
export const Toasts = () => html`<div class="toasts" role="status" aria-live="polite">${toasts.value.map(
  ({ id, level, text, action }) => html`<div key=${id} class="note ${level}">
    <${Icon} name=${level} /><div>${text}</div>
    ${action && html`<button class="small" onClick=${() => (drop(id), action.run())}>${action.text}</button>`}
    <button class="quiet icon small" aria-label=${t("common.close")} onClick=${() => drop(id)}><${Icon} name="close" /></button>
  </div>`,
)}</div>`;
