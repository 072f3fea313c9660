// @ts-check
/** Before the ride: who, with which sensors, what. */

import { html, nothing } from "lit";
import { roughly, when, whole } from "../format.js";
import { reading } from "../reading.js";
import { radioWords } from "../words.js";
import { HubElement } from "./element.js";
import { banner, icon, miniProfile, themeButton, zonePill } from "./parts.js";
import "./sensors.js";

/** @typedef {import("../shapes.d.ts").Workout} Workout */
/** @typedef {import("../shapes.d.ts").Activity} Activity */
/** @typedef {import("../protocol.d.ts").SessionView} SessionView */

const SESSIONS_MS = 5_000; // a class that began elsewhere shows up by then
const RIDES_SHOWN = 6;
const SKIPPED = "derny.form.skipped";
const BY_FEEL = "derny.by_feel";
const LAST_WORKOUT = "derny.workout";
const FREE_RIDE = ""; // as remembered; no workout has an empty id
const FIRST_RIDE = "first-ride"; // comes with Derny
const ID_CHARS_MAX = 120;

class DernyStart extends HubElement {
  static properties = {
    workouts: { state: true },
    sessions: { state: true },
    rides: { state: true },
    chosen: { state: true },
    problem: { state: true },
    form: { state: true },
    busy: { state: true },
  };

  constructor() {
    super();
    /** @type {Workout[]} */
    this.workouts = [];
    /** @type {SessionView[]} */
    this.sessions = [];
    /** @type {Activity[]} */
    this.rides = [];
    /** @type {string | null | undefined} null: free ride; undefined: nothing yet */
    this.chosen = undefined;
    this.problem = "";
    this.form = false;
    this.busy = false;
    this.poll = 0;
    this.watched = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.hub.wire.subscribe("sensors", 1);
    this.form = !this.hub.me?.athlete && !sessionStorage.getItem(SKIPPED);
    this.#load();
    this.poll = setInterval(() => document.hidden || this.#loadSessions(), SESSIONS_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.hub.wire.unsubscribe("sensors");
    this.#watch("");
    clearInterval(this.poll);
  }

  trueFor() {
    return 500;
  }

  async #load() {
    await this.#try(async () => {
      const [workouts, rides] = await Promise.all([
        this.hub.api.workouts(),
        this.hub.api.activities(),
        this.#loadSessions(),
      ]);
      this.workouts = workouts;
      this.rides = rides.slice(0, RIDES_SHOWN);
      if (this.chosen === undefined) this.chosen = preselected(workouts);
    });
  }

  async #loadSessions() {
    try {
      this.sessions = await this.hub.api.sessions();
    } catch {
      return; // the link's own banner says that the hub is away
    }
    this.#watch(this.sessions.find((one) => one.demo)?.session ?? "");
  }

  /** Follows the demo class, whichever runs. @param {string} session */
  #watch(session) {
    if (session === this.watched) return;
    if (this.watched) {
      this.hub.wire.unsubscribe(`session:${this.watched}`);
      this.hub.store.drop(`session:${this.watched}`);
    }
    this.watched = session;
    if (session) this.hub.wire.subscribe(`session:${session}`, 1);
  }

  /** @param {() => Promise<void>} act */
  async #try(act) {
    this.problem = "";
    this.busy = true;
    try {
      await act();
    } catch (error) {
      this.problem = /** @type {Error} */ (error).message;
    } finally {
      this.busy = false;
    }
  }

  get sensors() {
    return this.hub.store.sensors?.sensors ?? [];
  }

  /** What keeps the radio from working, by the live view where there is one. */
  get radio() {
    const live = this.hub.store.sensors;
    if (!live) return this.hub.me?.radio.problem ?? "";
    const up = live.gateways.filter((one) => one.up);
    const adapters = up.flatMap((one) => one.adapters);
    if (adapters.some((one) => !one.problem)) return "";
    return adapters[0]?.problem ?? (up.length ? "" : "no_gateway");
  }

  render() {
    return html`<div class="start" data-testid="start">
      ${this.#top()}
      <div class="banners" role="alert">${this.#banners()}</div>
      <main class="cols">
        ${this.#demoClass()}
        <div class="col">${this.form ? this.#profileForm() : nothing} ${this.#workoutList()}</div>
        <div class="col">
          <derny-sensors
            .hub=${this.hub}
            class="s-sensors"
            @problem=${(/** @type {CustomEvent<string>} */ event) => (this.problem = event.detail)}
          ></derny-sensors>
          ${this.#history()}
        </div>
      </main>
      ${this.#footer()} ${this.#fixDialog()}
    </div>`;
  }

  #top() {
    const me = this.hub.me;
    const name = me?.athlete?.name;
    return html`<header class="top">
      <img src="/web/icon.svg" alt="" width="32" height="32" />
      <h1>Derny</h1>
      ${me?.demo ? html`<span class="badge" data-testid="demo-badge">Demo</span>` : nothing}
      <span class="sp"></span>
      <span class="dev link" data-testid="link"
        ><i class=${this.hub.store.status === "live" ? "ok" : "alert"}></i>${
          { live: "Live", away: "Reconnecting", connecting: "Connecting", refused: "Refused" }[
            this.hub.store.status
          ]
        }</span
      >
      ${themeButton()}
      <button
        class="btn quiet"
        @click=${() => (this.form = !this.form)}
        aria-expanded=${this.form}
        data-testid="profile"
      >
        ${name || "About you"}
      </button>
    </header>`;
  }

  #banners() {
    const me = this.hub.me;
    const radio = this.radio && !me?.demo ? radioWords(this.radio) : null;
    const open =
      me?.open_session &&
      this.sessions.some((one) => one.session === me.open_session && one.status !== "finished");
    return [
      open
        ? banner(
            "note",
            "Your ride is still under way.",
            html`<a
              class="btn primary"
              href=${`#/ride/${me.open_session}`}
              data-testid="back-to-ride"
              >Back to the ride</a
            >`,
            "open-session",
          )
        : nothing,
      radio
        ? banner(
            "warn",
            radio.title,
            html`<button class="btn primary" @click=${() => this.#tryDemo()} data-testid="try-demo">
                Try the demo
              </button>
              <button
                class="btn"
                @click=${() => this.querySelector("dialog")?.showModal()}
                data-testid="how-to-fix"
              >
                How to fix it
              </button>`,
            "radio-banner",
          )
        : nothing,
      me && !me.athlete?.ftp_w && !this.form && !sessionStorage.getItem(BY_FEEL)
        ? banner(
            "note",
            "No FTP yet:",
            html`<button
                class="btn primary"
                @click=${() => (this.form = true)}
                data-testid="enter-ftp"
              >
                Enter
              </button>
              <button class="btn" @click=${() => this.#byFeel()} data-testid="ride-by-feel">
                Ride by feel
              </button>`,
            "ftp-banner",
          )
        : nothing,
      this.problem
        ? banner(
            "alert",
            this.problem,
            html`<button class="btn quiet" @click=${() => (this.problem = "")}>Close</button>`,
            "problem",
          )
        : nothing,
    ];
  }

  #byFeel() {
    sessionStorage.setItem(BY_FEEL, "1");
    this.requestUpdate();
  }

  #tryDemo() {
    this.#try(async () => {
      await this.hub.api.demo();
      await this.hub.loadMe();
      await this.#loadSessions();
    });
  }

  #profileForm() {
    const me = this.hub.me?.athlete;
    return html`<form
      class="card about"
      @submit=${(/** @type {SubmitEvent} */ event) => this.#saveProfile(event)}
      data-testid="profile-form"
    >
      <h2>About you</h2>
      <p class="meta">
        All of it can wait. FTP makes targets in watts; the maximum heart rate makes zones.
      </p>
      <div class="fields">
        ${field("name", "Name", "text", me?.name, { maxlength: 80, autocomplete: "name" })}
        ${field("ftp_w", "FTP, W", "number", me?.ftp_assumed ? null : me?.ftp_w, { min: 40, max: 600, step: 1 })}
        ${field("max_hr_bpm", "Max heart rate, bpm", "number", me?.max_hr_bpm, { min: 100, max: 240, step: 1 })}
        ${field("weight_kg", "Weight, kg", "number", me?.weight_kg, { min: 25, max: 250, step: "0.1" })}
      </div>
      <div class="acts">
        <button
          class="btn quiet"
          type="button"
          @click=${() => this.#skipForm()}
          data-testid="skip-form"
        >
          ${me ? "Cancel" : "Skip for now"}
        </button>
        <button class="btn primary" ?disabled=${this.busy} data-testid="save-profile">Save</button>
      </div>
    </form>`;
  }

  #skipForm() {
    sessionStorage.setItem(SKIPPED, "1");
    this.form = false;
  }

  /** @param {SubmitEvent} event */
  #saveProfile(event) {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const text = (/** @type {string} */ key) => String(data.get(key) ?? "").trim() || null;
    const number = (/** @type {string} */ key) => (text(key) === null ? null : Number(text(key)));
    const weight_kg = number("weight_kg");
    this.#try(async () => {
      await this.hub.api.saveMe({
        name: text("name"),
        ftp_w: number("ftp_w"),
        max_hr_bpm: number("max_hr_bpm"),
        weight_kg,
      });
      await this.hub.loadMe();
      this.form = false;
    });
  }

  #workoutList() {
    const free = {
      workout: null,
      title: "Free ride",
      meta: "No targets. Ride as you like.",
      phases: [{ duration_ms: 1, target_begin: null }],
    };
    const cards = this.workouts.map((one) => ({
      workout: one.workout,
      title: one.title,
      meta: [
        one.duration_ms === null ? "open end" : roughly(one.duration_ms),
        one.intensity ? `intensity ${one.intensity.toFixed(2)}` : "",
      ]
        .filter(Boolean)
        .join(" · "),
      phases: one.phases,
    }));
    return html`<section aria-labelledby="workouts-title">
      <h2 id="workouts-title">Workout</h2>
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
                .checked=${(this.chosen ?? null) === one.workout}
                @change=${() => (this.chosen = one.workout)}
              />
              <span class="row"><b>${one.title}</b>${icon("check")}</span
              ><span class="meta">${one.meta}</span>${miniProfile(one.phases)}
            </label>`,
        )}
      </div>
    </section>`;
  }

  #demoClass() {
    const view = this.hub.store.session(this.watched)?.view;
    const rows = this.hub.store.session(this.watched)?.rows;
    if (!this.watched || !view || !rows) return nothing;
    const now = this.hub.clock.now();
    return html`<section class="s-class" aria-labelledby="class-title" data-testid="demo-class">
      <div class="row">
        <h2 id="class-title">${view.title}</h2>
        <span class="badge">Demo</span>
      </div>
      <div class="riders">
        ${view.athletes.map((one) => {
          const row = rows.get(one.athlete);
          const power = reading(row, "power_w", now, "power_3s_w");
          const heart = reading(row, "heart_rate_bpm", now);
          const cadence = reading(row, "cadence_rpm", now);
          const zone = power.value === null ? 0 : Number(row?.power_zone ?? 0);
          return html`<a
            class="tile"
            data-z=${zone}
            href=${`#/ride/${view.session}/${one.athlete}`}
            data-testid="rider"
          >
            <span class="row"><b>${one.name}</b>${zonePill(zone)}</span>
            <span class="pw ${power.quality}"
              ><span class="num" data-testid="rider-power">${whole(power.value)}</span>
              <span class="unit">W</span></span
            >
            <span class="row small"
              ><span class=${heart.quality}><b>${whole(heart.value)}</b> bpm</span
              ><span class=${cadence.quality}><b>${whole(cadence.value)}</b> rpm</span></span
            >
          </a>`;
        })}
      </div>
    </section>`;
  }

  #history() {
    if (!this.rides.length) return nothing;
    return html`<section class="s-rides" aria-labelledby="rides-title" data-testid="history">
      <h2 id="rides-title">Your rides</h2>
      <ul class="rides">
        ${this.rides.map(
          (one) =>
            html`<li>
              <a class="card ride-row" href=${`#/end/${one.activity}`}
                ><span
                  ><b>${one.title}</b
                  ><span class="meta"
                    >${when(one.started_at_ms)}${one.saved ? "" : " · not saved yet"}</span
                  ></span
                >
                <span class="num">${roughly(one.moving_s * 1000)}</span
                ><span
                  ><span class="num">${whole(one.summary.average_power_w)}</span>
                  <span class="unit">W</span></span
                ></a
              >
            </li>`,
        )}
      </ul>
    </section>`;
  }

  #footer() {
    const workout = this.workouts.find((one) => one.workout === this.chosen);
    const mine = this.sensors.filter((one) => one.athlete && one.athlete === this.hub.athlete);
    const gear = mine.length
      ? mine.map((one) => one.name).join(" · ")
      : "No sensor chosen: tap Use beside yours";
    return html`<footer class="go">
      <span class="what"
        ><b>${workout?.title ?? "Free ride"}</b
        ><span class="meta" data-testid="gear">${gear}</span></span
      >
      <button
        class="main-btn"
        @click=${() => this.#ride()}
        ?disabled=${this.busy}
        data-testid="ride-now"
      >
        Ride
      </button>
    </footer>`;
  }

  #ride() {
    this.#try(async () => {
      await this.hub.ensureAthlete();
      const session = await this.hub.api.newSession(this.chosen ?? null);
      location.hash = `#/ride/${encodeURIComponent(session.session)}`;
      remember(this.chosen ?? null);
    });
  }

  #fixDialog() {
    const words = radioWords(this.radio || "no_adapter");
    return html`<dialog aria-labelledby="fix-title">
      <h2 id="fix-title">${words.title}</h2>
      <ol>
        ${words.fix.map((one) => html`<li>${one}</li>`)}
      </ol>
      <div class="acts">
        <button class="btn primary" @click=${() => this.querySelector("dialog")?.close()}>
          Close
        </button>
      </div>
    </dialog>`;
  }
}

/**
 * @param {string} name
 * @param {string} label
 * @param {string} type
 * @param {string | number | null | undefined} value
 * @param {{min?: number, max?: number, step?: number | string, maxlength?: number, autocomplete?: string}} limits
 */
function field(name, label, type, value, limits) {
  return html`<label class="field"
    ><span>${label}</span>
    <input
      name=${name}
      type=${type}
      .value=${String(value ?? "")}
      min=${limits.min ?? nothing}
      max=${limits.max ?? nothing}
      step=${limits.step ?? nothing}
      maxlength=${limits.maxlength ?? nothing}
      autocomplete=${limits.autocomplete ?? "off"}
      inputmode=${type === "number" ? "decimal" : nothing}
  /></label>`;
}

/**
 * The last one ridden on this device, else one for a first ride: made for it, or the shortest.
 * @param {Workout[]} workouts
 * @returns {string | null} null: free ride
 */
function preselected(workouts) {
  const last = localStorage.getItem(LAST_WORKOUT);
  if (last === FREE_RIDE) return null;
  const length_ms = (/** @type {Workout} */ one) => one.duration_ms ?? Infinity;
  const shortest = workouts.toSorted((a, b) => length_ms(a) - length_ms(b))[0];
  const known = (/** @type {string | null} */ id) => workouts.find((one) => one.workout === id);
  return (known(last) ?? known(FIRST_RIDE) ?? shortest)?.workout ?? null;
}

/** @param {string | null} workout null: free ride */
function remember(workout) {
  const id = workout ?? FREE_RIDE;
  if (id.length <= ID_CHARS_MAX) localStorage.setItem(LAST_WORKOUT, id);
}

customElements.define("derny-start", DernyStart);
