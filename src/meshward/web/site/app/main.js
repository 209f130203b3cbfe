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
effect(() => {
  const who = session.value;
  if (who && !stop) {
    stop = follow({ take, onRefused: () => (session.value = null) });
  } else if (who === null && stop) {
    stop();
    stop = null;
    forget();
  }
});

async function start() {
  const { path } = route.peek();
  try {
    if (path[0] === "login" && path[1]) {
      go("#/", { replace: true }); // the code is good once: not again by the way back
      await logIn({ code: path[1] }).catch((error) => {
        complain(error);
        return findSession();
      });
    } else {
      await findSession();
    }
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
