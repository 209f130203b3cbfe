// Starts the page: who is logged in, the stream, and the view that the address names.
import { findSession, logIn, session } from "./api.js";
import { effect, html, loadStyle, render, signal } from "./dom.js";
import { go, route } from "./router.js";
import { forget, take } from "./state.js";
import { follow } from "./stream.js";
import { complain } from "../parts/toast.js";
import { Shell } from "./shell.js";
import { viewOf } from "./views.js";
import { loadWords } from "./words.js";

const STARTS_AGAIN_MS = 3000;

/** {key, View} of what is shown; View is null while it is being loaded. */
const shown = signal({ key: "", View: null, error: null });
const loaded = new Map();

async function show(key) {
  const view = viewOf(key);
  if (loaded.has(view.key)) {
    shown.value = { key, View: loaded.get(view.key), error: null };
    return;
  }
  try {
    if (key) await loadWords(); // first: modules may make tables of texts when they are loaded
    const [module] = await Promise.all([view.load(), ...view.styles.map((name) => loadStyle(`ui/style/${name}.css`))]);
    loaded.set(view.key, module.default);
    if (viewOf(route.peek().path[0] ?? "") === view) shown.value = { key, View: module.default, error: null };
  } catch {
    shown.value = { key, View: null, error: { message: "" } };
  }
}

effect(() => {
  const key = route.value.path[0] ?? "";
  if (key !== "login" && session.value) show(key);
});

let stop = null;
let followed; // by the session that it was begun with
effect(() => {
  const who = session.value;
  if (who === undefined || who?.csrf === followed) return;
  stop?.();
  followed = who?.csrf;
  stop = who && follow({ take, onRefused: () => (session.value = null) });
  if (!who) forget();
});

const codeOf = ({ path }) => (path[0] === "login" ? path[1] : undefined);

// A link of `meshward dashboard`, in a page that is there already.
effect(() => {
  const code = codeOf(route.value);
  if (code && session.peek() !== undefined) logInBy(code).catch(complain);
});

async function logInBy(code) {
  go("#/", { replace: true }); // the code is good once: not again by the way back
  await logIn({ code }).catch((error) => {
    complain(error);
    return findSession();
  });
}

// A file that is let go beside the place for it must not make the browser leave the page.
for (const type of ["dragover", "drop"]) {
  addEventListener(type, (event) => {
    const isFile = event.dataTransfer?.types.includes("Files");
    if (isFile && !event.target.closest?.("input[type=file]")) event.preventDefault();
  });
}

async function start() {
  const code = codeOf(route.peek());
  try {
    await (code ? logInBy(code) : findSession());
    session.value ??= null;
  } catch {
    setTimeout(start, STARTS_AGAIN_MS); // the shell says that the gateway cannot be reached
    session.value = undefined;
    unreachable.value = true;
    return;
  }
  unreachable.value = false;
}

const unreachable = signal(false);
const place = document.getElementById("app");
place.replaceChildren();
render(html`<${Shell} shown=${shown} unreachable=${unreachable} />`, place);
start();
