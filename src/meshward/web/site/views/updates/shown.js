// A hook for what takes its time: whoever went elsewhere meanwhile is not to be thrown back.
import { useEffect, useRef } from "../../app/dom.js";

/** A reference whose `current` says whether the component is still in the page. */
export function useShown() {
  const shown = useRef(true);
  useEffect(() => () => (shown.current = false), []);
  return shown;
}
