// Availability as a row of bars, a day each.
import { awayS, dayMs, levelOfShare, overDays } from "../app/days.js";
import { html, memo } from "../app/dom.js";
import { duration, gatewayMs, percent } from "../app/format.js";
import { locale, t } from "../app/words.js";

const dayName = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", timeZone: "UTC" });

/**
 * How much of each day something was there. `days` are shares from 0 to 1, or null where it is not known, the oldest
 * first; `firstDay` is the day of the first ("2026-11-25", in UTC), `label` whose days they are. Where there is no
 * room for all, the newest are shown.
 */
export const Strip = memo(({ days, firstDay, label }) => {
  const bars = days.map((share, index) => {
    const level = levelOfShare(share);
    return html`<span key=${index} class="bar ${level}" title=${titleOf(share, dayMs(firstDay, index))} />`;
  });
  // The newest first, in a row from the right: what does not fit wraps out of sight.
  return html`<span class="strip" role="img" aria-label=${sentence(days, firstDay, label)}
    style=${{ maxWidth: `${days.length}em` }}>${bars.reverse()}</span>`;
});

function titleOf(share, startMs) {
  const day = dayName.format(startMs);
  if (levelOfShare(share) === "unknown") return t("strip.unknown", { day });
  const away = awayS(share, startMs, gatewayMs());
  if (away < 1) return t("strip.whole", { day, share: percent(share) });
  return t("strip.part", { day, share: percent(share, 1), away: duration(away) });
}

function sentence(days, firstDay, label) {
  const { mean, worst, known } = overDays(days);
  if (known === 0) return t("strip.none", { label });
  return t(known === 1 ? "strip.one" : "strip.some", {
    label,
    n: known,
    share: percent(mean, 1),
    day: dayName.format(dayMs(firstDay, worst)),
    worst: percent(days[worst], 1),
  });
}
