// One rollout, live: how it stands, what happens next, and what came of every board.
import { get, may } from "../../app/api.js";
import { useAsk } from "../../app/ask.js";
import { computed, html, useEffect, useMemo, useRef, useState } from "../../app/dom.js";
import { gatewayMs } from "../../app/format.js";
import { isFinal } from "../../app/rollouts.js";
import { to } from "../../app/router.js";
import { rollouts } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Failed, Loading, Note } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { Actions } from "./actions.js";
import { Boards, Failures } from "./live_boards.js";
import { Log, Runs } from "./live_log.js";
import { SpecFacts } from "./live_spec.js";
import { Figures, Standing, WaveBars } from "./live_standing.js";
import { OnTheTree } from "./live_tree.js";
import { Held, StateBadge } from "./lists.js";
import { addSample, keepSame, sampleOf } from "./progress.js";
import { rolloutName } from "./sentences.js";

const EVERY_MS = 2000;
const EVERY_SOAKING_MS = 5000;
const QUIET = ["soaking", "awaiting_approval", "scheduled", "awaiting_go", "waiting", "paused"];

export function LiveRollout({ id }) {
  const { rollout, error, atMs, samples, reload, take } = useRollout(id);
  const library = useAsk("/firmware");
  const spec = rollout?.spec;
  const what = useMemo(() => nameOfImages(spec, library.value), [spec?.images.join(), library.value]);
  const back = html`<a class="back" href=${to("updates")}><${Icon} name="left" /> ${t("updates.new.back")}</a>`;
  if (!rollout) {
    return html`<div class="updates"><div class="view-head"><div>${back}<h1>${id}</h1></div></div>
      ${error ? html`<${Failed} error=${error} retry=${reload} />` : html`<${Loading} />`}</div>`;
  }
  const over = isFinal(rollout.state);
  return html`<div class="updates stack live">
    <div class="view-head">
      <div class="live-title">${back}<h1><bdi>${rollout.name}</bdi></h1></div>
      <div class="row">
        <${StateBadge} state=${rollout.state} />
        <${Actions} rollout=${rollout} take=${take} />
        ${over && may("operator") && html`<a class="button" href=${to("updates", "new", { again: id })}><${Icon}
          name="retry" /> ${t("updates.live.again")}</a>`}
      </div>
    </div>
    ${error && html`<${Note} level="warn"
      role="status">${error.passing ? t("updates.live.shaky") : error.message}</${Note}>`}
    ${!over && html`<${Held} />`}
    <${Standing} rollout=${rollout} what=${what} atMs=${atMs} />
    <${Failures} nodes=${rollout.nodes} />
    <div class="live-columns">
      <div class="stack">
        <${Figures} rollout=${rollout} samples=${samples} />
        <${WaveBars} rollout=${rollout} />
      </div>
      <${OnTheTree} nodes=${rollout.nodes} />
    </div>
    <${Boards} rollout=${rollout} />
    <div class="live-columns">
      <${Log} id=${id} />
      <div class="stack">
        <${Runs} id=${id} mark=${`${rollout.state}${rollout.wave}`} />
        <${SpecFacts} rollout=${rollout} library=${library.value} />
      </div>
    </div>
  </div>`;
}

/** The rollout as the gateway has it, asked again while it goes on, and at once when the stream tells of a change. */
function useRollout(id) {
  const [state, setState] = useState({ rollout: null, error: null, atMs: 0, samples: [] });
  const summary = useSummary(id);
  const asker = useRef(null);
  asker.current ??= asking(id, setState);
  const reload = asker.current.ask;
  const take = (view) => (view ? setState((before) => taken(before, view)) : reload());
  useEffect(() => reload(), [summary]);
  useEffect(() => asker.current.stop, []);
  const now = state.rollout?.state;
  const everyMs = now === undefined || isFinal(now) ? 0 : QUIET.includes(now) ? EVERY_SOAKING_MS : EVERY_MS;
  useEffect(() => {
    if (!everyMs) return undefined;
    const timer = setInterval(() => document.hidden || reload(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return { ...state, reload, take };
}

/**
 * Asks one at a time: what is asked for meanwhile is asked once more after the answer, so that a slow connection
 * still gets there while the stream tells of one change after the other.
 */
function asking(id, setState) {
  const stop = new AbortController();
  let flying = false;
  let again = false;
  const ask = async () => {
    if (flying) {
      again = true;
      return;
    }
    flying = true;
    do {
      again = false;
      try {
        const view = await get(`/rollouts/${encodeURIComponent(id)}`, {}, stop.signal);
        setState((before) => taken(before, view));
      } catch (error) {
        if (error.name === "AbortError") return;
        setState((before) => ({ ...before, error }));
      }
    } while (again && !stop.signal.aborted);
    flying = false;
  };
  return { ask: () => void ask(), stop: () => stop.abort() };
}

/** The rollout in the stream; another object only when something of it changed. */
function useSummary(id) {
  const own = useRef(null);
  own.current ??= computed(() => rollouts.value.get(id));
  return own.current.value;
}

function taken(before, view) {
  const atMs = gatewayMs();
  const nodes = before.rollout ? keepSame(before.rollout.nodes, view.nodes) : view.nodes;
  const same = before.rollout && nodes.length === before.rollout.nodes.length
    && nodes.every((node, at) => node === before.rollout.nodes[at]);
  const rollout = { ...view, nodes: same ? before.rollout.nodes : nodes };
  return { rollout, error: null, atMs, samples: addSample(before.samples, sampleOf(rollout, atMs)) };
}

function nameOfImages(spec, library) {
  const found = (spec?.images ?? []).map((sha) => library?.find((firmware) => firmware.sha256 === sha));
  return found.some(Boolean) ? rolloutName(found) : t("updates.live.theFirmware");
}
