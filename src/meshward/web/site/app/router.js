// Which view is shown stands in the fragment of the address: "#/nodes/1005?range=7d". So the page's own address
// never changes, and works below any path of a proxy.
import { computed, signal } from "@preact/signals";

const hash = signal(location.hash);
addEventListener("hashchange", () => (hash.value = location.hash));

/** {path: ["nodes", "1005"], params: URLSearchParams} */
export const route = computed(() => {
  const [path, query = ""] = hash.value.replace(/^#\/?/, "").split("?", 2);
  return { path: path.split("/").filter(Boolean).map(decoded), params: new URLSearchParams(query) };
});

/** The address of a view: to("nodes", 1005) or to("nodes", {sort: "-health"}). */
export function to(...parts) {
  const params = typeof parts.at(-1) === "object" ? parts.pop() : {};
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== null && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return `#/${parts.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** Go to a view. `replace` leaves no step to go back to. */
export function go(address, { replace = false } = {}) {
  if (replace) {
    history.replaceState(null, "", address);
    hash.value = address;
  } else {
    location.hash = address;
  }
}

/** Change parameters of the view that is shown, null for none, without a step to go back to. */
export function setParams(changes) {
  const { path, params } = route.peek();
  go(to(...path, { ...Object.fromEntries(params), ...changes }), { replace: true });
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
