// The latest values of the mesh, asked for every 15 s, and at once when the stream tells of something that counts.
import { useAsk } from "../../app/ask.js";
import { computed, useEffect, useRef } from "../../app/dom.js";
import { firing, online } from "../../app/state.js";

const EVERY_MS = 15_000;
const SETTLE_MS = 1000; // several boards leave together, as a rule

// What the sentence depends on: boards that come and go, and alerts.
const cause = computed(
  () => `${online.value.length} ${firing.value.map((alert) => `${alert.id}${alert.severity}${alert.quiet}`).join()}`,
);

/** NumbersView of the API, with error and loading as of useAsk. */
export function useNumbers() {
  const numbers = useAsk("/numbers", {}, { everyMs: EVERY_MS });
  const why = cause.value;
  const before = useRef(why);
  useEffect(() => {
    if (before.current === why) return undefined;
    before.current = why;
    const timer = setTimeout(numbers.reload, SETTLE_MS);
    return () => clearTimeout(timer);
  }, [why]);
  return numbers;
}
