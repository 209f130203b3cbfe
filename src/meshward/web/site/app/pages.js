// Lists that come page by page.
import { get } from "./api.js";

/** All pages of a list, `pages` of them at most. */
export async function getAll(path, params = {}, signal, pages = 20) {
  const items = [];
  let cursor;
  for (let page = 0; page < pages; page++) {
    const part = await get(path, { limit: 1000, ...params, cursor }, signal);
    items.push(...part.items);
    cursor = part.next;
    if (!cursor) break;
  }
  return items;
}
