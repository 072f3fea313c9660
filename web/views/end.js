// @ts-check
/** After the ride: what it was, keep it or not. */

import { html, nothing } from "lit";
import "../chart.js";
import { decimal, minutes, when, whole } from "../format.js";
import { theme } from "../theme.js";
import { metricWords } from "../words.js";
import { ActingElement } from "./acting_element.js";
import "./ftp_card.js";
import { banner, icon, themeButton } from "./parts.js";
import { lapsCard, streamTable, zonesCard } from "./ride_tables.js";

/** @typedef {import("../shapes.d.ts").Activity} Activity */
/** @typedef {import("../shapes.d.ts").Streams} Streams */

const RETRY_MS = 700;
const RETRIES_MAX = 30; // the hub puts the ride together in the background

const EFFORT = [
  "",
  "very easy",
  "easy",
  "easy",
  "moderate",
  "somewhat hard",
  "hard",
  "very hard",
  "very hard",
  "near the limit",
  "all out",
];

class DernyEnd extends ActingElement {
  static properties = {
    activity: {},
    ride: { state: true },
    streams: { state: true },
    missing: { state: true },
    table: { state: true },
    rpe: { state: true },
  };

  constructor() {
    super();
    this.activity = "";
    /** @type {Activity | null} */
    this.ride = null;
    /** @type {Streams | null} */
    this.streams = null;
    this.missing = "";
    this.table = false;
    /** @type {number | null} */
    this.rpe = null;
    this.retry = 0;
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.retry);
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("activity") && this.activity) {
      this.ride = null;
      this.#load(0);
    }
  }

  /** @param {number} tries */
  async #load(tries) {
    try {
      const ride = await this.hub.api.activity(this.activity);
      this.ride = ride;
      this.rpe = ride.rpe;
      this.streams = await this.hub.api.streams(this.activity);
    } catch (error) {
      const failed = /** @type {import("../api.js").ApiError} */ (error);
      if ([0, 404, 409, 503].includes(failed.status) && tries < RETRIES_MAX)
        this.retry = setTimeout(() => this.#load(tries + 1), RETRY_MS);
      else this.missing = failed.message;
    }
  }

  render() {
    const { ride } = this;
    if (this.missing)
      return html`<main class="full" data-testid="activity-gone">
        <h1>This ride is not here</h1>
        <p>${this.missing}</p>
        <a class="btn primary" href="#/">Back to start</a>
      </main>`;
    if (!ride)
      return html`<main class="full" aria-busy="true">
        <p role="status">Putting the ride together …</p>
      </main>`;
    return html`<div class="ended" data-testid="end" data-saved=${ride.saved}>
      <header class="top">
        <a class="ib" href="#/" aria-label="Back to start">${icon("back")}</a>
        <h1>${ride.title || "Ride"}</h1>
        <span class="sub">${when(ride.started_at_ms)}</span>
        ${ride.demo ? html`<span class="badge" data-testid="demo-badge">Demo</span>` : nothing}
        <span class="sp"></span
        >${ride.saved ? html`<span class="dev" data-testid="saved"><i class="ok"></i>Saved</span>` : nothing}${themeButton()}
      </header>
      <div class="banners" role="alert">
        ${
          ride.end_cause === "idle"
            ? banner(
                "note",
                "Ended by itself after 10 minutes without pedalling",
                html`<button class="btn" @click=${() => this.#resume()} data-testid="resume-ride">
                  Resume ride
                </button>`,
                "ended-idle",
              )
            : nothing
        }
        ${this.problemBanner()}
      </div>
      <main class="sheet">
        ${this.#tiles(ride)}
        ${ride.workout?.test ? html`<derny-ftp-card class="card ftp" .hub=${this.hub} .activity=${ride.activity}></derny-ftp-card>` : nothing}
        ${this.#form(ride)} ${this.#chart()} ${zonesCard(ride)}
        ${lapsCard(ride)} ${this.#gaps(ride)}
      </main>
      ${this.#discardDialog()}
    </div>`;
  }

  /** @param {Activity} ride */
  #tiles(ride) {
    const s = ride.summary;
    /** @type {[string, string, string, string][]} */
    const tiles = [
      [
        "Riding time",
        minutes(ride.moving_s * 1000),
        "",
        ride.elapsed_s - ride.moving_s > 5 ? `${minutes(ride.elapsed_s * 1000)} with pauses` : "",
      ],
      [
        "Average power",
        whole(s.average_power_w),
        "W",
        s.max_power_w === null ? "" : `max ${whole(s.max_power_w)}`,
      ],
      [
        "Weighted power",
        whole(s.weighted_power_w),
        "W",
        s.intensity === null ? "" : `intensity ${decimal(s.intensity, 2)}`,
      ],
      ["Load", whole(s.load), "", ""],
      [
        "Work",
        whole(s.work_kj),
        "kJ",
        s.energy_kcal === null ? "" : `${whole(s.energy_kcal)} kcal`,
      ],
      [
        "Heart rate",
        whole(s.average_heart_rate_bpm),
        "bpm",
        s.max_heart_rate_bpm === null ? "" : `max ${whole(s.max_heart_rate_bpm)}`,
      ],
      ["Cadence", whole(s.average_cadence_rpm), "rpm", ""],
      ["Distance", s.distance_m === null ? "–" : decimal(s.distance_m / 1000, 1), "km", ""],
    ];
    return html`<section class="tiles" aria-label="Summary" data-testid="summary">
      ${tiles.map(
        ([label, value, unit, more]) =>
          html`<div class="card stat">
            <span class="lbl">${label}</span
            ><span class="fig"
              ><span class="num">${value}</span> <span class="unit">${unit}</span></span
            ><span class="meta">${more}</span>
          </div>`,
      )}
    </section>`;
  }

  /** @param {Activity} ride */
  #form(ride) {
    return html`<form
      class="card keep"
      @submit=${(/** @type {SubmitEvent} */ event) => this.#save(event)}
      data-testid="end-form"
    >
      <h2>${ride.saved ? "Your ride" : "Keep this ride?"}</h2>
      <label class="field"
        ><span>Title</span
        ><input name="title" maxlength="120" .value=${ride.title} data-testid="title"
      /></label>
      <fieldset class="rpe">
        <legend>
          How hard was it?
          <span class="meta">${this.rpe ? `${this.rpe} · ${EFFORT[this.rpe]}` : "RPE 1–10"}</span>
        </legend>
        <div>
          ${Array.from({ length: 10 }, (_, i) => i + 1).map(
            (n) =>
              html`<label
                ><input
                  type="radio"
                  class="vh"
                  name="rpe"
                  value=${n}
                  .checked=${this.rpe === n}
                  @change=${() => (this.rpe = n)}
                  data-testid=${`rpe-${n}`}
                /><span>${n}</span></label
              >`,
          )}
        </div>
      </fieldset>
      <label class="field"
        ><span>Note</span
        ><textarea
          name="note"
          rows="3"
          maxlength="2000"
          .value=${ride.note}
          data-testid="note"
        ></textarea>
      </label>
      <div class="acts">
        <button class="btn primary" ?disabled=${this.busy} data-testid="save">Save</button>
        <a
          class="btn"
          href=${this.hub.api.fitUrl(ride.activity)}
          download
          data-testid="download-fit"
          >${icon("download")}Download FIT</a
        >
        <button
          class="btn quiet danger"
          type="button"
          @click=${() => this.querySelector("dialog")?.showModal()}
          data-testid="discard"
        >
          Discard
        </button>
      </div>
    </form>`;
  }

  #chart() {
    const { streams } = this;
    return html`<section class="card graph" aria-labelledby="chart-title">
      <div class="row">
        <h2 id="chart-title">Over time</h2>
        <button
          class="btn quiet"
          aria-pressed=${this.table}
          @click=${() => (this.table = !this.table)}
          data-testid="as-table"
        >
          ${this.table ? "As chart" : "As table"}
        </button>
      </div>
      ${!streams ? html`<p class="meta">Loading …</p>` : this.table ? streamTable(streams) : html`<derny-chart role="img" aria-label="Power, heart rate and cadence over time; the same as a table by the button" .streams=${streams} .theme=${theme()}></derny-chart>`}
    </section>`;
  }

  /** @param {Activity} ride */
  #gaps(ride) {
    if (!ride.gaps.length && !ride.estimated_s) return nothing;
    return html`<section class="card" aria-labelledby="gaps-title" data-testid="gaps">
      <h2 id="gaps-title">Gaps</h2>
      <ul class="plain">
        ${ride.estimated_s ? html`<li>${minutes(ride.estimated_s * 1000)} were placed by the gateway's own clock</li>` : nothing}
        ${ride.gaps.map((gap) => html`<li>${metricWords(gap.metric)} · <b>${minutes(gap.begins_s * 1000)}</b> for ${minutes(gap.duration_s * 1000)}: ${gap.reason}</li>`)}
      </ul>
    </section>`;
  }

  #discardDialog() {
    return html`<dialog aria-labelledby="discard-title">
      <h2 id="discard-title">Discard this ride?</h2>
      <p>Its recording is erased. This cannot be undone.</p>
      <div class="acts">
        <button class="btn" @click=${() => this.querySelector("dialog")?.close()}>Keep it</button>
        <button class="btn danger" @click=${() => this.#discard()} data-testid="discard-confirm">
          Discard
        </button>
      </div>
    </dialog>`;
  }

  /** @param {SubmitEvent} event */
  #save(event) {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const changes = {
      title: String(data.get("title") ?? "").trim(),
      note: String(data.get("note") ?? ""),
      saved: true,
      ...(this.rpe === null ? {} : { rpe: this.rpe }),
    };
    this.attempt(async () => {
      this.ride = await this.hub.api.saveActivity(this.activity, changes);
    });
  }

  #discard() {
    this.querySelector("dialog")?.close();
    this.attempt(async () => {
      await this.hub.api.discard(this.activity);
      location.hash = "#/";
    });
  }

  #resume() {
    this.attempt(async () => {
      const session = await this.hub.api.resumeActivity(this.activity);
      location.hash = `#/ride/${encodeURIComponent(session.session)}`;
    });
  }
}

customElements.define("derny-end", DernyEnd);
