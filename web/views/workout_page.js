// @ts-check
/** One workout: what it asks of this athlete, what it adds up to, and what can be done with it. */

import { html, nothing } from "lit";
import { decimal, newKey, roughly, whole } from "../format.js";
import {
  FOCUS_WORDS,
  KIND_NAMES,
  SPORT_WORDS,
  changedWords,
  targetWords,
  untilWords,
} from "../words_workout.js";
import { ActingElement } from "./acting_element.js";
import { byLegs } from "./by_legs.js";
import { banner, icon, miniProfile, themeButton } from "./parts.js";
import { aimed } from "./workout_list.js";
import "./workout_editor.js";

/** @typedef {import("../shapes.d.ts").KeptWorkout} KeptWorkout */
/** @typedef {import("../shapes.d.ts").Preview} Preview */
/** @typedef {import("../shapes.d.ts").WorkoutContent} WorkoutContent */

const TRIMS = [80, 85, 90, 95, 100, 105, 110, 115, 120];
/** @type {Record<string, string>} */
const ORIGINS = {
  derny: "came with Derny",
  folder: "a file of this hub",
  house: "kept by the house",
  own: "kept by you",
};

class DernyWorkoutPage extends ActingElement {
  static properties = {
    workout: {},
    shown: { state: true },
    plan: { state: true },
    formats: { state: true },
    trim_pct: { state: true },
    editing: { state: true },
    theirs: { state: true },
  };

  constructor() {
    super();
    this.workout = "";
    /** @type {KeptWorkout | null} */
    this.shown = null;
    /** @type {Preview | null} */
    this.plan = null;
    /** @type {import("../shapes.d.ts").WorkoutFormat[]} */
    this.formats = [];
    this.trim_pct = 100;
    this.editing = false;
    /** @type {{version: number, mine: WorkoutContent} | null} somebody was quicker, with this version */
    this.theirs = null;
    this.key = ""; // of the change under way: saying it twice does it once
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("workout")) {
      this.shown = null;
      this.editing = false;
      this.theirs = null;
      this.trim_pct = 100;
      this.#load();
    }
  }

  #load() {
    return this.attempt(async () => {
      const [shown, plan, formats] = await Promise.all([
        this.hub.api.workout(this.workout),
        this.hub.api.workoutPreview(this.workout, this.trim_pct),
        this.hub.api.workoutFormats(this.workout),
      ]);
      Object.assign(this, { shown, plan, formats });
    });
  }

  /** @param {import("../api.js").ApiError} error */
  wordsOf(error) {
    if (error.code !== "stale") return error.message;
    const what = changedWords(error.body?.changed ?? []);
    return `Somebody else has changed ${what || "it"} meanwhile. What you changed is still here.`;
  }

  render() {
    const { shown } = this;
    return html`<div class="start library" data-testid="workout-page">
      <header class="top">
        <a class="ib" href="#/library" aria-label="Back to the library">${icon("back")}</a>
        <h1>${shown?.title ?? "Workout"}</h1>
        <span class="sp"></span>
        ${themeButton()}
      </header>
      <div class="banners" role="alert">
        ${this.theirs ? this.#clash(this.theirs) : this.problemBanner()}
      </div>
      ${shown ? this.#page(shown) : html`<main aria-busy="true"></main>`}
      ${shown && !this.editing ? this.#footer(shown) : nothing} ${this.#dialog()}
    </div>`;
  }

  /** @param {{version: number, mine: WorkoutContent}} theirs */
  #clash({ version, mine }) {
    return banner(
      "alert",
      this.problem,
      html`<button class="btn" ?disabled=${this.busy} @click=${() => this.#again()} data-testid="take-theirs">
          Drop mine
        </button>
        <button
          class="btn"
          ?disabled=${this.busy}
          @click=${() => this.#save(mine, version)}
          data-testid="keep-mine"
        >
          Save mine over it
        </button>`,
      "problem",
    );
  }

  #again() {
    this.editing = false;
    this.theirs = null;
    this.#load();
  }

  /** @param {KeptWorkout} one */
  #page(one) {
    if (this.editing) return html`<main class="cols one editing">${this.#editor(one)}</main>`;
    return html`<main class="cols">
      <div class="col">${this.#plan(one)} ${this.#steps()}</div>
      <div class="col">${this.#sums()} ${this.#files(one)} ${this.#change(one)}</div>
    </main>`;
  }

  /** @param {KeptWorkout} one */
  #plan(one) {
    return html`<section class="card plan" aria-label="Profile">
      ${miniProfile(one.phases.map(aimed))}
      <p class="meta">
        ${[
          FOCUS_WORDS[one.focus ?? ""],
          SPORT_WORDS[one.sport ?? ""],
          ORIGINS[one.origin ?? ""],
          one.version > 1 ? `version ${one.version}` : "",
          one.author,
        ]
          .filter(Boolean)
          .join(" · ")}
      </p>
      ${one.description ? html`<p>${one.description}</p>` : nothing}
    </section>`;
  }

  #sums() {
    const { plan } = this;
    if (!plan) return nothing;
    const ftp = plan.thresholds.ftp_w;
    const assumed = plan.thresholds.ftp_assumed;
    return html`<section aria-labelledby="sums-title">
      <h2 id="sums-title">For you</h2>
      <div class="tiles two">
        ${this.#tile("Time", plan.duration_ms === null ? "open" : roughly(plan.duration_ms))}
        ${this.#tile("Load", whole(plan.training_load))}
        ${this.#tile("Intensity", decimal(plan.intensity, 2))}
        ${this.#tile("Work", `${whole(plan.work_kj)} kJ`)}
      </div>
      <label class="field"
        ><span>Intensity of the targets</span>
        <select @change=${(/** @type {Event} */ event) => this.#trim(event)} data-testid="trim">
          ${TRIMS.map((pct) => html`<option value=${pct} ?selected=${pct === this.trim_pct}>${pct} %</option>`)}
        </select></label
      >
      <p class="meta" data-testid="by">
        ${ftp ? `By your FTP of ${ftp} W${assumed ? ", which is a guess" : ""}.` : "Without your FTP."}
        ${plan.partial ? "Steps without a length or without power are not in these sums." : ""}
      </p>
      <div class="acts"><a class="btn quiet" href="#/profile">Your figures and zones</a></div>
    </section>`;
  }

  /** @param {string} label @param {string} value */
  #tile(label, value) {
    return html`<div class="card stat">
      <span class="lbl">${label}</span><span class="num">${value}</span>
    </div>`;
  }

  /** @param {Event} event */
  #trim(event) {
    this.trim_pct = Number(/** @type {HTMLSelectElement} */ (event.target).value);
    const wanted = this.trim_pct;
    this.attempt(async () => {
      const plan = await this.hub.api.workoutPreview(this.workout, wanted);
      if (wanted === this.trim_pct) this.plan = plan;
    });
  }

  #steps() {
    const steps = this.plan?.steps ?? [];
    return html`<section aria-labelledby="steps-title">
      <h2 id="steps-title">Steps</h2>
      <div class="card listing">
        <table class="steps" data-testid="steps">
          <thead>
            <tr>
              <th scope="col">Step</th>
              <th scope="col">Length</th>
              <th scope="col">Target</th>
            </tr>
          </thead>
          <tbody>
            ${steps.map(
              (step) =>
                html`<tr>
                  <th scope="row">${step.name || KIND_NAMES[step.kind]}</th>
                  <td>${untilWords(step.until)}</td>
                  <td class=${step.certain ? "" : "suspect"}>
                    ${targetWords(step)}${
                      step.cadence
                        ? html` <span class="meta"
                            >${step.cadence.low_rpm}–${step.cadence.high_rpm} rpm</span
                          >`
                        : nothing
                    }
                  </td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </section>`;
  }

  /** @param {KeptWorkout} one */
  #files(one) {
    return html`<section aria-labelledby="files-title">
      <h2 id="files-title">As a file</h2>
      <ul class="card files">
        ${this.formats.map(
          (each) =>
            html`<li>
              ${
                each.problem
                  ? html`<span class="btn quiet" aria-disabled="true">${icon("download")}.${each.extension}</span>`
                  : html`<a
                      class="btn"
                      href=${this.hub.api.workoutFile(one.workout, each.format)}
                      download
                      data-testid="file"
                      >${icon("download")}.${each.extension}</a
                    >`
              }
              <span class="meta">${each.problem || each.lost.join("; ") || "says all of it"}</span>
            </li>`,
        )}
      </ul>
    </section>`;
  }

  /** @param {KeptWorkout} one */
  #change(one) {
    return html`<div class="acts">
      ${
        one.editable
          ? html`<button class="btn" @click=${() => this.#edit()} data-testid="edit">Change</button>
              <button
                class="btn quiet danger"
                @click=${() => this.querySelector("dialog")?.showModal()}
                data-testid="delete"
              >
                Delete
              </button>`
          : html`<button class="btn" ?disabled=${this.busy} @click=${() => this.#copy(one)} data-testid="copy">
              Keep a copy to change
            </button>`
      }
    </div>`;
  }

  // Changing

  #edit() {
    this.key = newKey();
    this.editing = true;
  }

  /** @param {KeptWorkout} one */
  #editor(one) {
    return html`<derny-workout-editor
      .hub=${this.hub}
      .content=${one.content}
      .ftp_w=${this.plan?.thresholds.ftp_w ?? null}
      .busy=${this.busy}
      @save=${(/** @type {CustomEvent<WorkoutContent>} */ event) => this.#save(event.detail, one.version)}
      @cancel=${() => this.#again()}
    ></derny-workout-editor>`;
  }

  /** @param {WorkoutContent} content @param {number} base the version that it changes */
  #save(content, base) {
    if (this.theirs) this.key = newKey(); // the answer to the last one was no
    this.theirs = null;
    this.attempt(async () => {
      try {
        await this.hub.api.editWorkout(this.workout, base, content, this.key);
      } catch (error) {
        const refused = /** @type {import("../api.js").ApiError} */ (error);
        if (refused.code === "stale")
          this.theirs = { version: refused.body?.version ?? base, mine: content };
        throw error;
      }
      this.editing = false;
      await this.#load();
    });
  }

  /** @param {KeptWorkout} one */
  #copy(one) {
    this.attempt(async () => {
      const kept = await this.hub.api.keepWorkout(one.content, newKey());
      location.hash = `#/library/${kept.workout}`;
    });
  }

  #dialog() {
    const close = () => this.querySelector("dialog")?.close();
    return html`<dialog aria-labelledby="delete-title">
      <h2 id="delete-title">Delete this workout?</h2>
      <p>It goes from the library. Rides and sessions keep what they rode.</p>
      <div class="acts">
        <button class="btn quiet" @click=${close}>Keep it</button>
        <button class="btn primary" @click=${() => this.#delete(close)} data-testid="really-delete">
          Delete
        </button>
      </div>
    </dialog>`;
  }

  /** @param {() => void} close */
  #delete(close) {
    close();
    this.attempt(async () => {
      await this.hub.api.deleteWorkout(this.workout);
      location.hash = "#/library";
    });
  }

  /** @param {KeptWorkout} one */
  #footer(one) {
    return html`<footer class="go">
      <span class="what"
        ><b>${one.title}</b
        ><span class="meta">${this.trim_pct === 100 ? "" : "Targets are set to your intensity in the ride"}</span></span
      >
      <button class="main-btn" ?disabled=${this.busy} @click=${() => this.#ride(one)} data-testid="ride-now">
        Ride
      </button>
    </footer>`;
  }

  /** @param {KeptWorkout} one */
  #ride(one) {
    this.attempt(async () => {
      await this.hub.ensureAthlete();
      const session = await this.hub.api.newSession(one.workout, byLegs());
      location.hash = `#/ride/${encodeURIComponent(session.session)}`;
    });
  }
}

customElements.define("derny-workout-page", DernyWorkoutPage);
