// @ts-check
/** Where a class is: the interval under way with its countdown, what follows, and the profile. */

import { html, nothing } from "lit";
import { countdown, minutes } from "../format.js";
import "../profile.js";
import { authorsWords, lengthWords } from "../target.js";
import { theme } from "../theme.js";
import { phaseZone, position } from "../timeline.js";
import { zonePill } from "./parts.js";

/** @typedef {import("../protocol.d.ts").SessionView} SessionView */
/** @typedef {import("../protocol.d.ts").LaneView} LaneView */
/** @typedef {import("../protocol.d.ts").PhaseView} PhaseView */

/** @type {[string, string][]} */
const STATES = [
  ["running", "riding"],
  ["paused", "paused"],
  ["ready", "not started"],
  ["finished", "done"],
];

/**
 * @param {SessionView} view
 * @param {LaneView | null} lane null: each has an own one, and nobody is chosen
 * @param {number} now hub ms
 * @param {string} spread how well the newest cue was kept; "": nothing to say
 */
export function classNow(view, lane, now, spread) {
  const kept = spread ? html`<span class="meta" data-testid="spread">${spread}</span>` : nothing;
  if (!lane) return html`<p class="card class-now" data-testid="class-now">${paces(view)} ${kept}</p>`;
  const at = position(lane, now);
  const time = at.remaining_ms === null ? minutes(at.phase_ms) : countdown(at.remaining_ms);
  const shown = at.phase ?? at.next;
  return html`<div class="card class-now" data-testid="class-now">
    <div class="row">
      <span class="what"
        ><b>${at.phase?.name ?? { ready: "Ready", finished: "Over" }[at.status] ?? ""}</b>
        ${shown && view.workout ? html`${zonePill(phaseZone(shown))}<span class="meta">${phaseWords(shown)}</span>` : nothing}</span
      >
      ${at.phase ? html`<span class="num" role="timer" data-testid="class-left">${time}</span>` : nothing}
    </div>
    ${
      view.workout
        ? html`<derny-profile
            .phases=${lane.phases}
            .ftp_w=${null}
            .ridden_ms=${Math.floor(at.ridden_ms / 1000) * 1000}
            .theme=${theme()}
          ></derny-profile>`
        : nothing
    }
    <p class="row">
      ${at.phase && at.next ? html`<span class="meta">Next: ${nameWords(at.next)} · ${phaseWords(at.next)}</span>` : nothing}${kept}
    </p>
  </div>`;
}

/** "3 riding · 1 not started", of a class of own paces. @param {SessionView} view */
function paces({ athletes, lanes }) {
  const riding = new Set(athletes.map((one) => one.athlete));
  const states = lanes.filter((one) => riding.has(one.lane)).map((one) => one.status);
  const counts = STATES.map(([status, words]) => [states.filter((one) => one === status).length, words]);
  const said = counts.filter(([count]) => count).map(([count, words]) => `${count} ${words}`);
  return ["Each at their own pace", ...said].join(" · ");
}

/** @param {PhaseView} phase */
export function nameWords(phase) {
  const set = phase.set_count ? ` ${phase.set_index} of ${phase.set_count}` : "";
  return `${phase.name}${set}`;
}

/** "8:00 · 100 % FTP", "10:00 · 45 % FTP → 75 % FTP". @param {PhaseView} phase */
export function phaseWords(phase) {
  const ends = phase.ramp_ms ? [0, 1] : [0];
  const asked = ends.map((share) => authorsWords(phase.target, share)).join(" → ");
  return `${lengthWords(phase)} · ${asked}`;
}
