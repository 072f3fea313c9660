// @ts-check
/** A step of a workout to change: what is simple, a length in time and a share of FTP. */

import { html } from "lit";
import { KIND_NAMES, targetWords, untilWords } from "../words_workout.js";
import { icon } from "./parts.js";

/** @typedef {import("../shapes.d.ts").WorkoutStep} WorkoutStep */
/** @typedef {import("../shapes.d.ts").StepPreview} StepPreview */

const MS = 60_000;

/**
 * @param {WorkoutStep} step is changed as it is typed
 * @param {number} number from 1
 * @param {StepPreview | undefined} plan what it asks now
 * @param {(() => void) | null} remove null: the last one stays
 */
export function stepFields(step, number, plan, remove) {
  return html`<li>
    <span class="who"><b>${step.name || KIND_NAMES[step.kind]}</b></span>
    ${lengthField(step)} ${targetField(step, plan)}
    <button
      class="ib"
      type="button"
      ?disabled=${!remove}
      aria-label=${`Take step ${number} away`}
      @click=${remove}
    >
      ${icon("minus")}
    </button>
  </li>`;
}

/** @param {WorkoutStep} step */
function lengthField(step) {
  const { until } = step;
  if (until.t !== "time") return html`<span class="meta">${untilWords(until)}</span>`;
  return numberField("Minutes", (until.duration_ms ?? 0) / MS, 600, (minutes) => {
    step.until = { t: "time", duration_ms: Math.round(minutes * MS) };
  });
}

/** @param {WorkoutStep} step @param {StepPreview | undefined} plan */
function targetField(step, plan) {
  const { target } = step;
  const simple = target.t === "aim" && target.unit === "ftp" && !("end_low" in target);
  if (!simple) return html`<span class="meta">${plan ? targetWords(plan) : ""}</span>`;
  const middle = ((target.low ?? 0) + (target.high ?? 0)) / 2;
  return numberField("% of FTP", middle * 100, 300, (pct) => {
    step.target = { ...target, low: pct / 100, high: pct / 100 };
  });
}

/**
 * @param {string} label
 * @param {number} value
 * @param {number} max
 * @param {(value: number) => void} change
 */
function numberField(label, value, max, change) {
  return html`<label class="field"
    ><span>${label}</span
    ><input
      type="number"
      min="0.1"
      max=${max}
      step="any"
      required
      inputmode="decimal"
      .value=${String(Math.round(value * 100) / 100)}
      @change=${(/** @type {Event} */ event) => {
        const typed = Number(/** @type {HTMLInputElement} */ (event.target).value);
        if (typed > 0) change(typed);
      }}
  /></label>`;
}
