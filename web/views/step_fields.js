// @ts-check
/** One step of a workout to change: its kind, what ends it, what it asks, cadence, and its lines. */

import { html, nothing } from "lit";
import { minutes } from "../format.js";
import { ENDINGS, UNITS, aim, bounds, msOf, shown, stored } from "../words_steps.js";
import { KIND_NAMES } from "../words_workout.js";
import { icon } from "./parts.js";

/** @typedef {import("../shapes.d.ts").WorkoutStep} WorkoutStep */
/** @typedef {import("../shapes.d.ts").WorkoutAim} WorkoutAim */
/** @typedef {(changed: Partial<WorkoutStep>) => void} Change undefined takes a part away */

const HEART_UNITS = ["bpm", "max_hr", "lthr", "hrr", "heart_zone"];
const CADENCE_RPM = { low_rpm: 85, high_rpm: 95 };
const TEXTS_MAX = 20;

/** @param {WorkoutStep} step @param {Change} change */
export function stepFields(step, change) {
  return html`<div class="fields four">
      <label class="field"
        ><span>Name</span
        ><input
          maxlength="200"
          autocomplete="off"
          placeholder=${KIND_NAMES[step.kind]}
          .value=${step.name}
          @change=${(/** @type {Event} */ event) => change({ name: typed(event).trim() })}
      /></label>
      ${choose("Kind", KIND_NAMES, step.kind, (kind) => change({ kind }))}
      ${choose("Ends by", words(ENDINGS), step.until.t, (t) => change(ended(step, t)))}
      ${endFields(step, change)}
    </div>
    ${targetFields(step, change)} ${cadenceFields(step, change)} ${textFields(step, change)}`;
}

/** @param {Event} event */
function typed(event) {
  return /** @type {HTMLInputElement} */ (event.target).value;
}

/** @param {Record<string, [string, unknown]>} table */
function words(table) {
  return Object.fromEntries(Object.entries(table).map(([key, [name]]) => [key, name]));
}

// What ends it

/** Only a time has ramps, and needs no cap. @param {WorkoutStep} step @param {string} t @returns {Partial<WorkoutStep>} */
function ended({ target }, t) {
  const until = structuredClone(ENDINGS[t][1]);
  if (t === "time") return { until, at_most_ms: undefined };
  return { until, target: target.t === "aim" ? level(target) : target };
}

/** @param {WorkoutStep} step @param {Change} change */
function endFields({ until, at_most_ms }, change) {
  switch (until.t) {
    case "time":
      return span("Length, min:s", until.duration_ms, true, (duration_ms) =>
        change({ until: { t: "time", duration_ms: duration_ms ?? 0 } }),
      );
    case "distance":
      return [
        number("Metres", until.distance_m, [1, 1_000_000], 1, (distance_m) =>
          change({ until: { t: "distance", distance_m } }),
        ),
        cap(at_most_ms, change),
      ];
    case "work":
      return [
        number("Kilojoules", until.work_kj, [0.1, 20_000], "any", (work_kj) =>
          change({ until: { t: "work", work_kj } }),
        ),
        cap(at_most_ms, change),
      ];
    case "heart_rate":
      return [heartFields(until, change), cap(at_most_ms, change)];
    default:
      return cap(at_most_ms, change);
  }
}

/** @param {number | undefined} at_most_ms @param {Change} change */
function cap(at_most_ms, change) {
  return span("At most, min:s", at_most_ms, false, (ms) => change({ at_most_ms: ms ?? undefined }));
}

/** @param {WorkoutStep["until"]} until @param {Change} change */
function heartFields({ aim: bound = aim("bpm", 120), above = false }, change) {
  const to = (/** @type {WorkoutAim} */ wanted, side = above) =>
    change({ until: { t: "heart_rate", aim: wanted, above: side } });
  return html`${choose("Until it is", { above: "above", below: "below" }, above ? "above" : "below", (side) => to(bound, side === "above"))}
  ${number("Heart rate", shown(bound.unit, bound.low), bounds(bound.unit), "any", (value) => to(aim(bound.unit, stored(bound.unit, value))))}
  ${choose("In", Object.fromEntries(HEART_UNITS.map((unit) => [unit, UNITS[unit].words])), bound.unit, (unit) => to(aim(unit, UNITS[unit].begin)))}`;
}

// What it asks

/** @param {WorkoutStep} step @param {Change} change */
function targetFields(step, change) {
  const { target } = step;
  const asks = target.t === "aim" ? target.unit : target.t;
  return html`<div class="fields four asks">
    <label class="field"
      ><span>Target</span
      ><select
        @change=${(/** @type {Event} */ event) => change({ target: asked(typed(event)) })}
        data-testid="target"
      >
        <option value="free" ?selected=${asks === "free"}>none: by feel</option>
        <option value="max" ?selected=${asks === "max"}>all out</option>
        ${["Power", "Heart rate", "Other"].map(
          (group) =>
            html`<optgroup label=${group}>
              ${Object.entries(UNITS)
                .filter(([, unit]) => unit.group === group)
                .map(
                  ([unit, { words }]) =>
                    html`<option value=${unit} ?selected=${asks === unit}>${words}</option>`,
                )}
            </optgroup>`,
        )}
      </select></label
    >
    ${target.t === "aim" ? rangeFields(step, target, change) : nothing}
  </div>`;
}

/** @param {string} asks @returns {WorkoutStep["target"]} */
function asked(asks) {
  if (asks === "free" || asks === "max") return { t: asks };
  return aim(asks, UNITS[asks].begin);
}

/** @param {WorkoutAim} target @returns {WorkoutAim} */
function level({ unit, low, high }) {
  return { t: "aim", unit, low, high };
}

/** @param {WorkoutStep} step @param {WorkoutAim} target @param {Change} change */
function rangeFields({ until }, target, change) {
  const { unit, low, high, end_low, end_high } = target;
  const ramps = end_low !== undefined && end_low !== null;
  const figure = (/** @type {string} */ label, /** @type {number} */ value, /** @type {(value: number) => Partial<WorkoutAim>} */ part) =>
    number(label, shown(unit, value), bounds(unit), "any", (now) =>
      change({ target: { ...target, ...part(stored(unit, now)) } }),
    );
  return html`${figure(ramps ? "Begins from" : "From", low, (value) => ({ low: value, high: Math.max(value, high) }))}
  ${figure("to", high, (value) => ({ high: value, low: Math.min(value, low) }))}
  ${
    until.t === "time" || ramps
      ? tick("Ramp", ramps, (on) =>
          change({ target: on ? { ...target, end_low: low, end_high: high } : level(target) }),
        )
      : nothing
  }
  ${
    ramps
      ? html`<span class="gap"></span>${figure("Ends from", end_low, (value) => ({ end_low: value, end_high: Math.max(value, end_high ?? value) }))}
        ${figure("to", end_high ?? end_low, (value) => ({ end_high: value, end_low: Math.min(value, end_low) }))}`
      : nothing
  }`;
}

/** @param {WorkoutStep} step @param {Change} change */
function cadenceFields({ cadence }, change) {
  const part = (/** @type {"low_rpm" | "high_rpm"} */ side, /** @type {number} */ rpm) => {
    const now = { ...(cadence ?? CADENCE_RPM), [side]: rpm };
    const { low_rpm, high_rpm } = now;
    if (low_rpm > high_rpm) now[side === "low_rpm" ? "high_rpm" : "low_rpm"] = rpm;
    change({ cadence: now });
  };
  return html`<div class="fields four">
    ${tick("Cadence", !!cadence, (on) => change({ cadence: on ? { ...CADENCE_RPM } : undefined }))}
    ${
      cadence
        ? html`${number("rpm from", cadence.low_rpm, [0, 250], 1, (rpm) => part("low_rpm", rpm))}
          ${number("to", cadence.high_rpm, [0, 250], 1, (rpm) => part("high_rpm", rpm))}`
        : nothing
    }
  </div>`;
}

// Lines at their times

/** @param {WorkoutStep} step @param {Change} change */
function textFields({ texts = [] }, change) {
  const set = (/** @type {number} */ i, /** @type {Partial<import("../shapes.d.ts").WorkoutText>} */ part) =>
    change({ texts: texts.map((line, at) => (at === i ? { ...line, ...part } : line)) });
  const without = (/** @type {number} */ i) => texts.filter((_, at) => at !== i);
  return html`<div class="lines">
    ${texts.map(
      (line, i) =>
        html`<div class="line" data-testid="line">
          ${offset(line.offset_ms, (offset_ms) => set(i, { offset_ms }))}
          <label class="field"
            ><span>Line</span
            ><input
              required
              maxlength="500"
              autocomplete="off"
              .value=${line.text}
              @change=${(/** @type {Event} */ event) => set(i, { text: typed(event) })}
          /></label>
          ${tick("Spoken", !!line.say, (say) => set(i, { say }))}
          <button
            class="ib"
            type="button"
            aria-label=${`Take line ${i + 1} away`}
            @click=${() => change({ texts: without(i) })}
          >
            ${icon("minus")}
          </button>
        </div>`,
    )}
    ${
      texts.length < TEXTS_MAX
        ? html`<button
            class="btn quiet"
            type="button"
            @click=${() => change({ texts: [...texts, { offset_ms: 0, text: "" }] })}
            data-testid="add-line"
          >
            Add a line to show
          </button>`
        : nothing
    }
  </div>`;
}

// Fields

/** @param {string} label @param {Record<string, string>} options @param {string} value @param {(value: string) => void} change */
function choose(label, options, value, change) {
  return html`<label class="field"
    ><span>${label}</span
    ><select @change=${(/** @type {Event} */ event) => change(typed(event))}>
      ${Object.entries(options).map(
        ([key, name]) => html`<option value=${key} ?selected=${key === value}>${name}</option>`,
      )}
    </select></label
  >`;
}

/** @param {string} words @param {boolean} on @param {(on: boolean) => void} change */
function tick(words, on, change) {
  return html`<label class="check"
    ><input
      type="checkbox"
      .checked=${on}
      @change=${(/** @type {Event} */ event) =>
        change(/** @type {HTMLInputElement} */ (event.target).checked)}
    />${words}</label
  >`;
}

/**
 * What is out of bounds stays in the field, with the browser's word, and out of the workout.
 * @param {string} label
 * @param {number | undefined} value
 * @param {[number, number]} bounds
 * @param {number | "any"} step
 * @param {(value: number) => void} change
 */
function number(label, value, [min, max], step, change) {
  return html`<label class="field"
    ><span>${label}</span
    ><input
      type="number"
      required
      inputmode="decimal"
      min=${min}
      max=${max}
      step=${step}
      .value=${String(value ?? "")}
      @change=${(/** @type {Event} */ event) => {
        const input = /** @type {HTMLInputElement} */ (event.target);
        if (input.reportValidity()) change(Number(input.value));
      }}
  /></label>`;
}

/** @param {string} label @param {number | undefined} ms @param {boolean} required @param {(ms: number | null) => void} change */
function span(label, ms, required, change) {
  return html`<label class="field"
    ><span>${label}</span
    ><input
      ?required=${required}
      inputmode="text"
      autocomplete="off"
      placeholder=${required ? "5:00" : "no cap"}
      .value=${ms ? minutes(ms) : ""}
      @change=${(/** @type {Event} */ event) => {
        const input = /** @type {HTMLInputElement} */ (event.target);
        const wanted = msOf(input.value);
        const wrong = wanted === null && (required || input.value.trim());
        input.setCustomValidity(wrong ? "Minutes and seconds, like 8:30, up to 24 hours" : "");
        if (input.reportValidity()) change(wanted);
      }}
  /></label>`;
}

/** When in the step a line comes; 0:00 is its beginning. @param {number} ms @param {(ms: number) => void} change */
function offset(ms, change) {
  return html`<label class="field"
    ><span>At, min:s</span
    ><input
      required
      autocomplete="off"
      .value=${minutes(ms)}
      @change=${(/** @type {Event} */ event) => {
        const input = /** @type {HTMLInputElement} */ (event.target);
        const begin = /^0*(:0*)?$/.test(input.value.trim());
        const wanted = begin ? 0 : msOf(input.value);
        input.setCustomValidity(wanted === null ? "Minutes and seconds, like 0:30" : "");
        if (input.reportValidity()) change(wanted ?? 0);
      }}
  /></label>`;
}
