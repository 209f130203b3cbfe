// Who is logged in, and what that role may do.
import { logOut, session } from "../../app/api.js";
import { html, useState } from "../../app/dom.js";
import { setTheme, theme } from "../../app/theme.js";
import { t } from "../../app/words.js";
import { Badge, Segments } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { attempt } from "../../parts/toast.js";

const ROLES = ["viewer", "operator", "admin"];

export function Account() {
  const [busy, setBusy] = useState(false);
  if (!session.value) return null;
  const { name, role } = session.value;
  const leave = async () => {
    setBusy(true);
    await attempt(logOut);
    setBusy(false);
  };
  return html`<div class="stack">
    <section class="card stack" aria-labelledby="who-title">
      <h2 id="who-title">${t("settings.account.who")}</h2>
      <p class="row"><bdi class="account-name">${name}</bdi> <${Badge} level="unknown" icon="user">${t(`roles.${role}`)}
        </${Badge}></p>
      <div class="row"><button type="button" disabled=${busy} onClick=${leave}>
        <${Icon} name="exit" /> ${t("shell.logOut")}</button></div>
    </section>
    <section class="card" aria-labelledby="may-title">
      <h2 id="may-title">${t("settings.account.may")}</h2>
      <ul class="plain rights">${ROLES.map((key, level) => {
        const has = ROLES.indexOf(role) >= level;
        return html`<li key=${key} class=${has ? "" : "muted"}><span class="level ${has ? "well" : "off"}">
          <${Icon} name=${has ? "check" : "close"} label=${t(has ? "settings.account.yes" : "settings.account.no")} />
          </span>
          <span><strong>${t(`roles.${key}`)}</strong>: ${t(`settings.account.rights.${key}`)}</span></li>`;
      })}</ul>
    </section>
    <section class="card stack" aria-labelledby="colours-title">
      <h2 id="colours-title">${t("settings.account.colours")}</h2>
      <div><${Segments} label=${t("settings.account.colours")} value=${theme.value} onChange=${setTheme}
        options=${["system", "light", "dark"].map((key) => [key, t(`settings.account.themes.${key}`)])} /></div>
      <p class="muted small">${t("settings.account.coloursHint")}</p>
    </section>
  </div>`;
}
