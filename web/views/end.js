// @ts-check
/** After the ride: what it was, keep it or not. */

import { html, nothing } from "lit";
import "../chart.js";
import { HEART_ZONE_NAMES, POWER_ZONE_NAMES } from "../constants.js";
import { decimal, minutes, when, whole } from "../format.js";
import { theme } from "../theme.js";
import { metricWords } from "../words.js";
import { HubElement } from "./element.js";
import { banner, icon, themeButton } from "./parts.js";

/** @typedef {import("../shapes.d.ts").Activity} Activity */
/** @typedef {import("../shapes.d.ts").Streams} Streams */

const RETRY_MS = 700;
const RETRIES_MAX = 30; // the hub puts the ride together in the background
const TABLE_ROWS_MAX = 240;

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

class DernyEnd extends HubElement {
  static properties = {
    activity: {},
    ride: { state: true },
    streams: { state: true },
    problem: { state: true },
    missing: { state: true },
    busy: { state: true },
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
    this.problem = "";
    this.missing = "";
    this.busy = false;
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
        ${this.problem ? banner("alert", this.problem, html`<button class="btn quiet" @click=${() => (this.problem = "")}>Close</button>`, "problem") : nothing}
      </div>
      <main class="sheet">
        ${this.#tiles(ride)} ${this.#form(ride)} ${this.#chart()} ${this.#zones(ride)}
        ${this.#laps(ride)} ${this.#gaps(ride)}
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
  #zones(ride) {
    // Without an FTP or a maximum heart rate there are no zones to have been in.
    const { power_zones_s: power, heart_rate_zones_s: heart } = ride.summary;
    if (![...power, ...heart].some(Boolean)) return nothing;
    return html`<section class="card zones" aria-label="Time in zones" data-testid="zones">
      ${power.some(Boolean) ? zoneBars("Power zones", power, POWER_ZONE_NAMES, "z") : nothing}
      ${heart.some(Boolean) ? zoneBars("Heart rate zones", heart, HEART_ZONE_NAMES, "h") : nothing}
    </section>`;
  }

  /** @param {Activity} ride */
  #laps(ride) {
    if (!ride.laps.length) return nothing;
    return html`<section class="card laps" aria-labelledby="laps-title">
      <h2 id="laps-title">Laps</h2>
      <div class="scroll" tabindex="0" role="region" aria-label="Table of laps">
        <table data-testid="laps">
          <thead>
            <tr>
              <th scope="col">#</th>
              <th scope="col">Interval</th>
              <th scope="col">Time</th>
              <th scope="col">Power</th>
              <th scope="col">Target</th>
              <th scope="col">Heart rate</th>
              <th scope="col">Cadence</th>
            </tr>
          </thead>
          <tbody>
            ${ride.laps.map(
              (lap, i) =>
                html`<tr>
                  <td>${i + 1}</td>
                  <th scope="row">${lap.name}</th>
                  <td>${minutes(lap.duration_s * 1000)}</td>
                  <td>${whole(lap.average_power_w)} W</td>
                  <td>${lap.target_w === null ? "free" : `${whole(lap.target_w)} W`}</td>
                  <td>${whole(lap.average_heart_rate_bpm)}</td>
                  <td>${whole(lap.average_cadence_rpm)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
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
    this.#try(async () => {
      this.ride = await this.hub.api.saveActivity(this.activity, changes);
    });
  }

  #discard() {
    this.querySelector("dialog")?.close();
    this.#try(async () => {
      await this.hub.api.discard(this.activity);
      location.hash = "#/";
    });
  }

  #resume() {
    this.#try(async () => {
      const session = await this.hub.api.resumeActivity(this.activity);
      location.hash = `#/ride/${encodeURIComponent(session.session)}`;
    });
  }
}

/**
 * @param {string} title
 * @param {number[]} seconds
 * @param {string[]} names from 1
 * @param {"z" | "h"} scale
 */
function zoneBars(title, seconds, names, scale) {
  const most = Math.max(...seconds, 1);
  return html`<div>
    <h2>${title}</h2>
    <ul class="zbars">
      ${seconds.map((s, i) => {
        const pill = html`<span
          class="pill"
          data-z=${scale === "z" ? i + 1 : nothing}
          data-h=${scale === "h" ? i + 1 : nothing}
          >Z${i + 1}</span
        >`;
        return html`<li>
          ${pill}<span class="zn">${names[i + 1]}</span
          ><span
            class="zb"
            data-z=${scale === "z" ? i + 1 : nothing}
            data-h=${scale === "h" ? i + 1 : nothing}
            ><u .style=${`width:${((s / most) * 100).toFixed(1)}%`}></u></span
          ><span class="num">${minutes(s * 1000)}</span>
        </li>`;
      })}
    </ul>
  </div>`;
}

/** @param {Streams} streams */
function streamTable(streams) {
  const step = Math.max(Math.ceil(streams.t_s.length / TABLE_ROWS_MAX), 1);
  const rows = streams.t_s.map((_, i) => i).filter((i) => i % step === 0);
  return html`<div class="scroll tall" tabindex="0" role="region" aria-label="Ride over time">
    <table data-testid="stream-table">
      <thead>
        <tr>
          <th scope="col">Time</th>
          <th scope="col">Power, W</th>
          <th scope="col">Heart rate, bpm</th>
          <th scope="col">Cadence, rpm</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (i) =>
            html`<tr>
              <th scope="row">${minutes(streams.t_s[i] * 1000)}</th>
              <td>${whole(streams.power_w[i])}</td>
              <td>${whole(streams.heart_rate_bpm[i])}</td>
              <td>${whole(streams.cadence_rpm[i])}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

customElements.define("derny-end", DernyEnd);
