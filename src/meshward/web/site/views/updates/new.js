// A new rollout on one page: which firmware, which boards, how careful, and what will happen.
import { get, may, post, session } from "../../app/api.js";
import { useAsk } from "../../app/ask.js";
import { html, signal, useEffect, useMemo, useRef, useState } from "../../app/dom.js";
import { go, route, to } from "../../app/router.js";
import { nodes } from "../../app/state.js";
import { t } from "../../app/words.js";
import { Note } from "../../parts/basics.js";
import { Icon } from "../../parts/icons.js";
import { complain, say } from "../../parts/toast.js";
import { emptyForm, formOf, missing, refusals, specOf } from "./form.js";
import { WhichFirmware } from "./new_firmware.js";
import { HowCareful } from "./new_how.js";
import { Plan } from "./new_plan.js";
import { WhichBoards } from "./new_who.js";
import { counted, roster } from "./roster.js";
import { rolloutName } from "./sentences.js";
import { useShown } from "./shown.js";

const PLAN_AFTER_MS = 400;

/** The form that was not sent yet, {form, from, by}: filled in from which address, by whom; null for none. */
const draft = signal(null);

const mine = (kept) => (kept?.by === session.value?.name ? kept : null);

export function NewRollout() {
  const [round, setRound] = useState(0);
  const title = useRef(null);
  const from = route.value.params.toString();
  const discard = () => {
    draft.value = null;
    setRound(round + 1);
    title.current.focus();
  };
  const head = html`<div class="view-head"><div><a class="back" href=${to("updates")}><${Icon}
    name="left" /> ${t("updates.new.back")}</a>
    <h1 ref=${title} tabindex="-1">${t("updates.new.title")}</h1></div>
    ${mine(draft.value) && html`<button type="button" onClick=${discard}><${Icon}
      name="retry" /> ${t("updates.new.startOver")}</button>`}</div>`;
  if (!may("operator")) return html`<div class="updates">${head}<${Note}
    level="off">${t("updates.new.notAllowed")}</${Note}></div>`;
  return html`<div class="updates">${head}<${Form} key=${`${round} ${from}`} from=${from} /></div>`;
}

function Form({ from }) {
  const library = useAsk("/firmware");
  const shown = useShown();
  // What was left here, unless somebody comes for another one: then it can be had back until that one is changed.
  const left = useRef(mine(draft.peek())).current;
  const [resumed, setResumed] = useState(Boolean(left) && (!from || from === left.from));
  const [form, setForm] = useState(() => (resumed ? left.form : begun(route.peek().params)));
  const [pressed, setPressed] = useState(false);
  const [busy, setBusy] = useState(false);
  const fill = (part) => setForm((before) => ({ ...before, ...part }));
  const latest = useRef(form);
  latest.current = form;
  const change = (part) => {
    fill(part);
    draft.value = { form: { ...latest.current, ...part }, from: resumed ? left.from : from, by: session.peek()?.name };
  };
  const resume = () => {
    setForm(left.form);
    setResumed(true);
  };
  const again = useAgain(library.value, setForm, resumed);
  useSaneDefaults(library.value, form, fill, again.loading);
  const chosen = (library.value ?? []).filter((firmware) => form.images.includes(firmware.sha256));
  const fallbackName = rolloutName(chosen);
  const lacks = missing(form);
  const spec = useMemo(() => specOf(form, fallbackName), [form, fallbackName]);
  const planned = usePlan(spec, Object.keys(lacks).length === 0);
  const wrong = { ...planned.wrong, ...inWords(lacks, pressed) };
  const start = async () => {
    setPressed(true);
    if (Object.keys(lacks).length || planned.busy || planned.error) return;
    setBusy(true);
    const sent = draft.peek();
    try {
      const rollout = await post("/rollouts", spec);
      say(t(spec.approval ? "updates.new.asked" : spec.start_at ? "updates.new.scheduled" : "updates.new.started"));
      if (draft.peek() === sent) draft.value = null;
      if (shown.current) go(to("updates", rollout.id));
    } catch (error) {
      complain(error);
      setBusy(false);
    }
  };
  return html`<div class="new-rollout">
    <div class="stack">
      ${resumed && html`<${Note}>${t("updates.new.resumed")}</${Note}>`}
      ${left && !resumed && draft.value === left && html`<${Note}><p>${t("updates.new.leftOne")}</p>
        <button type="button" class="small" onClick=${resume}>${t("updates.new.resume")}</button></${Note}>`}
      ${again.name && !resumed && html`<${Note}><bdi>${t("updates.new.again", { name: again.name })}</bdi></${Note}>`}
      ${again.error && html`<${Note} level="warn">${t("updates.new.loadFailed")} ${again.error.message}</${Note}>`}
      <${WhichFirmware} asked=${library} form=${form} change=${change} wrong=${wrong} />
      <${WhichBoards} form=${form} change=${change} wrong=${wrong} />
      <${HowCareful} form=${form} change=${change} wrong=${wrong} library=${library.value ?? []}
        fallbackName=${fallbackName} />
    </div>
    <${Plan} planned=${planned} lacks=${lacks} spec=${spec} library=${library.value ?? []} busy=${busy}
      start=${start} />
  </div>`;
}

/** The form as the address has it: ?firmware=SHA,SHA&nodes=1,2 */
function begun(params) {
  const form = emptyForm();
  const list = (name) => (params.get(name) ?? "").split(",").filter(Boolean);
  form.images = list("firmware");
  form.nodes = list("nodes").map(Number).filter(Number.isInteger);
  if (form.nodes.length) {
    form.who = "some";
    form.roles = counted(form.nodes.map((id) => nodes.peek().get(id) ?? {}),
      (board) => [board.role]).map(([role]) => role);
  }
  return form;
}

/** Fill in what can only be one thing: the only firmware there is, the only role that is known. */
function useSaneDefaults(library, form, change, waits) {
  const roles = counted(roster.value, (board) => [board.role]);
  const usable = library?.filter((firmware) => firmware.intact && firmware.hardware);
  useEffect(() => {
    if (usable?.length === 1 && !form.images.length && !waits) change({ images: [usable[0].sha256] });
  }, [usable?.length, waits]);
  useEffect(() => {
    if (roles.length === 1 && !form.roles.length && !form.otherRole && !waits) change({ roles: [roles[0][0]] });
  }, [roles.length, waits]);
}

/** The settings of the rollout that ?again= names: {name, error, loading}; not where a draft of them is `resumed`. */
function useAgain(library, setForm, resumed) {
  const id = resumed ? null : route.value.params.get("again");
  const [state, setState] = useState({ name: "", error: null, loading: Boolean(id) });
  const ready = Boolean(library);
  useEffect(() => {
    if (!id || !ready) return undefined;
    let wanted = true;
    get(`/rollouts/${encodeURIComponent(id)}`).then(
      ({ name, spec }) => {
        if (!wanted) return;
        const known = new Map(library.map((firmware) => [firmware.sha256, firmware]));
        const form = formOf(spec, (sha) => known.get(sha)?.hardware ?? "");
        form.images = form.images.filter((sha) => known.has(sha));
        form.rollbackTo = Object.fromEntries(Object.entries(form.rollbackTo).filter(([, sha]) => known.has(sha)));
        setForm(form);
        setState({ name, error: null, loading: false });
      },
      (error) => wanted && setState({ name: "", error, loading: false }),
    );
    return () => (wanted = false);
  }, [id, ready]);
  return id ? state : { name: "", error: null, loading: false };
}

/**
 * What the gateway would do, asked again a moment after each change: {plan, spec, error, wrong, busy, retry}. The last
 * plan stays while the next one is on its way, or refused.
 */
function usePlan(spec, ready) {
  const key = ready ? JSON.stringify(spec) : null;
  const [state, setState] = useState({ key: null, plan: null, spec: null, error: null });
  const [round, setRound] = useState(0);
  const boards = roster.value; // who joins, or is known by now, may be in another wave
  useEffect(() => {
    if (key === null) return undefined;
    let mine = true;
    const timer = setTimeout(() => {
      post("/rollouts/plan", spec).then(
        (plan) => mine && setState({ key, plan, spec, error: null }),
        (error) => mine && setState((before) => ({ ...before, key, error })),
      );
    }, PLAN_AFTER_MS);
    return () => {
      mine = false;
      clearTimeout(timer);
    };
  }, [key, boards, round]);
  const error = state.key === key ? state.error : null;
  const found = error && !error.passing ? refusals(error.problem) : {};
  const { "": whole, ...wrong } = found;
  return { ...state, error, wrong, whole, busy: key !== null && state.key !== key,
    retry: () => setRound((n) => n + 1) };
}

// What was not filled in yet is no mistake before somebody wants to start.
function inWords(lacks, pressed) {
  const words = Object.entries(lacks).map(([field, what]) => [
    field,
    what === "needed" ? pressed && t(`updates.new.needed.${NEEDED[field]}`) : t(`updates.new.${what}`),
  ]);
  return Object.fromEntries(words.filter(([, text]) => text));
}

const NEEDED = { images: "images", "target.roles": "roles", start_at: "start" };
