// The settings of a rollout, to read.
import { html } from "../../app/dom.js";
import { duration, wholeMoment } from "../../app/format.js";
import { nameOf } from "../../app/state.js";
import { t } from "../../app/words.js";
import { firmwareName, windowWords } from "./sentences.js";

const NAMES_MAX = 12;

export function SpecFacts({ rollout, library }) {
  const { spec } = rollout;
  const facts = factsOf(spec, library).filter(([, value]) => value);
  return html`<section class="card">
    <h2>${t("updates.live.spec")}</h2>
    <dl class="facts">${facts.map(
      ([key, value]) => html`<dt key=${key}>${t(`updates.live.specFacts.${key}`)}</dt><dd><bdi>${value}</bdi></dd>`,
    )}</dl>
  </section>`;
}

function factsOf(spec, library) {
  const say = (key, values) => t(`updates.live.specFacts.${key}`, values);
  const image = (sha) => {
    const found = library?.find((one) => one.sha256 === sha);
    return found ? `${firmwareName(found)} (${found.hardware}, ${sha.slice(0, 12)})`
      : `${sha.slice(0, 12)} (${say("removed")})`;
  };
  const { target, transfer } = spec;
  return [
    ["firmware", library && spec.images.map(image).join("; ")],
    ["roles", target.roles.join(", ")],
    ["boards", names(target.nodes)],
    ["tags", target.tags.join(", ")],
    ["versions", target.versions.join(", ")],
    ["exclude", names(target.exclude)],
    ["waves", spec.waves.map((wave) => waveWords(wave, say)).join("; ")],
    ["budget", spec.failure_budget],
    ["onFailure", say(spec.on_failure)],
    ["back", library && spec.rollback_to.map(image).join("; ")],
    ["approval", spec.approval && say("needed")],
    ["start", spec.start_at && wholeMoment(spec.start_at)],
    ["windows", spec.windows.map(windowWords).join("; ")],
    ["absent", spec.absent_wait_s > 0 && duration(spec.absent_wait_s)],
    ["late", say(spec.late_joiners ? "lateYes" : "lateNo")],
    ["transfer", sendingWords(transfer)],
    ["notes", spec.notes],
  ];
}

function names(ids) {
  const shown = ids.slice(0, NAMES_MAX).map(nameOf).join(", ");
  return ids.length > NAMES_MAX ? `${shown} … (${t("updates.boards", { n: ids.length })})` : shown;
}

function waveWords(wave, say) {
  const words = say("wave", {
    name: wave.name,
    who: wave.nodes.length ? t("updates.boards", { n: wave.nodes.length }) : wave.size,
    soak: duration(wave.soak_s),
    success: wave.success_min,
    errors: wave.errors_max,
  });
  return [words, wave.go_ahead === "manual" && say("manual"),
    wave.batch > 0 && say("batch", { n: wave.batch })].filter(Boolean).join(", ");
}

function sendingWords(transfer) {
  const words = [t(`updates.new.strategyOptions.${transfer.strategy}`)];
  if (transfer.compress !== "auto") {
    words.push(`${t("updates.new.compress")}: ${t(`updates.new.compressOptions.${transfer.compress}`)}`);
  }
  for (const [key, label] of [["part_bytes", "partBytes"], ["window", "windowParts"], ["concurrency", "concurrency"],
    ["backlog_bytes", "backlog"], ["chip", "chip"]]) {
    if (transfer[key] !== null) words.push(`${t(`updates.new.${label}`)}: ${transfer[key]}`);
  }
  if (transfer.force) words.push(t("updates.new.force"));
  return words.join("; ");
}
