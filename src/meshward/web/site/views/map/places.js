// Where people put nodes: kept by the gateway for all who look at the map.
import { may, patch } from "../../app/api.js";
import { t } from "../../app/words.js";
import { confirmDialog } from "../../parts/dialog.js";
import { attempt } from "../../parts/toast.js";
import { positions } from "./model.js";

const FARTHEST = 100_000;
const rounded = (value) => Math.max(-FARTHEST, Math.min(FARTHEST, Math.round(value * 10) / 10));

/** A node was put somewhere. Who may not change the map for all has it so until the page is loaded again. */
export async function moveNode(id, x, y) {
  await change(new Map(positions.peek()).set(id, [rounded(x), rounded(y)]), {
    positions: { [id]: [rounded(x), rounded(y)] },
  });
}

/** Back to where the layout has it. */
export async function putBack(id) {
  const left = new Map(positions.peek());
  left.delete(id);
  await change(left, { positions: { [id]: null } });
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
  if (!may("operator")) return;
  if ((await attempt(() => patch("/dashboard", request))) === undefined && positions.peek() === now)
    positions.value = before;
}
