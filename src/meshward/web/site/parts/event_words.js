// What happened, in words: events as people read them. No DOM.
import { has, t } from "../app/words.js";

export const stateWord = (state) => word(`updates.states.${state}`, state);
export const nodeStateWord = (state) => word(`updates.nodeStates.${state}`, state);

const word = (name, fallback) => (has(name) ? t(name) : fallback.replaceAll("_", " "));

const MOVED = /^rollout (?:'.*?'|".*?"): (\w+) -> (\w+): (.*)$/s;
const OF_NODE = /^node \d+ (\w+?)(?:: (.*))?$/s;
const OF_ROLLOUT = /^rollout (?:'.*?'|".*?"): (.*)$/s;

/** What an event says, without the name of its rollout; `nameOf(id)` names boards. */
export function eventWords(event, nameOf) {
  const moved = MOVED.exec(event.text);
  if (moved) return t("updates.live.moved",
    { from: stateWord(moved[1]), to: stateWord(moved[2]), why: namesIn(moved[3], nameOf) });
  const node = event.node !== null && OF_NODE.exec(event.text);
  if (node) return [`${nameOf(event.node)}: ${nodeStateWord(node[1])}`, node[2]].filter(Boolean).join(". ");
  return namesIn(OF_ROLLOUT.exec(event.text)?.[1] ?? event.text, nameOf);
}

/**
 * The same as {before, after} the name of its board, for that to stand there as a link. Where the name is not in it,
 * it is to stand before all. An event of no board is all `before`.
 */
export function aroundName(event, nameOf) {
  const text = eventWords(event, nameOf);
  if (event.node === null) return { before: text, after: "" };
  const name = nameOf(event.node).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const found = new RegExp(`(?<![\\p{L}\\p{N}])${name}(?![\\p{L}\\p{N}])`, "u").exec(text);
  if (!found) return { before: "", after: ` ${text}` };
  // What has no name is called "node 17" by the gateway; as a link its mark says as much.
  const before = text.slice(0, found.index).replace(/\bnode $/i, "");
  return { before, after: text.slice(found.index + found[0].length) };
}

/** A text of the gateway with the names of boards in place of their ids. */
export const namesIn = (text, nameOf) =>
  text.replace(/\bnode (\d+)\b/gi, (whole, id) => (nameOf(Number(id)) === id ? whole : nameOf(Number(id))));
