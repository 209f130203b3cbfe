// A button that opens a list of actions: arrow keys move in it, Escape closes it.
import { html, useEffect, useRef, useState } from "../app/dom.js";
import { Icon } from "./icons.js";

/** `items` are {text, icon, href or run, when}; those whose `when` is false are left out. */
export function Menu({ label, icon = "more", text, items, start = false, small = false, disabled = false }) {
  const [open, setOpen] = useState(false);
  const box = useRef(null);
  const list = useRef(null);
  useEffect(() => {
    if (!open) return undefined;
    list.current.querySelector("button, a")?.focus();
    const outside = (event) => !box.current.contains(event.target) && setOpen(false);
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [open]);
  const close = () => {
    setOpen(false);
    box.current.querySelector("button").focus();
  };
  const onKey = (event) => {
    const all = [...list.current.querySelectorAll("button, a")];
    const at = all.indexOf(document.activeElement);
    const target = { ArrowDown: all[at + 1] ?? all[0], ArrowUp: all[at - 1] ?? all.at(-1), Home: all[0], End: all.at(-1) }[event.key];
    if (event.key === "Escape") close();
    else if (target) target.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const shown = items.filter((item) => item && item.when !== false);
  if (!shown.length) return null;
  return html`<div class="menu" ref=${box} onFocusOut=${(event) => open && event.relatedTarget && !box.current.contains(event.relatedTarget) && setOpen(false)}>
    <button type="button" class="${text ? "" : "icon quiet"} ${small ? "small" : ""}" aria-label=${label} aria-haspopup="menu" aria-expanded=${open} disabled=${disabled} onClick=${() => setOpen(!open)}>
      <${Icon} name=${icon} />${text && html` <span>${text}</span>`}
    </button>
    ${open &&
    html`<div class="menu-list ${start ? "start" : ""}" role="menu" ref=${list} onKeyDown=${onKey}>${shown.map((item) =>
      item.href
        ? html`<a role="menuitem" key=${item.text} href=${item.href} onClick=${() => setOpen(false)}><${Icon} name=${item.icon} /> ${item.text}</a>`
        : html`<button type="button" role="menuitem" key=${item.text} onClick=${() => (close(), item.run())}><${Icon} name=${item.icon} /> ${item.text}</button>`,
    )}</div>`}
  </div>`;
}
