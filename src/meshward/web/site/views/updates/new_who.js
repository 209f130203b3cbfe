// Step 2 of a new rollout: which boards.
import { html } from "../../app/dom.js";
import { t } from "../../app/words.js";
import { Note, Segments } from "../../parts/basics.js";
import { Text, Toggles } from "./fold.js";
import { PickNodes } from "./pick_nodes.js";
import { counted, roster } from "./roster.js";

const NAMES_MAX = 8;

export function WhichBoards({ form, change, wrong }) {
  const boards = roster.value;
  const roles = counted(boards, (board) => [board.role]);
  const known = roles.map(([role]) => role);
  const extra = form.roles.filter((role) => !known.includes(role));
  const options = [...roles.map(([role, n]) => [role, role, t("updates.boards", { n })]),
    ...extra.map((role) => [role, role])];
  return html`<section class="card stack" aria-labelledby="step-who">
    <h2 id="step-who">${t("updates.new.steps.who")}</h2>
    ${options.length > 0 && html`<${Toggles} label=${t("updates.new.role")} chosen=${form.roles} options=${options}
      onChange=${(chosen) => change({ roles: chosen })} />`}
    <${Text} label=${t(options.length ? "updates.new.roleAnother" : "updates.new.role")}
      hint=${t("updates.new.roleHint")}
      wrong=${wrong["target.roles"]} value=${form.otherRole} set=${(otherRole) => change({ otherRole })}
        placeholder=${t("updates.new.rolePlaceholder")}
      maxlength="64" autocomplete="off" autocapitalize="none" spellcheck="false" />
    <div class="field"><span class="label">${t("updates.new.who")}</span>
      <div><${Segments} label=${t("updates.new.who")} value=${form.who} onChange=${(who) => change({ who })}
        options=${[["all", t("updates.new.whoAll")], ["some", t("updates.new.whoSome")]]} /></div></div>
    ${form.who === "some" && html`<${Some} form=${form} change=${change} wrong=${wrong} boards=${boards} />`}
    <${PickNodes} label=${t("updates.new.exclude")} hint=${t("updates.new.excludeHint")}
      wrong=${wrong["target.exclude"]}
      chosen=${form.exclude} onChange=${(exclude) => change({ exclude })} />
    <${Excluded} boards=${boards} />
  </section>`;
}

function Some({ form, change, wrong, boards }) {
  const tags = counted(boards, (board) => board.tags.split("\n"));
  const versions = counted(boards, (board) => [board.version]);
  const options = (list, chosen) => [
    ...list.map(([value, n]) => [value, value, n]),
    ...chosen.filter((value) => !list.some(([one]) => one === value)).map((value) => [value, value]),
  ];
  const tagOptions = options(tags, form.tags);
  const versionOptions = options(versions, form.versions);
  return html`<div class="stack inset">
    <${PickNodes} label=${t("updates.new.nodes")} hint=${!form.nodes.length && t("updates.new.nodesHint")}
      wrong=${wrong["target.nodes"]}
      chosen=${form.nodes} onChange=${(nodes) => change({ nodes })} />
    ${tagOptions.length > 0 && html`<${Toggles} label=${t("updates.new.tags")} chosen=${form.tags}
      options=${tagOptions} onChange=${(chosen) => change({ tags: chosen })} />`}
    ${versionOptions.length > 0 && html`<${Toggles} label=${t("updates.new.versions")} chosen=${form.versions}
      options=${versionOptions} onChange=${(chosen) => change({ versions: chosen })} />`}
    ${["target.tags", "target.versions"].map((field) =>
      wrong[field] && html`<span key=${field} class="wrong">${wrong[field]}</span>`)}
  </div>`;
}

function Excluded({ boards }) {
  const excluded = boards.filter((board) => board.excluded);
  if (!excluded.length) return null;
  const names = excluded.slice(0, NAMES_MAX).map((board) => board.name || board.id).join(", ");
  return html`<${Note} level="off">${t("updates.new.excluded",
    { n: excluded.length, names: excluded.length > NAMES_MAX ? `${names} …` : names })}</${Note}>`;
}
