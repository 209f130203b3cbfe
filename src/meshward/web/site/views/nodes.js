// All nodes as a table, and the page of each.
import { html } from "../app/dom.js";
import { route } from "../app/router.js";
import { NodeList } from "./nodes/list.js";
import { NodePage } from "./nodes/page.js";

export default function View() {
  const id = route.value.path[1];
  return id === undefined ? html`<${NodeList} />` : html`<${NodePage} id=${id} />`;
}
