// All views: the first part of the address, the words in the navigation, and what is to be loaded.
import { t } from "./words.js";

const VIEWS = [
  { key: "", icon: "overview", styles: ["overview"], load: () => import("../views/overview.js") },
  { key: "map", icon: "map", styles: ["map"], load: () => import("../views/map.js") },
  { key: "nodes", icon: "nodes", styles: ["nodes"], load: () => import("../views/nodes.js") },
  { key: "updates", icon: "updates", styles: ["updates"], load: () => import("../views/updates.js") },
  { key: "alerts", icon: "alerts", styles: ["alerts"], load: () => import("../views/alerts.js") },
  { key: "settings", icon: "settings", rare: true, styles: ["settings"], load: () => import("../views/settings.js") },
];

/** Those in the navigation. */
export const navigation = () => VIEWS.map((view) => ({ ...view, text: t(`nav.${view.key || "overview"}`) }));

/** The view of an address's first part; the overview for one that is not known. */
export const viewOf = (key) => VIEWS.find((view) => view.key === key) ?? VIEWS[0];
