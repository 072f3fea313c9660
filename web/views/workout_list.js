// @ts-check
/** The workouts to choose from, and which one this device rode last. */

import { html } from "lit";
import { roughly } from "../format.js";
import { icon, miniProfile } from "./parts.js";

/** @typedef {import("../shapes.d.ts").Workout} Workout */

const LAST_WORKOUT = "derny.workout";
const FREE_RIDE = ""; // as remembered; no workout has an empty id
const FIRST_RIDE = "first-ride"; // comes with Derny
const ID_CHARS_MAX = 120;
const SHOWN_MAX = 8; // with the free ride three rows of three; the library has the rest

/**
 * @param {Workout[]} workouts
 * @param {string | null | undefined} chosen null: free ride
 * @param {(workout: string | null) => void} choose
 */
export function workoutList(workouts, chosen, choose) {
  const free = {
    workout: null,
    title: "Free ride",
    meta: "No targets. Ride as you like.",
    phases: [{ duration_ms: 1, target: { unit: "free" } }],
  };
  const cards = shown(workouts, chosen).map((one) => ({
    workout: one.workout,
    title: one.title,
    meta: [
      one.duration_ms === null ? "open end" : roughly(one.duration_ms),
      one.intensity ? `intensity ${one.intensity.toFixed(2)}` : "",
    ]
      .filter(Boolean)
      .join(" · "),
    phases: one.phases.map(aimed),
  }));
  return html`<section aria-labelledby="workouts-title">
    <div class="row">
      <h2 id="workouts-title">Workout</h2>
      <a class="btn quiet" href="#/library" data-testid="library-link"
        >${workouts.length > SHOWN_MAX ? `All ${workouts.length}` : "Library"}</a
      >
    </div>
    <div class="workouts" role="radiogroup" aria-labelledby="workouts-title">
      ${[...cards, free].map(
        (one) =>
          html`<label
            class="card workout"
            data-testid="workout"
            data-workout=${one.workout ?? ""}
          >
            <input
              type="radio"
              name="workout"
              class="vh"
              .checked=${(chosen ?? null) === one.workout}
              @change=${() => choose(one.workout)}
            />
            <span class="row"><b>${one.title}</b>${icon("check")}</span
            ><span class="meta">${one.meta}</span>${miniProfile(one.phases)}
          </label>`,
      )}
    </div>
  </section>`;
}

/**
 * At most SHOWN_MAX, in their order: the chosen one, the one for a first ride, people's own, then
 * those that came with Derny.
 * @param {Workout[]} workouts
 * @param {string | null | undefined} chosen
 */
function shown(workouts, chosen) {
  const rank = (/** @type {Workout} */ one) =>
    one.workout === chosen ? 0 : one.workout === FIRST_RIDE ? 1 : one.origin === "derny" ? 3 : 2;
  const first = new Set(workouts.toSorted((a, b) => rank(a) - rank(b)).slice(0, SHOWN_MAX));
  return workouts.filter((one) => first.has(one));
}

/**
 * A preview's step as a lane's phases are drawn.
 * @param {import("../shapes.d.ts").WorkoutPhase} phase
 * @returns {import("../timeline.js").Aimed & {duration_ms: number | null}}
 */
export function aimed({ duration_ms, effort }) {
  return { duration_ms, target: { unit: effort ? "ftp" : "free", effort } };
}

/**
 * The last one ridden on this device, else one for a first ride: made for it, or the shortest.
 * @param {Workout[]} workouts
 * @returns {string | null} null: free ride
 */
export function preselected(workouts) {
  const last = localStorage.getItem(LAST_WORKOUT);
  if (last === FREE_RIDE) return null;
  const length_ms = (/** @type {Workout} */ one) => one.duration_ms ?? Infinity;
  const shortest = workouts.toSorted((a, b) => length_ms(a) - length_ms(b))[0];
  const known = (/** @type {string | null} */ id) => workouts.find((one) => one.workout === id);
  return (known(last) ?? known(FIRST_RIDE) ?? shortest)?.workout ?? null;
}

/** @param {string | null} workout null: free ride */
export function remember(workout) {
  const id = workout ?? FREE_RIDE;
  if (id.length <= ID_CHARS_MAX) localStorage.setItem(LAST_WORKOUT, id);
}
