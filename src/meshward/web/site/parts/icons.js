// Icons: lines on a 24 by 24 field, in the colour of the text beside them.
import { html } from "../app/dom.js";

const PATHS = {
  overview: "M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-4H4zM14 8h6V4h-6z",
  map: "M12 6v5M12 11l-5.5 5M12 11l5.5 5M12 3.5a2 2 0 1 0 .01 0M5.5 16.5a2 2 0 1 0 .01 0M18.5 16.5a2 2 0 1 0 .01 0M12 10a1 1 0 1 0 .01 0",
  nodes: "M4 6h16M4 12h16M4 18h16",
  updates: "M12 4v11M7 10l5 5 5-5M5 20h14",
  alerts: "M12 4a5 5 0 0 0-5 5c0 5-2 6-2 7h14c0-1-2-2-2-7a5 5 0 0 0-5-5zM10 19.5a2 2 0 0 0 4 0",
  settings: "M12 9a3 3 0 1 0 .01 0M12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.2 2.2M16.2 16.2l2.2 2.2M5.6 18.4l2.2-2.2M16.2 7.8l2.2-2.2",
  // The shapes of the five levels: told apart without colour.
  well: "M12 3a9 9 0 1 0 .01 0M8 12.2l2.8 2.8L16 9.5",
  warn: "M12 3.5 21.5 20h-19zM12 10v4.5M12 17.2v.1",
  bad: "M8 3h8l5 5v8l-5 5H8l-5-5V8zM9 9l6 6M15 9l-6 6",
  off: "M12 3a9 9 0 1 0 .01 0M6 18 18 6",
  unknown: "M12 3a9 9 0 1 0 .01 0M8 12h.1M12 12h.1M16 12h.1",
  info: "M12 3a9 9 0 1 0 .01 0M12 11v5.5M12 7.6v.1",
  check: "M5 12.5l4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6 6 18",
  more: "M5 11.3a.7.7 0 1 0 .01 0M12 11.3a.7.7 0 1 0 .01 0M19 11.3a.7.7 0 1 0 .01 0",
  search: "M10.5 4a6.5 6.5 0 1 0 .01 0M15.5 15.5 20 20",
  filter: "M4 5h16l-6 7.5V19l-4-2v-4.5z",
  play: "M7 4.5v15l12-7.5z",
  pause: "M8 5v14M16 5v14",
  stop: "M6 6h12v12H6z",
  skip: "M5 5v14l9-7zM18 5v14",
  back: "M9 7l-5 5 5 5M4 12h11a5 5 0 0 1 0 10",
  retry: "M19 12a7 7 0 1 1-2.2-5.1M19 4v4h-4",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  down: "M5 9l7 7 7-7",
  up: "M5 15l7-7 7 7",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  tag: "M4 4h8l8 8-8 8-8-8zM8 8v.1",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  download: "M12 4v11M7 10l5 5 5-5M5 20h14",
  upload: "M12 16V5M7 9l5-5 5 5M5 20h14",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  clock: "M12 3a9 9 0 1 0 .01 0M12 7v5.2l3.5 2",
  mute: "M12 4a5 5 0 0 0-5 5c0 5-2 6-2 7h14M4 4l16 16M10 19.5a2 2 0 0 0 4 0",
  tool: "M14 6a4.5 4.5 0 0 1 6-2l-3 3 0 2 2 0 3-3a4.5 4.5 0 0 1-6 5.5L8 19.500a2 2 0 0 1-3-3z",
  user: "M12 4a4 4 0 1 0 .01 0M4.5 20c1-4 4-5.5 7.5-5.500s6.5 1.5 7.5 5.5",
  sun: "M12 8a4 4 0 1 0 .01 0M12 2.500v2M12 19.500v2M2.5 12h2M19.5 12h2M5.3 5.300l1.4 1.400M17.3 17.300l1.4 1.400M5.3 18.700l1.4-1.400M17.3 6.700l1.4-1.4",
  moon: "M19.5 14.500A8 8 0 0 1 9.5 4.500a8 8 0 1 0 10 10z",
  system: "M4 5h16v11H4zM9 20h6M12 16v4",
  exit: "M14 4h5v16h-5M4 12h11M11 8l4 4-4 4",
  keyboard: "M3 6h18v12H3zM7 10h.1M10.500 10h.1M14 10h.1M17 10h.1M8 14h8",
  pulse: "M3 12h4l2.5-6 4 12 2.5-6h5",
  pin: "M12 21v-7M8 4h8l-1 6 3 4H6l3-4z",
  focus: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  fold: "M6 6h12M6 12h7M6 18h4",
  table: "M4 5h16v14H4zM4 10h16M10 5v14",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
};

/** The names of all icons. */
export const ICONS = Object.keys(PATHS);

/** An icon. It says nothing to screen readers, unless `label` is given. */
export function Icon({ name, label, size }) {
  const style = size && { width: `${size}px`, height: `${size}px` };
  return html`<svg class="icon" style=${style} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"
    stroke-linecap="round" stroke-linejoin="round" role=${label ? "img" : undefined} aria-label=${label}
    aria-hidden=${label ? undefined : "true"}><path d=${PATHS[name]} /></svg>`;
}
