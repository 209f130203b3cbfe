// The firmware versions of all boards, as a bar; told apart by pattern and name, not by colour alone.
import { html } from "../../app/dom.js";
import { percent } from "../../app/format.js";
import { to } from "../../app/router.js";
import { t } from "../../app/words.js";
import { Card } from "./card.js";
import { all, steady } from "./live.js";
import { byVersion } from "./logic.js";

/** How the view of nodes calls those whose version is not known. */
const NO_VERSION = "(none)";

const versions = steady(() => byVersion(all.value));

export function Versions() {
  const entries = versions.value.map((entry, index) => ({
    ...entry,
    text: entry.version || (entry.rest ? t("overview.otherVersions", { n: entry.rest }) : t("overview.noVersion")),
    look: entry.version ? `v${index + 1}` : entry.rest ? "others" : "none",
  }));
  return html`<${Card} id="ov-versions" title=${t("overview.versions")}>
    <div class="ov-versions" aria-hidden="true">${entries.map(
      ({ text, look, share, count }) =>
        html`<span key=${look} class="part ${look}" style=${{ flexGrow: count }}
          title="${text}: ${count} (${percent(share)})" />`,
    )}</div>
    <ul class="plain ov-legend">${entries.map(
      (entry) => html`<li key=${entry.look}><span class="swatch ${entry.look}" /><${Name} entry=${entry} />
        <span class="number">${entry.count}</span><span class="number muted">${percent(entry.share)}</span></li>`,
    )}</ul>
  </${Card}>`;
}

function Name({ entry: { version, text, rest } }) {
  if (rest) return html`<span class="cut">${text}</span>`;
  if (!version) return html`<a class="cut" href=${to("nodes", { version: NO_VERSION })}>${text}</a>`;
  return html`<a class="cut" href=${to("nodes", { version })} title=${version}><bdi>${version}</bdi></a>`;
}
