// @ts-check
/** The scale on targets, of all steps or of a kind of them: of one rider, or of several. */

import { html, nothing } from "lit";
import { range } from "../target.js";
import { KIND_NAMES } from "../words_workout.js";

/** @typedef {import("../protocol.d.ts").AthleteView} AthleteView */
/** @typedef {import("../protocol.d.ts").LaneView} LaneView */
/**
 * @typedef {object} IntensityActs
 * @property {(trim_pct: number) => void} trim the kind that is chosen
 * @property {(kind: string) => void} of chooses the steps; "": all
 */

export const TRIM_PCT = { low: 50, high: 150 };
const BY_PCT = 5;

/**
 * @param {AthleteView[]} riders whose it is
 * @param {LaneView[]} lanes what they ride
 * @param {string} kind of which steps; "": of all
 * @param {IntensityActs} acts
 */
export function intensity(riders, lanes, kind, acts) {
  const [low, high] = trims(riders, kind);
  const to = (/** @type {number} */ by) => {
    const wanted = Math.round((low + high) / 2) + by;
    acts.trim(Math.min(Math.max(wanted, TRIM_PCT.low), TRIM_PCT.high));
  };
  return html`<div class="intensity" role="group" aria-label="Intensity">
    <div class="seg" role="group" aria-label="Intensity of">
      ${["", ...kinds(lanes)].map(
        (one) =>
          html`<button
            aria-pressed=${one === kind}
            @click=${() => acts.of(one)}
            data-testid=${`kind-${one || "all"}`}
          >
            ${one ? KIND_NAMES[one] : "All steps"} ${apart(riders, one)}
          </button>`,
      )}
    </div>
    <div class="knob">
      <button
        ?disabled=${!riders.length || high <= TRIM_PCT.low}
        @click=${() => to(-BY_PCT)}
        aria-label=${`Intensity down ${BY_PCT} %`}
        data-testid="intensity-down"
      >
        −
      </button>
      <span class="fig"
        ><span class="num" data-testid="intensity">${range(low, high)}</span>
        <span class="unit">%</span></span
      >
      <button
        ?disabled=${!riders.length || low >= TRIM_PCT.high}
        @click=${() => to(BY_PCT)}
        aria-label=${`Intensity up ${BY_PCT} %`}
        data-testid="intensity-up"
      >
        +
      </button>
    </div>
    ${low === high ? nothing : html`<p class="meta">Riders differ: a change sets them all alike.</p>`}
  </div>`;
}

/** The lowest and highest of the riders. @param {AthleteView[]} riders @param {string} kind */
function trims(riders, kind) {
  const every = riders.map((one) => one.trims?.[kind] ?? one.trim_pct);
  return every.length ? [Math.min(...every), Math.max(...every)] : [100, 100];
}

/** "105 %" where a kind of step is set apart from the rest. @param {AthleteView[]} riders @param {string} kind */
function apart(riders, kind) {
  if (!riders.some((one) => one.trims?.[kind] !== undefined)) return nothing;
  const [low, high] = trims(riders, kind);
  return html`<small>${range(low, high)} %</small>`;
}

/** Kinds of steps that the workout has, in the order of a workout. @param {LaneView[]} lanes */
function kinds(lanes) {
  const there = new Set(lanes.flatMap((lane) => lane.phases.map((phase) => phase.kind)));
  return Object.keys(KIND_NAMES).filter((kind) => there.has(kind) && kind !== "free");
}
