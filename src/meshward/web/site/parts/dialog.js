// Dialogs: one at a time, in the browser's own <dialog>, which keeps the focus inside and gives it back.
import { html, signal, useEffect, useRef } from "../app/dom.js";
import { t } from "../app/words.js";
import { Icon } from "./icons.js";
import { Toasts } from "./toast.js";

const open = signal(null);

/**
 * Show a dialog. `View` is a component that gets `close(result)`; the promise is of that result, undefined where it
 * was closed without one.
 */
export function showDialog({ title, view, wide = false }) {
  // Asked for now: whoever opens it may be switched off until it is closed.
  const opener = open.peek()?.opener ?? document.activeElement;
  return new Promise((resolve) => {
    open.peek()?.done(undefined);
    open.value = { title, view, wide, opener, done: resolve };
  });
}

/** Ask before something is done. `consequences` are sentences on what will happen; resolves to whether to go on. */
export async function confirmDialog({ title, consequences = [], action, danger = false, reason = false }) {
  let said = "";
  const view = ({ close }) => html`
    <div class="box-body">
      ${consequences.map((text) => html`<p>${text}</p>`)}
      ${reason &&
      html`<label class="field"><span class="label">${t("common.reason")}</span>
        <input maxlength="400" onInput=${(event) => (said = event.target.value)} /></label>`}
    </div>
    <div class="box-foot">
      <button type="button" onClick=${() => close()}>${t("common.cancel")}</button>
      <button type="submit" class=${danger ? "danger" : "primary"} onClick=${(event) => (event.preventDefault(), close(true))}>${action}</button>
    </div>`;
  const go = await showDialog({ title, view });
  return go ? { reason: said.trim() } : null;
}

/** The place where dialogs and short messages are shown; once in the page. */
export function Dialogs() {
  const shown = open.value;
  const box = useRef(null);
  const pressed = useRef(null);
  useEffect(() => {
    if (!shown) return undefined;
    if (!box.current.open) box.current.showModal();
    return () => open.peek() || giveBack(shown.opener);
  }, [shown]);
  // Where the page around it is gone, as after a log-out, it is closed for good.
  useEffect(() => () => (open.peek()?.done(undefined), (open.value = null)), []);
  if (!shown) return html`<${Toasts} />`;
  const close = (result) => {
    if (open.peek() !== shown) return;
    open.value = null;
    shown.done(result);
  };
  // Who selects text and lets go beside the dialog does not mean to close it.
  const isBeside = ({ target }) => target === box.current && pressed.current === box.current;
  // Messages within: all that is beside an open dialog is dimmed, and out of reach.
  return html`<dialog key=${shown} ref=${box} class="box ${shown.wide ? "wide" : ""}" aria-labelledby="box-title"
    onPointerDown=${(event) => (pressed.current = event.target)}
    onClose=${() => close()} onClick=${(event) => isBeside(event) && box.current.close()}>
    <form method="dialog" onSubmit=${(event) => event.preventDefault()} onClick=${notSubmitted}>
      <div class="box-head">
        <h2 id="box-title">${shown.title}</h2>
        <button type="button" class="quiet icon" aria-label=${t("common.close")} onClick=${() => close()}><${Icon} name="close" /></button>
      </div>
      <${shown.view} close=${close} />
    </form>
    <${Toasts} />
  </dialog>`;
}

// What a dialog's buttons do stands in their onClick, which may have closed it by now: there is nothing to submit.
function notSubmitted(event) {
  if (event.target.closest('button[type="submit"]')) event.preventDefault();
}

/** The focus, to what had it before; where that is switched off, as soon as it is on again. */
function giveBack(opener) {
  if (!opener?.disabled) return opener?.focus();
  const watch = new MutationObserver(() => {
    if (opener.disabled) return;
    watch.disconnect();
    if (document.activeElement === document.body) opener.focus();
  });
  watch.observe(opener, { attributeFilter: ["disabled"] });
}
