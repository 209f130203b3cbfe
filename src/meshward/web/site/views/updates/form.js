// What a new rollout is to be: as its form holds it, and as the API takes it. No DOM.
import { numberOf } from "../../app/numbers.js";

/** Waves of the API's own defaults: a few first, and what must hold before the next ones. */
export const CAREFUL = [
  { name: "canary", size: "5%", soak_s: 600, success_min: "100%", errors_max: "0" },
  { name: "early adopters", size: "25%", soak_s: 300, success_min: "90%", errors_max: "10%" },
  { name: "everyone", size: "100%", soak_s: 300, success_min: "90%", errors_max: "10%" },
];
export const AT_ONCE = [{ name: "everyone", size: "100%", soak_s: 300, success_min: "90%", errors_max: "10%" }];
export const WAVES_MAX = 20;
export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const NAME_MAX = 100;

/** An empty form. Numbers are texts as they were typed; `waves` are those of "own". */
export function emptyForm() {
  return {
    name: "",
    images: [],
    roles: [],
    otherRole: "",
    who: "all",
    nodes: [],
    tags: [],
    versions: [],
    exclude: [],
    preset: "careful",
    waves: CAREFUL.map(waveRow),
    budget: "10%",
    onFailure: "rollback",
    rollbackTo: {},
    approval: false,
    start: "now",
    startAt: "",
    windows: [],
    lateJoiners: true,
    absentHours: "0",
    notes: "",
    transfer: emptyTransfer(),
    health: emptyHealth(),
  };
}

const emptyTransfer = () => ({
  strategy: "auto", compress: "auto", part_bytes: "", window: "", concurrency: "", backlog_bytes: "", force: false,
    chip: "",
});
const emptyHealth = () => ({ restarts_max: "1", absence_max_s: "60", delay_factor_max: "3", heap_ratio_min: "70" });

let lastKey = 0;

/** A wave of the API as a row of the form. */
export const waveRow = (wave) => ({
  key: ++lastKey,
  name: wave.name,
  by: wave.nodes?.length ? "nodes" : "size",
  size: wave.size ?? "100%",
  nodes: [...(wave.nodes ?? [])],
  soakMin: String(Math.round((wave.soak_s ?? 300) / 0.6) / 100),
  success: wave.success_min ?? "90%",
  errors: wave.errors_max ?? "10%",
  manual: wave.go_ahead === "manual",
  batch: String(wave.batch ?? 0),
  // What the form does not show stays as it was.
  rest: kept(wave, ["errors_sample_min", "error_classes", "batch_growth"]),
});

/** A wave to add to those that are there. */
export function nextWave(rows, name) {
  const taken = new Set(rows.map((row) => row.name));
  let free = name;
  for (let n = 2; taken.has(free); n++) free = `${name} ${n}`;
  return waveRow({ name: free, size: "50%" });
}

/** A window as the form begins it: tonight, where this browser is. */
export const newWindow = () => ({ key: ++lastKey, days: [...DAYS], start: "22:00", end: "05:00", zone: browserZone() });

const browserZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** The waves of the form as the API takes them. */
function wavesOf(form) {
  if (form.preset === "careful") return CAREFUL;
  if (form.preset === "once") return AT_ONCE;
  return form.waves.map((row) => ({
    ...row.rest,
    name: row.name.trim(),
    size: row.size.trim(),
    nodes: row.by === "nodes" ? row.nodes : [],
    soak_s: needed(row.soakMin) * 60,
    success_min: row.success.trim(),
    errors_max: row.errors.trim(),
    go_ahead: row.manual ? "manual" : "auto",
    batch: needed(row.batch),
  }));
}

/** The roles of the form: those chosen, and one that was typed. */
const rolesOf = (form) => [...new Set([...form.roles, form.otherRole.trim()].filter(Boolean))];

/**
 * The value that the API takes. `fallbackName` is the rollout's name where none was typed.
 * Numbers that cannot be read are NaN, which `missing` tells before anything is sent.
 */
export function specOf(form, fallbackName) {
  const some = form.who === "some";
  const spec = {
    name: (form.name.trim() || fallbackName).slice(0, NAME_MAX),
    images: form.images,
    target: {
      roles: rolesOf(form),
      nodes: some ? form.nodes : [],
      tags: some ? form.tags : [],
      versions: some ? form.versions : [],
      exclude: form.exclude,
    },
    waves: wavesOf(form),
    failure_budget: form.budget.trim(),
    on_failure: form.onFailure,
    rollback_to: Object.values(form.rollbackTo).filter(Boolean),
    approval: form.approval,
    windows: form.windows.map(({ days, start, end, zone }) => ({ days, start, end, zone: zone.trim() })),
    late_joiners: form.lateJoiners,
    absent_wait_s: needed(form.absentHours) * 3600,
    transfer: transferOf(form.transfer),
    health: healthOf(form.health),
    notes: form.notes,
  };
  if (form.start === "at" && form.startAt) spec.start_at = startOf(form.startAt);
  return spec;
}

function transferOf(transfer) {
  const spec = { strategy: transfer.strategy, compress: transfer.compress, force: transfer.force };
  for (const key of ["part_bytes", "window", "concurrency", "backlog_bytes"]) {
    if (transfer[key].trim()) spec[key] = needed(transfer[key]);
  }
  if (transfer.chip.trim()) spec.chip = transfer.chip.trim();
  return spec;
}

const healthOf = (health) => ({
  restarts_max: needed(health.restarts_max),
  absence_max_s: needed(health.absence_max_s),
  delay_factor_max: needed(health.delay_factor_max),
  heap_ratio_min: needed(health.heap_ratio_min) / 100,
});

// What is needed: none is as wrong as what is no number.
const needed = (typed) => numberOf(typed) ?? Number.NaN;

function startOf(local) {
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? local : at.toISOString();
}

const WHOLE = /^(waves\[\d+\]\.batch|transfer\.\w+|health\.restarts_max)$/;

/**
 * What keeps the form from being planned, by the field of the API that it is about: "needed", "number" or "whole".
 * All else is for the gateway to tell.
 */
export function missing(form) {
  const found = {};
  if (!form.images.length) found.images = "needed";
  if (!rolesOf(form).length) found["target.roles"] = "needed";
  if (form.start === "at" && !form.startAt) found.start_at = "needed";
  for (const [field, value] of numbersOf(specOf(form, "-"))) {
    if (!Number.isFinite(value)) found[field] = "number";
    else if (WHOLE.test(field) && !Number.isInteger(value)) found[field] = "whole";
  }
  return found;
}

function* numbersOf(spec) {
  for (const [index, wave] of spec.waves.entries()) {
    yield [`waves[${index}].soak_s`, wave.soak_s];
    yield [`waves[${index}].batch`, wave.batch ?? 0];
  }
  for (const [key, value] of Object.entries(spec.health)) yield [`health.${key}`, value];
  for (const [key, value] of Object.entries(spec.transfer)) {
    if (typeof value === "number") yield [`transfer.${key}`, value];
  }
  yield ["absent_wait_s", spec.absent_wait_s];
}

/** The form of a rollout that was, for another one with the same settings. */
export function formOf(spec, hardwareOf = () => "") {
  const { target, transfer, health } = spec;
  const some = target.nodes.length || target.tags.length || target.versions.length;
  return {
    ...emptyForm(),
    name: "",
    images: [...spec.images],
    roles: [...target.roles],
    who: some ? "some" : "all",
    nodes: [...target.nodes],
    tags: [...target.tags],
    versions: [...target.versions],
    exclude: [...target.exclude],
    preset: presetOf(spec.waves),
    waves: spec.waves.map(waveRow),
    budget: spec.failure_budget,
    onFailure: spec.on_failure,
    rollbackTo: Object.fromEntries(spec.rollback_to.map((sha) => [hardwareOf(sha), sha])),
    approval: spec.approval,
    windows: spec.windows.map((window) => ({ ...window, days: [...window.days], key: ++lastKey })),
    lateJoiners: spec.late_joiners,
    absentHours: String(spec.absent_wait_s / 3600),
    notes: spec.notes,
    transfer: texts(emptyTransfer(), transfer),
    health: texts(emptyHealth(), { ...health, heap_ratio_min: Math.round(health.heap_ratio_min * 100) }),
  };
}

function texts(empty, values) {
  const form = { ...empty };
  for (const key of Object.keys(form)) {
    const value = values[key];
    if (value !== null && value !== undefined) form[key] = typeof value === "boolean" ? value : String(value);
  }
  return form;
}

function presetOf(waves) {
  const like = (preset) =>
    waves.length === preset.length &&
    preset.every((wave, index) => {
      const other = waves[index];
      const plain = !other.nodes.length && other.go_ahead === "auto" && !other.batch && other.errors_sample_min === 1;
      return plain && other.error_classes.length === 4 && Object.keys(wave).every((key) => wave[key] === other[key]);
    });
  return like(CAREFUL) ? "careful" : like(AT_ONCE) ? "once" : "own";
}

function kept(value, keys) {
  return Object.fromEntries(keys.filter((key) => value[key] !== undefined).map((key) => [key, value[key]]));
}

const LISTED = /^((?:[a-z_]+(?:\[\d+\])?)(?:\.[a-z_]+(?:\[\d+\])?)*)(?:: | (?=is |has ))/;

/**
 * Where a refusal of the gateway belongs: {field: text}; "" is the whole. Refusals of rollouts begin with the name
 * of the field; those of the body's form list their fields.
 */
export function refusals(problem) {
  if (problem.errors?.length) {
    return Object.fromEntries(problem.errors.map(({ field, detail }) => [fieldOf(field), detail]));
  }
  const detail = problem.detail ?? "";
  const begins = LISTED.exec(detail);
  if (!begins || !KNOWN.test(begins[1])) return { "": detail };
  return { [fieldOf(begins[1])]: detail.slice(begins[0].length) };
}

const KNOWN = new RegExp(
  "^(name|notes|images|rollback_to|target|waves|failure_budget|health|start_at|windows|absent_wait_s|transfer)\\b",
);

// Which entry of a list is wrong is told at the list: "target.nodes[3]" belongs to target.nodes.
const fieldOf = (path) => path.replace(/^(images|rollback_to|target\.\w+|waves\[\d+\]\.\w+)\[\d+\]$/, "$1");
