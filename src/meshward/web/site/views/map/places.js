// Where people put nodes: kept by the gateway for all who look at the map.
import { may, patch } from "../../app/api.js";
import { nameOf } from "../../app/state.js";
import { t } from "../../app/words.js";
import { confirmDialog } from "../../parts/dialog.js";
import { attempt, say } from "../../parts/toast.js";
import { positions } from "./model.js";

const FARTHEST = 100_000;
const rounded = (value) => Math.max(-FARTHEST, Math.min(FARTHEST, Math.round(value * 10) / 10));

/** A node was put somewhere. Who may not change the map for all has it so until the page is loaded again. */
export async function moveNode(id, x, y) {
  const before = positions.peek().get(id) ?? null;
  if (!(await put(id, [rounded(x), rounded(y)]))) return;
  const text = t(may("operator") ? "map.moved" : "map.movedForYou", { name: `\u2068${nameOf(id)}\u2069` });
  say(text, { text: t("map.undo"), run: () => put(id, before) });
}

/** Back to where the layout has it. */
export const putBack = (id) => put(id, null);

/** Resolves to whether it is there; `at` is null for where the layout has it. */
function put(id, at) {
  const now = new Map(positions.peek());
  if (at) now.set(id, at);
  else now.delete(id);
  return change(now, { positions: { [id]: at } });
}

/** All back to where the layout has them. */
export async function tidyUp() {
  const sure = await confirmDialog({
    title: t("map.tidy.title"),
    consequences: [
      t("map.tidy.text", { n: positions.peek().size }),
      may("operator") ? t("map.tidy.forAll") : t("map.tidy.forYou"),
    ],
    action: t("map.tidy.action"),
  });
  if (sure) await change(new Map(), { clear_positions: true });
}

async function change(now, request) {
  const before = positions.peek();
  positions.value = now;
  if (!may("operator") || (await attempt(() => patch("/dashboard", request))) !== undefined) return true;
  if (positions.peek() === now) positions.value = before;
  return false;
}
