// Light, dark, or as the system has it.
import { computed, effect, signal } from "@preact/signals";

const KEY = "meshward.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(system.matches);
system.addEventListener("change", () => (systemIsDark.value = system.matches));

/** "system", "light" or "dark", as chosen. */
export const theme = signal(kept() ?? "system");
/** Whether it is dark now: what is drawn on a canvas must know. */
export const isDark = computed(() => (theme.value === "system" ? systemIsDark.value : theme.value === "dark"));

// The style sheets know no system: app/early.js set the theme before the first paint, and this keeps it.
effect(() => (document.documentElement.dataset.theme = isDark.value ? "dark" : "light"));

function kept() {
  try {
    const chosen = localStorage.getItem(KEY);
    return chosen === "light" || chosen === "dark" ? chosen : null;
  } catch {
    return null; // storage is switched off
  }
}

export function setTheme(chosen) {
  theme.value = chosen;
  try {
    if (chosen === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, chosen);
  } catch {
    // Storage is switched off: it holds for this page only.
  }
}

/** The value of a colour of style/base.css now, for canvases: colour("well-fill"). */
export function colour(name) {
  isDark.value; // asked for again when the theme changes
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
