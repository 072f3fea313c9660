// @ts-check
/** Before the ride: who, with which sensors, what. */

import { html, nothing } from "lit";
import { roughly, when, whole } from "../format.js";
import { radioWords } from "../words.js";
import "./about_you.js";
import "./asks.js";
import { classTiles } from "./class_tiles.js";
import { byLegs, byLegsChoice } from "./by_legs.js";
import { ActingElement } from "./acting_element.js";
import { banner, icon, themeButton } from "./parts.js";
import "./sensors.js";
import { preselected, remember, workoutList } from "./workout_list.js";

/** @typedef {import("../shapes.d.ts").Workout} Workout */
/** @typedef {import("../shapes.d.ts").Activity} Activity */
/** @typedef {import("../protocol.d.ts").SessionView} SessionView */

const SESSIONS_MS = 5_000; // a class that began elsewhere shows up by then
const RIDES_SHOWN = 6;
const SKIPPED = "derny.form.skipped";
const BY_FEEL = "derny.by_feel";

class DernyStart extends ActingElement {
  static properties = {
    workouts: { state: true },
    sessions: { state: true },
    rides: { state: true },
    chosen: { state: true },
    form: { state: true },
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
    this.form = false;
    this.poll = 0;
    this.watched = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.hub.wire.subscribe("sensors", 1);
    this.hub.wire.subscribe("seats", 1);
    this.form = !this.hub.me?.athlete && !sessionStorage.getItem(SKIPPED);
    this.#load();
    this.poll = setInterval(() => document.hidden || this.#loadSessions(), SESSIONS_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.hub.wire.unsubscribe("sensors");
    this.hub.wire.unsubscribe("seats");
    this.#watch("");
    clearInterval(this.poll);
  }

  trueFor() {
    return 500;
  }

  async #load() {
    await this.attempt(async () => {
      const [{ workouts }, rides] = await Promise.all([
        this.hub.api.library(),
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

  get sensors() {
    return this.hub.store.sensors?.sensors ?? [];
  }

  /** Whose own device this is, and who may change what it says of them. */
  get owner() {
    return this.hub.me?.role === "owner";
  }

  get manages() {
    return this.owner || this.hub.me?.role === "coach";
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
        <div class="col">${this.form ? this.#aboutYou() : nothing} ${this.#workouts()}
          ${byLegsChoice(() => this.requestUpdate())}</div>
        <div class="col">
          <derny-asks .hub=${this.hub}></derny-asks>
          <derny-sensors
            .hub=${this.hub}
            class="s-sensors"
            @problem=${(/** @type {CustomEvent<string>} */ event) => (this.problem = event.detail)}
          ></derny-sensors>
          ${
            this.manages
              ? html`<a class="btn s-bikes" href="#/bikes" data-testid="bikes-link"
                  >${icon("trainer")}Bikes and classes</a
                >`
              : nothing
          }
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
        ?disabled=${!this.owner}
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
      this.sessions.some(
        (one) => one.session === me.open_session && one.status !== "finished" && !one.activity,
      );
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
      this.#seatBanner(),
      me && this.owner && !me.athlete?.ftp_w && !this.form && !sessionStorage.getItem(BY_FEEL)
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
      this.problemBanner(),
    ];
  }

  #seatBanner() {
    const seats = this.hub.store.seats;
    if (!seats?.bikes.length) return nothing;
    const own = seats.bikes.find((one) => one.state === "yours");
    return banner(
      "note",
      own ? `You sit on ${own.name}.` : seats.title ? `${seats.title} is open.` : "Which bike is yours?",
      html`<a class="btn ${own ? "" : "primary"}" href="#/seat" data-testid="take-seat"
        >${own ? "Change" : "Take your bike"}</a
      >`,
      "seat-banner",
    );
  }

  #byFeel() {
    sessionStorage.setItem(BY_FEEL, "1");
    this.requestUpdate();
  }

  #tryDemo() {
    this.attempt(async () => {
      await this.hub.api.demo();
      await this.hub.loadMe();
      await this.#loadSessions();
    });
  }

  #aboutYou() {
    return html`<derny-about-you
      .hub=${this.hub}
      @done=${() => this.#closeForm()}
      @problem=${(/** @type {CustomEvent<string>} */ event) => (this.problem = event.detail)}
    ></derny-about-you>`;
  }

  #closeForm() {
    sessionStorage.setItem(SKIPPED, "1");
    this.form = false;
  }

  #workouts() {
    return workoutList(this.workouts, this.chosen, (workout) => (this.chosen = workout));
  }

  #demoClass() {
    const followed = this.hub.store.session(this.watched);
    if (!this.watched || !followed?.view) return nothing;
    return html`<section class="s-class" aria-labelledby="class-title" data-testid="demo-class">
      <div class="row">
        <h2 id="class-title">${followed.view.title}</h2>
        <span class="badge">Demo</span>
      </div>
      ${classTiles(this.hub, followed.view, followed.rows)}
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
    this.attempt(async () => {
      await this.hub.ensureAthlete();
      const session = await this.hub.api.newSession(this.chosen ?? null, byLegs());
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

customElements.define("derny-start", DernyStart);
