// @ts-check
/** A trainer set by hand: power, grade or resistance, where the workout asks for nothing. */

import { html, nothing } from "lit";
import { whole } from "../format.js";
import { asksForPower } from "../target.js";
import { derived } from "./scene.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("../protocol.d.ts").Mode} Mode */
/** @typedef {NonNullable<import("../protocol.d.ts").AthleteView["by_hand"]>} Target */

const START_W = 100; // where nobody pedals yet

/**
 * @typedef {object} Dial how a kind of target is set
 * @property {string} word
 * @property {string} unit
 * @property {number} step
 * @property {[number, number]} range as hub/core/dialled.py has it
 * @property {(target: any) => number} value
 * @property {(value: number) => Target} target
 */

/** @type {Record<Mode, Dial>} */
const DIALS = {
  power: {
    word: "Power",
    unit: "W",
    step: 5,
    range: [20, 1500],
    value: (target) => target.power_w,
    target: (power_w) => ({ t: "power", power_w }),
  },
  grade: {
    word: "Grade",
    unit: "%",
    step: 0.5,
    range: [-10, 20],
    value: (target) => target.grade_pct,
    target: (grade_pct) => ({ t: "grade", grade_pct }),
  },
  resistance: {
    word: "Resistance",
    unit: "%",
    step: 5,
    range: [0, 100],
    value: (target) => target.level_pct,
    target: (level_pct) => ({ t: "resistance", level_pct }),
  },
};
const MODES = /** @type {Mode[]} */ (Object.keys(DIALS));

/** Whether the trainer is the rider's to set now. @param {Scene} scene */
export function isByHand({ own, at, rider }) {
  const { phase } = at;
  if (!own || !rider.trainer || rider.trainer.read_only || !phase || at.status === "ready")
    return false;
  return !asksForPower(phase);
}

/**
 * What was set by hand and holds now: figure and unit; null where nothing is.
 * @param {Scene} scene
 * @returns {{mode: Mode, label: string, value: number, text: string, unit: string} | null}
 */
export function heldByHand({ at, rider }) {
  const held = rider.by_hand;
  if (!held || held.t === "free" || rider.steered === false || !at.phase) return null;
  if (asksForPower(at.phase)) return null;
  const dial = DIALS[held.t];
  const value = dial.value(held);
  const label = held.t === "power" ? "Target" : dial.word;
  return { mode: held.t, label, value, text: figure(dial, value), unit: dial.unit };
}

/** @param {Dial} dial @param {number} value */
function figure(dial, value) {
  return (dial.step < 1 ? value.toFixed(1) : whole(value)).replace("-", "−");
}

/** @param {Scene} scene @param {(target: Target) => void} dial */
export function dialCard(scene, dial) {
  const { rider } = scene;
  const held = rider.steered === false ? null : (rider.by_hand ?? null);
  const mode = held && held.t !== "free" ? held.t : null;
  const modes = rider.trainer?.modes ?? [];
  const takes = (/** @type {Mode} */ one) => !modes.length || modes.includes(one);
  return html`<section class="card dial" data-testid="dial" data-mode=${mode ?? "free"} aria-label="Trainer by hand">
    <div class="seg" role="group" aria-label="The trainer holds">
      <button
        aria-pressed=${mode === null}
        @click=${() => mode && dial({ t: "free" })}
        data-testid="dial-free"
      >
        Free
      </button>
      ${MODES.map(
        (one) =>
          html`<button
            aria-pressed=${mode === one}
            ?disabled=${!takes(one)}
            title=${takes(one) ? "" : "This trainer does not take it"}
            @click=${() => mode !== one && dial(first(one, scene))}
            data-testid=${`dial-${one}`}
          >
            ${DIALS[one].word}
          </button>`,
      )}
    </div>
    ${held && mode ? knob(DIALS[mode], held, dial) : nothing}
  </section>`;
}

/** @param {Dial} dial @param {Target} held @param {(target: Target) => void} set */
function knob(dial, held, set) {
  const value = dial.value(held);
  const to = (/** @type {number} */ by) => {
    const stepped = Math.round((value + by) / dial.step) * dial.step;
    const kept = Math.min(Math.max(stepped, dial.range[0]), dial.range[1]);
    if (kept !== value) set(dial.target(kept));
  };
  return html`<div class="knob">
    <button
      @click=${() => to(-dial.step)}
      ?disabled=${value <= dial.range[0]}
      aria-label=${`${dial.word} down ${dial.step} ${dial.unit}`}
      data-testid="dial-down"
    >
      −
    </button>
    <span class="fig" aria-live="polite"
      ><span class="num" data-testid="dial-value">${figure(dial, value)}</span>
      <span class="unit">${dial.unit}</span></span
    >
    <button
      @click=${() => to(dial.step)}
      ?disabled=${value >= dial.range[1]}
      aria-label=${`${dial.word} up ${dial.step} ${dial.unit}`}
      data-testid="dial-up"
    >
      +
    </button>
  </div>`;
}

/** Where a kind of target begins: at what the legs do, on the flat, with a light hand. */
function first(/** @type {Mode} */ mode, /** @type {Scene} */ scene) {
  const dial = DIALS[mode];
  if (mode !== "power") return dial.target(mode === "grade" ? 0 : 20);
  const own_w = derived(scene, "power_3s_w") ?? 0;
  return dial.target(Math.max(Math.round((own_w || START_W) / dial.step) * dial.step, dial.range[0]));
}
