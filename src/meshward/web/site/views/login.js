// Logging in with a token. Links of `meshward dashboard` log in by themselves: see app/main.js.
import { logIn } from "../app/api.js";
import { html, useEffect, useRef, useState } from "../app/dom.js";
import { t } from "../app/words.js";
import { Field, Note } from "../parts/basics.js";

/** `again` says that somebody was logged in on this page before: the address is kept, and is where to go on. */
export function Login({ again }) {
  const [token, setToken] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const form = useRef(null);
  const focusToken = () => form.current?.querySelector("input").focus();
  useEffect(focusToken, []);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setWrong("");
    try {
      await logIn({ token: token.trim() });
    } catch (error) {
      setWrong(error.message);
      setBusy(false);
      focusToken();
    }
  };
  return html`<main class="login stack">
    <div class="row"><img src="ui/icon.svg" alt="" /><h1>${t("login.title")}</h1></div>
    ${again && html`<${Note} role="status">${t("login.again")}</${Note}>`}
    <form class="card stack" ref=${form} onSubmit=${submit}>
      <${Field} label=${t("login.token")} hint=${t("login.hint")} wrong=${wrong}>${(control) => html`<input ...${control}
        type="password" name="token" autocomplete="current-password" required spellcheck="false" autocapitalize="off"
        placeholder="mw_…" value=${token} onInput=${(event) => setToken(event.target.value)} />`}</${Field}>
      <button class="primary" disabled=${busy || !token.trim()}>${busy ? t("login.busy") : t("login.submit")}</button>
    </form>
    <section class="other">
      <p>${t("login.link")}</p>
      <pre>meshward dashboard</pre>
      <p>${t("login.make")}</p>
      <pre>meshward token create --role operator</pre>
    </section>
  </main>`;
}
