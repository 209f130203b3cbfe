// What people may do with a rollout now, each after its consequences were told.
import { may, post } from "../../app/api.js";
import { html, useEffect, useRef, useState } from "../../app/dom.js";
import { tally } from "../../app/rollouts.js";
import { t } from "../../app/words.js";
import { confirmDialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { Menu } from "../../parts/menu.js";
import { complain, say } from "../../parts/toast.js";

const ICONS = { approve: "check", pause: "pause", resume: "play", skip: "skip", retry: "retry", abort: "stop",
  rollback: "back" };
const ORDER = ["approve", "resume", "pause", "retry", "skip", "rollback", "abort"];
const DANGER = ["abort", "rollback"];
/** Those that are buttons of their own; the others are in a menu. */
const SHOWN = ["approve", "resume", "pause", "retry"];

/** `take(rollout)` is given the rollout as it is after the action. */
export function Actions({ rollout, take }) {
  const [busy, setBusy] = useState(false);
  const box = useRef(null);
  const acted = useRef(false);
  // What was pressed may be gone by now: the keyboard goes on from beside it.
  useEffect(() => {
    if (busy || !acted.current || document.activeElement !== document.body) return;
    (box.current.querySelector("button") ?? box.current).focus();
  }, [busy]);
  if (!may("operator")) return null;
  const possible = ORDER.filter((action) => rollout.actions.includes(action));
  const act = async (action) => {
    const sure = await confirmDialog(question(rollout, action));
    if (!sure) return;
    acted.current = true;
    setBusy(true);
    try {
      take(await post(`/rollouts/${encodeURIComponent(rollout.id)}/${action}`, { reason: sure.reason }));
      say(t(`updates.actions.done.${action}`));
    } catch (error) {
      complain(error);
      take(null);
    }
    setBusy(false);
  };
  const buttons = possible.filter((action) => SHOWN.includes(action));
  const more = possible.filter((action) => !SHOWN.includes(action));
  return html`<div class="row" ref=${box} tabindex="-1">
    ${buttons.map((action, index) =>
      html`<button type="button" key=${action} class=${index === 0 && action !== "pause" ? "primary" : ""}
      disabled=${busy} onClick=${() => act(action)}>
      <${Icon} name=${ICONS[action]} /> ${word(rollout, action)}</button>`)}
    ${more.length > 0 && html`<${Menu} label=${t("updates.actions.more")} disabled=${busy} items=${more.map(
      (action) => ({ text: word(rollout, action), icon: ICONS[action], run: () => act(action) }),
    )} />`}
  </div>`;
}

const key = (rollout, action) => (action === "approve" && rollout.state === "awaiting_go" ? "go" : action);
const word = (rollout, action) => t(`updates.actions.${key(rollout, action)}`);

function question(rollout, action) {
  return {
    title: t(`updates.actions.title.${key(rollout, action)}`),
    consequences: consequencesOf(rollout, action),
    action: word(rollout, action),
    danger: DANGER.includes(action),
    reason: true,
  };
}

/** What an action does, in sentences. */
function consequencesOf(rollout, action) {
  const members = rollout.nodes.filter((node) => node.wave === rollout.wave).length;
  const values = {
    wave: rollout.spec.waves[rollout.wave]?.name ?? "",
    boards: t("updates.boards", { n: action === "retry" ? tally(rollout).bad + (rollout.counts.cancelled ?? 0)
      : members }),
    failure: rollout.failure,
  };
  const name = action === "resume" && rollout.failure ? "resumeFailed" : key(rollout, action);
  const goingBack = action === "abort" && rollout.state === "rolling_back";
  return [t(`updates.actions.text.${goingBack ? "abortBack" : name}`, values)];
}
