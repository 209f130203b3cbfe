// What is wrong with how a page looks, as a list of sentences. `touch`: whether fingers are to hit its controls.
({ touch }) => {
  const SLACK_PX = 1.5; // of rounding
  const TARGET_PX = 36;
  const LINK_PX = 24; // of links that are text alone: WCAG 2.5.8, where room around one counts as well
  const CONTROLS = "a[href], button, input, select, textarea, summary, [role=button], [role=switch]";
  const found = [];
  const dialog = document.querySelector("dialog[open]");
  const shown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const unseen = (element) => element.closest(".unseen, .skip, [hidden]");
  const named = (element) =>
    `<${element.tagName.toLowerCase()} class=${JSON.stringify(element.getAttribute("class") ?? "")}> ${JSON.stringify(
      (element.textContent || element.getAttribute("aria-label") || "").trim().slice(0, 60),
    )}`;

  /** What is left of a box in sight of its ancestors; `cut` is the one that hides the rest for good. */
  function inSight(element, box) {
    let { left, top, right, bottom } = box;
    let [cut, scrolls] = [null, { x: false, y: false }];
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      const style = getComputedStyle(at);
      // Nobody clips what is fixed, and only some clip what is absolute: those that place it.
      const clip = at.getBoundingClientRect();
      for (const [axis, low, high] of [["x", "left", "right"], ["y", "top", "bottom"]]) {
        const overflow = axis === "x" ? style.overflowX : style.overflowY;
        if (overflow === "visible" || at === element && style.display === "inline") continue;
        const [a, b] = [clip[low], clip[high]];
        const mine = axis === "x" ? [left, right] : [top, bottom];
        if (!scrolls[axis] && (overflow === "hidden" || overflow === "clip") && (mine[0] < a - SLACK_PX || mine[1] > b + SLACK_PX)) cut ??= at;
        if (overflow === "auto" || overflow === "scroll") scrolls[axis] = true;
        if (axis === "x") [left, right] = [Math.max(left, a), Math.min(right, b)];
        else [top, bottom] = [Math.max(top, a), Math.min(bottom, b)];
      }
      if (style.position === "fixed") break;
    }
    return { left, top, right, bottom, cut, scrolls, empty: right - left < 1 || bottom - top < 1 };
  }

  function texts() {
    const walker = document.createTreeWalker(dialog ?? document.body, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const element = node.parentElement;
      if (!node.data.trim() || !shown(element) || unseen(element) || element.closest("svg, option, datalist, script, noscript")) continue;
      range.selectNodeContents(node);
      for (const box of range.getClientRects()) {
        if (box.width < 1) continue;
        const { cut, scrolls } = inSight(element, box);
        const told = cut && (element.closest("[title]") || cut.querySelector("[title]"));
        if (cut && !told) found.push(`text is cut, and its whole is in no title: ${named(element)} by ${named(cut)}`);
        else if (!cut && !scrolls.x && (box.right > innerWidth + SLACK_PX || box.left < -SLACK_PX)) {
          found.push(`text is outside the window: ${named(element)} at ${Math.round(box.left)} to ${Math.round(box.right)}`);
        } else continue;
        break;
      }
    }
  }

  /** What lies on another layer may cover others: what sticks, and what opens. */
  const layerOf = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const { position } = getComputedStyle(at);
      if (position === "fixed" || position === "sticky" || at.matches(".menu-list, dialog")) return at;
    }
    return null;
  };

  function controls() {
    const boxes = [];
    for (const element of (dialog ?? document.body).querySelectorAll(CONTROLS)) {
      if (!shown(element) || unseen(element) || element.closest("svg") || element.type === "hidden") continue;
      // The label of a tick is hit as the tick itself.
      const hit = element.matches("[type=checkbox], [type=radio]") ? (element.closest("label") ?? element) : element;
      const inline = getComputedStyle(hit).display === "inline";
      for (const box of inline ? hit.getClientRects() : [hit.getBoundingClientRect()]) {
        const sight = inSight(hit.parentElement, box);
        if (sight.empty && sight.cut) found.push(`a control is out of reach: ${named(element)} in ${named(sight.cut)}`);
        if (sight.empty) continue;
        const text = inline || isText(hit);
        boxes.push({ element, hit, layer: layerOf(hit), text, ...sight });
        if (touch && !text && Math.min(box.width, box.height) < TARGET_PX - SLACK_PX) {
          found.push(`too small for a finger: ${named(element)} ${Math.round(box.width)} × ${Math.round(box.height)}`);
        }
      }
    }
    boxes.forEach((one, at) => {
      for (const other of boxes.slice(at + 1)) {
        if (one.layer !== other.layer || one.hit.contains(other.hit) || other.hit.contains(one.hit)) continue;
        const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
        const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
        if (across > 2 && down > 2) found.push(`controls overlap: ${named(one.element)} and ${named(other.element)}`);
        else if (touch && one.text && other.text && isNear(one, other)) {
          found.push(`too near for a finger: ${named(one.element)} and ${named(other.element)}`);
        }
      }
    });
  }

  /** Links that look like text, and stand in a line of their own or in one with others. */
  const isText = (element) => {
    if (!element.matches("a[href]")) return false;
    const { backgroundColor, borderTopWidth, paddingTop } = getComputedStyle(element);
    return backgroundColor === "rgba(0, 0, 0, 0)" && borderTopWidth === "0px" && paddingTop === "0px";
  };

  /** Whether a circle around the middle of one touches that of the other. */
  const isNear = (one, other) => {
    const apart = (low, high) => Math.abs(one[low] + one[high] - other[low] - other[high]) / 2;
    // Along a line the nearer ends count: links are wider than a finger.
    const along = Math.max(one.left, other.left) - Math.min(one.right, other.right) + LINK_PX;
    return Math.hypot(Math.max(0, along), apart("top", "bottom")) < LINK_PX - SLACK_PX && apart("top", "bottom") > 4;
  };

  function headings() {
    const all = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter((heading) => heading.checkVisibility());
    const count = all.filter((heading) => heading.tagName === "H1").length;
    if (count !== 1) found.push(`${count} headings of the first level`);
    const dialogs = [...document.querySelectorAll("dialog")];
    all.reduce((before, heading) => {
      const level = Number(heading.tagName[1]);
      if (level > before + 1) found.push(`headings skip a level: ${named(heading)} after level ${before}`);
      return level;
    }, dialogs.length ? 1 : 0);
    if (!document.title.trim()) found.push("no title");
  }

  headings();
  texts();
  controls();
  if (document.documentElement.scrollWidth > innerWidth) {
    found.push(`the page is ${document.documentElement.scrollWidth} px wide, its window ${innerWidth}`);
  }
  return found;
}
