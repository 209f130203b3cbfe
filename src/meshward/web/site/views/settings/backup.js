// A backup of the gateway, fetched by the page, so that a refusal is told and the way is seen.
import { ApiError, apiUrl } from "../../app/api.js";
import { html, useEffect, useRef, useState } from "../../app/dom.js";
import { bytes } from "../../app/format.js";
import { t } from "../../app/words.js";
import { Note, Progress } from "../../parts/basics.js";
import { save } from "../../parts/csv.js";
import { Icon } from "../../parts/icons.js";
import { complain, say } from "../../parts/toast.js";

const DEFAULT_NAME = "meshward-backup.tar.gz";

export const Backup = () => html`<div class="stack">
  <section class="card stack" aria-labelledby="backup-title">
    <h2 id="backup-title">${t("settings.backup.title")}</h2>
    <p>${t("settings.backup.what")}</p>
    <${Download} />
    <p class="muted small">${t("settings.backup.hint")}</p>
    <${Note} level="warn">${t("settings.backup.care")}</${Note}>
  </section>
  <section class="card stack" aria-labelledby="restore-title">
    <h2 id="restore-title">${t("settings.backup.restore")}</h2>
    <p>${t("settings.backup.restoreHow")}</p>
    <pre tabindex="0">meshward restore meshward-backup.tar.gz</pre>
    <p class="muted small">${t("settings.backup.restoreHint")}</p>
  </section>
</div>`;

function Download() {
  const [under, setUnder] = useState(null);
  const stop = useRef(null);
  useEffect(() => () => stop.current?.abort(), []);
  const run = async () => {
    stop.current = new AbortController();
    setUnder({ done: 0, total: 0 });
    try {
      const { blob, name } = await fetched(stop.current.signal, setUnder);
      save(name, blob);
      say(t("settings.backup.done", { name, size: bytes(blob.size) }));
    } catch (error) {
      if (error.name !== "AbortError") complain(error);
    }
    setUnder(null);
  };
  if (!under) return html`<div class="row"><button type="button" class="primary" onClick=${run}>
    <${Icon} name="download" /> ${t("settings.backup.do")}</button></div>`;
  return html`<div class="stack">
    <p role="status">${t(under.total ? "settings.backup.comes" : "settings.backup.made")}</p>
    ${under.total > 0 && html`<${Progress} share=${under.done / under.total} label=${t("settings.backup.comes")} />
      <p class="muted small">${t("settings.backup.far",
        { done: bytes(under.done), total: bytes(under.total) })}</p>`}
    <div class="row"><button type="button" onClick=${() => stop.current.abort()}>${t("common.cancel")}</button></div>
  </div>`;
}

/** {blob, name} of a new backup; `onProgress` is told {done, total} in bytes. Raises ApiError and AbortError. */
async function fetched(signal, onProgress) {
  const answer = await safely(() => fetch(apiUrl("/backup"), { signal, cache: "no-store" }));
  if (!answer.ok) throw new ApiError(answer.status, await answer.json().catch(() => ({})));
  const total = Number(answer.headers.get("content-length")) || 0;
  const reader = answer.body.getReader();
  const pieces = [];
  let done = 0;
  let shown = 0;
  for (;;) {
    const { value, done: over } = await safely(() => reader.read());
    if (over) break;
    pieces.push(value);
    done += value.length;
    // Pieces are many and small; the bar moves by hundredths.
    if (done - shown < total / 100) continue;
    shown = done;
    onProgress({ done, total });
  }
  if (done < total) throw broken();
  const name = /filename="([\w.-]+)"/.exec(answer.headers.get("content-disposition"))?.[1] ?? DEFAULT_NAME;
  return { blob: new Blob(pieces, { type: "application/gzip" }), name };
}

const broken = () => new ApiError(0, { detail: t("settings.backup.broken") });

/** What a request gives; that it broke off is told in our words. */
async function safely(doing) {
  try {
    return await doing();
  } catch (error) {
    throw error.name === "AbortError" ? error : broken();
  }
}
