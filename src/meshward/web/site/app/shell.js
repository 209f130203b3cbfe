// The frame around every view: navigation, how fresh the data is, what is down, who is logged in.
import { logOut, session } from "./api.js";
import { classes, computed, effect, html, useEffect, useLayoutEffect, useRef } from "./dom.js";
import { duration, gatewayMs, moment, nowMs } from "./format.js";
import { route, to } from "./router.js";
import { firing, gateway, nodes, rollouts } from "./state.js";
import { downSince, heardMs, link } from "./stream.js";
import { setTheme, theme } from "./theme.js";
import { navigation, viewOf } from "./views.js";
import { t } from "./words.js";
import { Loading } from "../parts/basics.js";
import { Dialogs } from "../parts/dialog.js";
import { Guard } from "../parts/guard.js";
import { Icon } from "../parts/icons.js";
import { later, NotLoaded } from "../parts/later.js";
import { Menu } from "../parts/menu.js";
import { complain, Toasts } from "../parts/toast.js";

const Login = later(async () => (await import("../views/login.js")).Login);

const known = computed(() => nodes.value.size > 0);
const loud = computed(() => firing.value.filter((alert) => !alert.quiet));

/** What the browser's tab says: how many alerts fire, the node or rollout that is shown, and the view. */
const title = computed(() => {
  if (!session.value) return "Meshward";
  const [first = "", id] = route.value.path;
  const { key } = viewOf(first);
  const named = key === "nodes" ? nodes.value.get(Number(id)) : key === "updates" ? rollouts.value.get(id) : undefined;
  const parts = [named && (named.name || String(named.id)), t(`nav.${key || "overview"}`), "Meshward"];
  const count = loud.value.length;
  return `${count ? `(${count}) ` : ""}${parts.filter(Boolean).join(" – ")}`;
});

async function showKeys() {
  if (document.querySelector("dialog[open]")) return;
  (await import("../parts/keys_help.js")).showKeys();
}

// Nobody presses a key before the page is there: it is no part of what that waits for.
function listenToKeys() {
  let stop = null;
  let gone = false;
  import("./keys.js").then(
    ({ listen }) => gone || (stop = listen(showKeys)),
    () => {}, // there are the links
  );
  return () => ((gone = true), stop?.());
}

export function Shell({ shown, unreachable }) {
  const wasIn = useRef(false);
  useEffect(listenToKeys, []);
  useEffect(() => effect(() => (document.title = title.value)), []);
  if (session.value === undefined) {
    return html`<p class="starting" role="status">${unreachable.value ? t("shell.unreachable") : "Meshward"}</p>`;
  }
  if (session.value === null) return html`<${Login} again=${wasIn.current} /><${Toasts} />`;
  wasIn.current = true;
  return html`<div class="shell">
    <a class="skip" href="#main" onClick=${skip}>${t("shell.skip")}</a>
    <${Head} />
    <${Navigation} />
    <${Main} shown=${shown} />
    <${Dialogs} />
  </div>`;
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function Head() {
  const head = useRef(null);
  useLayoutEffect(() => {
    // Banners come and go: what sticks below must know where.
    const watch = new ResizeObserver(() =>
      document.documentElement.style.setProperty("--head-height", `${head.current.offsetHeight}px`),
    );
    watch.observe(head.current);
    return () => watch.disconnect();
  }, []);
  return html`<header class="shell-head" ref=${head}>
    <div class="shell-bar">
      <a class="brand" href="#/"><img src="ui/icon.svg" alt="" /> Meshward</a>
      <span class="space" />
      <${Freshness} />
      <${Account} />
    </div>
    <${Banners} />
  </header>`;
}

/** How fresh what is shown is, always in sight. */
function Freshness() {
  const state = link.value;
  nowMs.value; // ages move
  const quietS = (performance.now() - heardMs.value) / 1000;
  const text =
    state === "live"
      ? t("shell.live")
      : state === "silent"
        ? t("shell.silent", { time: duration(quietS) })
        : state === "down"
          ? t("shell.down")
          : t("shell.connecting");
  return html`<span class="fresh ${state}" data-link=${state} title=${t("shell.fresh", { time: duration(quietS) })}>
    <span class="dot" /> ${text}</span>`;
}

/** What is down, and since when; the nearest cause first. */
function Banners() {
  const texts = [];
  if (link.value === "down") {
    // A moment, no age: an alert that changes would be read out each time.
    const since = moment((downSince.value ?? new Date(gatewayMs())).toISOString());
    texts.push(["bad", t(navigator.onLine ? "shell.gatewayDown" : "shell.browserOffline", { since })]);
  } else if (gateway.value) {
    if (link.value === "silent") texts.push(["warn", t("shell.gatewaySilent")]);
    // Before the first board was seen, the overview says what to do.
    if (!gateway.value.mesh_connected && known.value) texts.push(["bad", t("shell.meshDown")]);
    for (const alarm of gateway.value.alarms) texts.push(["warn", alarm]);
  }
  return html`<div role="alert">${texts.map(
    ([level, text]) => html`<div key=${text} class=${classes("banner", level)}>
      <${Icon} name=${level} /> <span>${text}</span>
    </div>`,
  )}</div>`;
}

const leave = () => logOut().catch((error) => complain(t("shell.stillIn", { why: error.message })));

const THEMES = { system: "system", light: "sun", dark: "moon" };

function Account() {
  const { name, role } = session.value;
  return html`<${Menu} label=${t("shell.account", { name, role: t(`roles.${role}`) })} icon="user" items=${[
    { text: t("shell.loggedIn", { name, role: t(`roles.${role}`) }), icon: "user", href: to("settings", "account") },
    { text: t("nav.settings"), icon: "settings", href: to("settings") },
    ...Object.entries(THEMES).map(([key, icon]) => ({
      text: t(`shell.theme.${key}`),
      icon: theme.value === key ? "check" : icon,
      run: () => setTheme(key),
    })),
    { text: t("keys.title"), icon: "keyboard", run: showKeys, when: !matchMedia("(hover: none)").matches },
    { text: t("shell.logOut"), icon: "exit", run: leave },
  ]} />`;
}

function Navigation() {
  const current = viewOf(route.value.path[0] ?? "").key;
  return html`<nav class="shell-nav" aria-label=${t("shell.nav")}>${navigation().map(
    ({ key, icon, text, rare }) => html`<a key=${key} class=${rare ? "rare" : ""} href=${to(key)}
      aria-current=${key === current ? "page" : undefined}>
      <${Icon} name=${icon} /> <span>${text}</span>
      ${key === "alerts" && loud.value.length > 0 &&
      html`<span class="count badge ${loud.value.some((alert) => alert.severity === "critical") ? "bad" : "warn"}">
        ${loud.value.length}<span class="unseen"> ${t("shell.firing")}</span></span>`}
    </a>`,
  )}</nav>`;
}

function Main({ shown }) {
  const { key, View, error } = shown.value;
  const main = useRef(null);
  const place = route.value.path.join("/");
  const before = useRef(null);
  // A view must not see the address of another one, which may be on its way still.
  const isHere = viewOf(route.value.path[0] ?? "").key === viewOf(key).key;
  useEffect(() => {
    if (!View || !isHere) return;
    if (before.current !== null && before.current !== place) {
      scrollTo(0, 0);
      // Whoever came by a link of the navigation, or by one that is gone now, goes on in the view.
      if (!main.current.contains(document.activeElement)) main.current.focus({ preventScroll: true });
    }
    before.current = place;
  }, [place, View, isHere]);
  const view = html`<${Guard} place=${place}><${View} /></${Guard}>`;
  return html`<main id="main" class="shell-main" tabindex="-1" ref=${main}>
    <div class="view">${error ? html`<${NotLoaded} />` : View && isHere ? view : html`<${Loading} />`}</div>
  </main>`;
}
