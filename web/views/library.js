// @ts-check
/** The library: look through it, bring a file, and see what a workout will ask of you. */

import { html, nothing } from "lit";
import { newKey, roughly } from "../format.js";
import { FOCUS_WORDS, SPORT_WORDS } from "../words_workout.js";
import { ActingElement } from "./acting_element.js";
import { icon, miniProfile, themeButton } from "./parts.js";
import "./workout_page.js";
import { aimed } from "./workout_list.js";

/** @typedef {import("../shapes.d.ts").Workout} Workout */
/** @typedef {import("../shapes.d.ts").KeptWorkout} KeptWorkout */

const TYPING_MS = 250;
const BYTES_MAX = 1 << 20;
const WARNINGS_SHOWN = 8;

class DernyLibrary extends ActingElement {
  static properties = {
    workout: {},
    found: { state: true },
    total: { state: true },
    brought: { state: true },
  };

  constructor() {
    super();
    /** Of the address; "": the list. */
    this.workout = "";
    /** @type {Workout[] | null} */
    this.found = null;
    this.total = 0;
    /** @type {KeptWorkout | null} what was uploaded last, with its doubts */
    this.brought = null;
    /** @type {Record<string, string>} */
    this.search = { q: "", focus: "", sport: "" };
    this.asked = 0; // only the newest question's answer is shown
    this.typing = 0;
  }

  connectedCallback() {
    super.connectedCallback();
    this.#look();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.typing);
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.get("workout") && !this.workout) this.#look(); // it may have been changed there
  }

  async #look() {
    const given = Object.entries(this.search).filter(([, value]) => value);
    const mine = ++this.asked;
    await this.attempt(async () => {
      const answer = await this.hub.api.library(Object.fromEntries(given));
      if (mine !== this.asked) return;
      this.found = answer.workouts;
      this.total = answer.total;
    });
  }

  render() {
    if (this.workout) {
      return html`<derny-workout-page .hub=${this.hub} .workout=${this.workout}></derny-workout-page>`;
    }
    return html`<div class="start library" data-testid="library">
      <header class="top">
        <a class="ib" href="#/" aria-label="Back to start">${icon("back")}</a>
        <h1>Library</h1>
        <span class="sp"></span>
        ${themeButton()}
        <label class="btn primary upload" data-testid="upload"
          >Upload<input
            type="file"
            class="vh"
            accept=".zwo,.erg,.mrc,.fit,.toml,.txt,.json"
            ?disabled=${this.busy}
            @change=${(/** @type {Event} */ event) => this.#upload(event)}
        /></label>
      </header>
      <div class="banners" role="alert">${this.#banners()}</div>
      <main class="shelf">
        ${this.#filters()}
        <p class="meta" role="status" data-testid="count">${this.#count()}</p>
        <ul class="workouts">
          ${(this.found ?? []).map((one) => this.#card(one))}
        </ul>
      </main>
    </div>`;
  }

  #count() {
    if (!this.found) return "";
    if (!this.total) return "No workout is like that.";
    return this.total === 1 ? "1 workout" : `${this.total} workouts`;
  }

  #banners() {
    return [this.problemBanner(), this.brought ? this.#doubts(this.brought) : nothing];
  }

  /** @param {KeptWorkout} one */
  #doubts(one) {
    const warnings = one.warnings ?? [];
    const more = warnings.length - WARNINGS_SHOWN;
    return html`<section class="card doubts" data-testid="brought">
      <div class="row">
        <h2>${one.title}</h2>
        <span class="acts"
          ><a class="btn primary" href=${`#/library/${one.workout}`} data-testid="open-brought"
            >Open</a
          ><button class="btn quiet" @click=${() => (this.brought = null)}>Close</button></span
        >
      </div>
      ${
        warnings.length
          ? html`<p class="meta">It is in the library. This was doubtful in the file:</p>
              <ul>
                ${warnings.slice(0, WARNINGS_SHOWN).map(
                  (each) =>
                    html`<li data-testid="warning">
                      <span class="meta">${each.line ? `Line ${each.line}` : "File"}</span>
                      ${each.text}
                    </li>`,
                )}
              </ul>
              ${more > 0 ? html`<p class="meta">and ${more} more</p>` : nothing}`
          : html`<p class="meta">It is in the library.</p>`
      }
    </section>`;
  }

  #filters() {
    return html`<form class="filters" role="search" @submit=${(/** @type {Event} */ e) => e.preventDefault()}>
      <label class="field"
        ><span>Search</span>
        <input
          type="search"
          name="q"
          maxlength="100"
          autocomplete="off"
          .value=${this.search.q}
          @input=${(/** @type {Event} */ event) => this.#typed(event)}
          data-testid="search"
      /></label>
      ${this.#choice("focus", "Trains", FOCUS_WORDS)} ${this.#choice("sport", "Sport", SPORT_WORDS)}
    </form>`;
  }

  /** @param {string} name @param {string} label @param {Record<string, string>} words */
  #choice(name, label, words) {
    return html`<label class="field"
      ><span>${label}</span>
      <select
        name=${name}
        @change=${(/** @type {Event} */ event) => {
          this.search[name] = /** @type {HTMLSelectElement} */ (event.target).value;
          this.#look();
        }}
      >
        <option value="">any</option>
        ${Object.entries(words).map(([value, text]) => html`<option value=${value}>${text}</option>`)}
      </select></label
    >`;
  }

  /** @param {Event} event */
  #typed(event) {
    this.search.q = /** @type {HTMLInputElement} */ (event.target).value;
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.#look(), TYPING_MS);
  }

  /** @param {Workout} one */
  #card(one) {
    const meta = [
      one.duration_ms === null ? "open end" : roughly(one.duration_ms),
      one.load ? `load ${Math.round(one.load)}` : "",
      SPORT_WORDS[one.sport ?? ""] && one.sport !== "bike" ? SPORT_WORDS[one.sport ?? ""] : "",
    ];
    return html`<li>
      <a class="card workout" href=${`#/library/${encodeURIComponent(one.workout)}`} data-testid="card">
        <span class="row"><b>${one.title}</b></span>
        <span class="meta"
          >${[FOCUS_WORDS[one.focus ?? ""], ...meta].filter(Boolean).join(" · ")}</span
        >
        ${miniProfile(one.phases.map(aimed))}
      </a>
    </li>`;
  }

  /** @param {Event} event */
  #upload(event) {
    const input = /** @type {HTMLInputElement} */ (event.target);
    const file = input.files?.[0];
    if (!file) return;
    this.attempt(async () => {
      this.brought = null;
      if (file.size > BYTES_MAX) throw new Error("The file is larger than 1 MiB; a workout never is.");
      this.brought = await this.hub.api.upload(file, newKey());
      await this.#look();
    }).finally(() => (input.value = "")); // the same file may be chosen again
  }
}

customElements.define("derny-library", DernyLibrary);
