// @ts-check
/** A class to open: what, whether together or each at an own pace, and what pedalling does. */

import { html } from "lit";
import { roughly } from "../format.js";
import { preselected } from "./workout_list.js";

/** @typedef {import("../shapes.d.ts").Workout} Workout */
/** @typedef {import("../shapes.d.ts").NewSession} NewSession */

/** @type {[string, string, string][]} pace, its name, and what it means */
const PACES = [
  ["group", "Together", "One interval for everybody; the coach starts it."],
  ["self", "Each at their own pace", "Everybody has the same intervals, and starts, skips and pauses for themselves."],
];
/** Of own paces only: in a group nobody's legs move everybody. @type {[string, string][]} */
const BY_LEGS = [
  ["auto_start", "Each begins by pedalling"],
  ["auto_pause", "Each pauses by standing still"],
];

/**
 * @param {Workout[]} workouts
 * @param {boolean} busy
 * @param {(wanted: NewSession) => void} open
 */
export function classForm(workouts, busy, open) {
  const last = preselected(workouts);
  return html`<section aria-labelledby="class-title" data-testid="no-class">
    <h2 id="class-title">Class</h2>
    <form
      class="card about"
      @submit=${(/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        open(wantedOf(new FormData(/** @type {HTMLFormElement} */ (event.target))));
      }}
    >
      <p class="meta">Who takes a bike comes into the class that is open. Guests can join by the code on the bike.</p>
      <label class="field"
        ><span>Title</span>
        <input name="title" maxlength="80" placeholder="Tuesday class" autocomplete="off"
      /></label>
      <label class="field"
        ><span>Workout</span>
        <select name="workout">
          ${workouts.map(
            (one) =>
              html`<option value=${one.workout} ?selected=${one.workout === last}>
                ${one.title}${one.duration_ms === null ? "" : ` · ${roughly(one.duration_ms)}`}
              </option>`,
          )}
          <option value="" ?selected=${last === null}>Free ride</option>
        </select></label
      >
      <fieldset class="pods">
        <legend>Pace</legend>
        ${PACES.map(
          ([pace, name, meaning], i) =>
            html`<label class="pace"
              ><input type="radio" name="pace" value=${pace} .checked=${i === 0} data-testid=${`pace-${pace}`} /><span
                ><b>${name}</b><span class="meta">${meaning}</span></span
              ></label
            >`,
        )}
      </fieldset>
      <fieldset class="pods at-own-pace">
        <legend>By pedalling</legend>
        ${BY_LEGS.map(
          ([name, words]) =>
            html`<label><input type="checkbox" name=${name} data-testid=${name} />${words}</label>`,
        )}
      </fieldset>
      <div class="acts">
        <span class="sp"></span>
        <button class="btn primary" ?disabled=${busy} data-testid="open-class">Open the class</button>
      </div>
    </form>
  </section>`;
}

/** @param {FormData} data @returns {NewSession} */
function wantedOf(data) {
  const own = data.get("pace") === "self";
  return {
    workout: String(data.get("workout") ?? "") || null,
    title: String(data.get("title") ?? "").trim(),
    open: true,
    pace: own ? "self" : "group",
    auto_start: own && data.has("auto_start"),
    auto_pause: own && data.has("auto_pause"),
  };
}
