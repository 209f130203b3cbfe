// Shortcuts on the keyboard: "g" and a letter for a view, "/" for the search of the view, "?" for what there is.
import { signal } from "@preact/signals";
import { go, to } from "./router.js";

const KEY = "meshward.keys";
const SECOND_WITHIN_MS = 1500;
/** The view that each second letter goes to. */
export const LETTERS = { o: "", m: "map", n: "nodes", u: "updates", a: "alerts", s: "settings" };

/** Whether there are any: who speaks to the computer must be able to do without single letters. */
export const shortcuts = signal(stored() !== "off");

export function setShortcuts(on) {
  shortcuts.value = on;
  try {
    if (on) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, "off");
  } catch {
    // Storage is switched off: it holds for this page only.
  }
}

/** Listen, until the function that is returned is called. `help` shows the list of all. */
export function listen(help) {
  let first = 0;
  function onKey(event) {
    if (!shortcuts.value || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, textarea, select, dialog, [role=menu], [contenteditable]")) return;
    const second = first && performance.now() - first < SECOND_WITHIN_MS;
    first = 0;
    if (second && Object.hasOwn(LETTERS, event.key)) go(to(LETTERS[event.key]));
    else if (event.key === "g") first = performance.now();
    else if (event.key === "?") help();
    else if (event.key !== "/" || !focusSearch()) return;
    event.preventDefault();
  }
  addEventListener("keydown", onKey);
  return () => removeEventListener("keydown", onKey);
}

function focusSearch() {
  const boxes = [...document.querySelectorAll("main input[type=search]")];
  const box = boxes.find((input) => input.checkVisibility?.() ?? true);
  box?.focus();
  box?.select();
  return Boolean(box);
}

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
