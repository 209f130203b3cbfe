// Firmware and rollouts: what is under way, what was, and the library; a new rollout; one rollout live.
import { may } from "../app/api.js";
import { useAsk } from "../app/ask.js";
import { html } from "../app/dom.js";
import { go, route, to } from "../app/router.js";
import { t } from "../app/words.js";
import { Icon } from "../parts/icons.js";
import { DropPlace } from "./updates/drop.js";
import { Library } from "./updates/library.js";
import { Active, Held, History } from "./updates/lists.js";
import { LiveRollout } from "./updates/live.js";
import { NewRollout } from "./updates/new.js";

export default function Updates() {
  const id = route.value.path[1];
  if (id === "new") return html`<${NewRollout} />`;
  if (id) return html`<${LiveRollout} key=${id} id=${id} />`;
  return html`<${Overview} />`;
}

function Overview() {
  const library = useAsk("/firmware");
  const operator = may("operator");
  const update = (firmware) => go(to("updates", "new", { firmware: firmware.sha256 }));
  const actions = (known) =>
    known
      ? [[t("updates.drop.update"), update, true]]
      : [
          [t("updates.drop.addAndUpdate"), update, true],
          [t("updates.drop.add"), () => library.reload(), false],
        ];
  return html`<div class="updates stack">
    <div class="view-head">
      <h1>${t("nav.updates")}</h1>
      ${operator && library.value?.length > 0
      && html`<a class="button primary" href=${to("updates", "new")}><${Icon}
      name="updates" /> ${t("updates.list.start")}</a>`}
    </div>
    ${operator && html`<${DropPlace} actions=${actions} />`}
    <${Held} />
    <${Active} />
    <${Library} asked=${library} />
    <${History} emptyText=${t(operator ? "updates.list.noHistory" : "updates.list.noHistoryViewer")} />
  </div>`;
}
