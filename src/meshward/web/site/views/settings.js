// Settings: what can be changed while it runs, who may come in, and what runs here.
import { may } from "../app/api.js";
import { html, useEffect, useRef } from "../app/dom.js";
import { route, to } from "../app/router.js";
import { t } from "../app/words.js";
import { Account } from "./settings/account.js";
import { Audit } from "./settings/audit.js";
import { Backup } from "./settings/backup.js";
import { Bridges } from "./settings/bridges.js";
import { About } from "./settings/gateway.js";
import { Tokens } from "./settings/tokens.js";
import { Updates } from "./settings/updates.js";

const TABS = [
  { key: "updates", role: "operator", Tab: Updates },
  { key: "tokens", role: "admin", Tab: Tokens },
  { key: "audit", role: "operator", Tab: Audit },
  { key: "bridges", role: "viewer", Tab: Bridges },
  { key: "backup", role: "admin", Tab: Backup },
  { key: "account", role: "viewer", Tab: Account },
  { key: "about", role: "viewer", Tab: About },
];

export default function View() {
  const tabs = TABS.filter(({ role }) => may(role));
  const wanted = route.value.path[1];
  const named = (key) => tabs.find((tab) => tab.key === key);
  // Nobody is logged in for a moment while the page goes.
  const { key, Tab } = named(wanted) ?? named("updates") ?? named("account") ?? { key: "", Tab: () => null };
  const list = useRef(null);
  useEffect(() => {
    // On a phone the tab that is shown may be out of sight.
    list.current.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [key]);
  return html`<div class="view-head"><h1>${t("nav.settings")}</h1></div>
    <nav class="tabs settings-tabs" aria-label=${t("nav.settings")} ref=${list}>${tabs.map(
      (tab) => html`<a key=${tab.key} href=${to("settings", tab.key)}
        aria-current=${tab.key === key ? "page" : undefined}>${t(`settings.tabs.${tab.key}`)}</a>`,
    )}</nav>
    <div class="settings-body"><${Tab} key=${key} /></div>`;
}
