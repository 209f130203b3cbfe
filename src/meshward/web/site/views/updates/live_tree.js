// The boards of a rollout on the tree, filling up.
import { html, useMemo } from "../../app/dom.js";
import { levelOfUpdate } from "../../app/levels.js";
import { go, to } from "../../app/router.js";
import { t } from "../../app/words.js";
import { MiniTree } from "../../parts/mini_tree.js";
import { isBad, isGood, shareOf } from "./progress.js";
import { nodeStateWord } from "../../parts/event_words.js";

export function OnTheTree({ nodes }) {
  const paint = useMemo(() => {
    const byId = new Map(nodes.map((node) => [node.node, node]));
    return (id) => paintOf(byId.get(id));
  }, [nodes]);
  return html`<section class="card live-tree">
    <h2>${t("updates.live.treeTitle")}</h2>
    <${MiniTree} paint=${paint} label=${t("updates.live.tree")} height=${340} onPick=${(id) => go(to("nodes", id))} />
    <ul class="plain row legend small">${LEGEND.map(
      ([level, sign, text]) => html`<li key=${text}><span class="sign ${level}"
        aria-hidden="true">${sign}</span> ${t(`updates.live.legend.${text}`)}</li>`,
    )}</ul>
  </section>`;
}

const RINGED = ["failed", "lost"];
const LEGEND = [["well", "✓", "good"], ["unknown", "%", "atWork"], ["unknown", "1", "waits"], ["bad", "×", "bad"],
  ["off", "–", "out"]];

function paintOf(node) {
  if (!node) return null;
  const { state } = node;
  if (state === "not_targeted") return { level: "off", text: "–", title: node.reason ?? nodeStateWord(state) };
  const share = shareOf(node);
  const title = node.reason ? `${nodeStateWord(state)}: ${node.reason}` : nodeStateWord(state);
  if (isGood(state)) return { level: "well", text: "✓", title };
  if (isBad(state)) return { level: levelOfUpdate(state), text: state === "rolled_back" ? "↩" : "×",
    ring: RINGED.includes(state), title };
  if (state === "cancelled") return { level: "off", text: "–", title };
  const atWork = share > 0;
  return {
    level: levelOfUpdate(state),
    text: atWork ? String(Math.floor(share * 100)) : node.wave === null ? "?" : String(node.wave + 1),
    share: atWork ? share : undefined,
    title,
  };
}
