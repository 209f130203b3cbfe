// Parts of the page that are loaded when they are shown for the first time.
import { html, useEffect, useState } from "../app/dom.js";
import { t } from "../app/words.js";
import { Failed, Loading } from "./basics.js";

/** Code that could not be loaded: the page has to be loaded anew. */
export const NotLoaded = () =>
  html`<${Failed} error=${{ message: t("shell.notLoaded") }} retry=${() => location.reload()} />`;

/** A component whose code `load` brings, as a promise of it; until then there is `waiting`. */
export function later(load, waiting = html`<${Loading} />`) {
  let View = null;
  return function Later(props) {
    const [failed, setFailed] = useState(false);
    const [round, setRound] = useState(0);
    useEffect(() => {
      if (View) return;
      load().then(
        (loaded) => ((View = loaded), setRound(round + 1)),
        () => setFailed(true),
      );
    }, []);
    if (View) return html`<${View} ...${props} />`;
    return failed ? html`<${NotLoaded} />` : waiting;
  };
}
