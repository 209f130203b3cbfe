// What views are written with: templates, hooks and signals, and two helpers of ours.
import { Component, h } from "preact";
import htm from "htm";

export { Fragment, createContext, render } from "preact";
export { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export { batch, computed, effect, signal, untracked, useComputed, useSignal } from "@preact/signals";

export const html = htm.bind(h);

/** A component that is drawn again only when one of its properties is another one. */
export function memo(View) {
  return class extends Component {
    shouldComponentUpdate(next) {
      const now = this.props;
      for (const key in next) if (next[key] !== now[key]) return true;
      for (const key in now) if (!(key in next)) return true;
      return false;
    }
    render(props) {
      return h(View, props);
    }
  };
}

/** Class names out of names and conditions: classes("a", open && "b"). */
export const classes = (...names) => names.filter(Boolean).join(" ");

/** Keep what `make` gave before, for as long as it gives the same again: who follows it is not woken for nothing. */
export function keep(make, same) {
  let kept;
  return (...given) => {
    const next = make(...given);
    if (kept === undefined || !same(kept, next)) kept = next;
    return kept;
  };
}

const loading = new Map();

/** Load a style sheet of ours once; resolves when it is in force. Those of the page itself are there already. */
export function loadStyle(path, id) {
  if (document.head.querySelector(`link[rel="stylesheet"][href="${CSS.escape(path)}"]`)) return Promise.resolve();
  return once(path, () => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    if (id) link.id = id;
    return [link, "href"];
  });
}

/** Load a script that is no module, once. */
export function loadScript(path) {
  return once(path, () => [document.createElement("script"), "src"]);
}

function once(path, make) {
  if (!loading.has(path)) {
    loading.set(
      path,
      new Promise((resolve, reject) => {
        const [element, attribute] = make();
        element.onload = () => resolve();
        element.onerror = () => {
          loading.delete(path);
          element.remove();
          reject(new Error(`${path} could not be loaded`));
        };
        element[attribute] = path;
        document.head.append(element);
      }),
    );
  }
  return loading.get(path);
}
