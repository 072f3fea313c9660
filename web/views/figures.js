// @ts-check
/** The athlete's thresholds and zones for each sport, since when they count, and what that changes. */

import { html, nothing } from "lit";
import { whole } from "../format.js";
import { SPORT_WORDS } from "../words_workout.js";
import { field } from "./about_you.js";
import { ActingElement } from "./acting_element.js";
import { boundsWords, colourOf } from "../zones.js";
import { banner, icon, themeButton } from "./parts.js";
import "./sharing.js";
import "./zone_bounds.js";

/** @typedef {import("../shapes.d.ts").ThresholdBook} ThresholdBook */
/** @typedef {import("../shapes.d.ts").ThresholdVersion} ThresholdVersion */
/** @typedef {import("../shapes.d.ts").ZoneRow} ZoneRow */
/** @typedef {"ftp_w" | "max_hr_bpm" | "lthr_bpm" | "rest_hr_bpm" | "weight_kg" | "threshold_kmh"} Name */

/** @type {[Name, string, number, number, number | string][]} name, label, least, most, step */
const FIGURES = [
  ["ftp_w", "FTP, W", 30, 700, 1],
  ["max_hr_bpm", "Max heart rate, bpm", 100, 230, 1],
  ["lthr_bpm", "Threshold heart rate, bpm", 80, 220, 1],
  ["rest_hr_bpm", "Resting heart rate, bpm", 25, 120, 1],
  ["weight_kg", "Weight, kg", 25, 250, "0.1"],
  ["threshold_kmh", "Threshold speed, km/h", 3, 60, "0.1"],
];
/** @type {Record<string, Name[]>} */
const MEANINGLESS = { bike: ["threshold_kmh"], run: [], row: [] }; // nobody measures it there

class DernyFigures extends ActingElement {
  static properties = {
    book: { state: true },
    sport: { state: true },
    since: { state: true },
    said: { state: true },
    scheme: { state: true },
  };

  constructor() {
    super();
    /** @type {ThresholdBook | null} */
    this.book = null;
    /** @type {"bike" | "run" | "row"} */
    this.sport = "bike";
    this.since = false; // "since …" rather than "from today"
    this.said = "";
    this.scheme = ""; // as chosen in the form; "": as stored
  }

  connectedCallback() {
    super.connectedCallback();
    this.attempt(async () => {
      if (this.hub.athlete) this.book = await this.hub.api.thresholds(this.hub.athlete);
    });
  }

  /** @param {() => Promise<unknown>} act */
  attempt(act) {
    this.said = "";
    return super.attempt(act);
  }

  get versions() {
    return this.book?.sports[this.sport] ?? [];
  }

  render() {
    return html`<div class="start library" data-testid="figures">
      <header class="top">
        <a class="ib" href="#/" aria-label="Back to start">${icon("back")}</a>
        <h1>Your figures</h1>
        <span class="sp"></span>
        ${themeButton()}
      </header>
      <div class="banners" role="alert">
        ${this.problemBanner()}
        ${
          this.hub.athlete
            ? nothing
            : banner("note", "Say who you are first.", html`<a class="btn primary" href="#/">Start</a>`)
        }
      </div>
      ${
        this.book
          ? html`<main class="cols">
              <div class="col">${this.#sports()} ${this.#form()} ${this.#history()}</div>
              <div class="col">
                ${this.#zones()}<derny-sharing .hub=${this.hub}></derny-sharing>
              </div>
            </main>`
          : html`<main aria-busy=${this.busy}></main>`
      }
    </div>`;
  }

  #sports() {
    return html`<div class="acts sports" role="group" aria-label="Sport">
      ${Object.entries(SPORT_WORDS).map(
        ([sport, words]) =>
          html`<button
            class="btn"
            aria-pressed=${sport === this.sport}
            @click=${() => {
              this.sport = /** @type {"bike" | "run" | "row"} */ (sport);
              this.scheme = "";
              this.said = "";
            }}
            data-testid=${`sport-${sport}`}
          >
            ${words}
          </button>`,
      )}
    </div>`;
  }

  #form() {
    const newest = this.versions[0];
    const known = newest?.thresholds ?? {};
    const guess = known.ftp_assumed;
    const absent = MEANINGLESS[this.sport];
    return html`<form
      class="card about"
      @submit=${(/** @type {SubmitEvent} */ event) => this.#save(event)}
      data-testid="figures-form"
    >
      <h2>${SPORT_WORDS[this.sport]}</h2>
      ${
        newest
          ? nothing
          : html`<p class="meta">
              Nothing is known of this sport: it has your weight and heart rates by bike, and no
              threshold.
            </p>`
      }
      <div class="fields">
        ${FIGURES.filter(([name]) => !absent.includes(name)).map(([name, label, min, max, step]) =>
          field(name, label, "number", name === "ftp_w" && guess ? null : known[name], {
            min,
            max,
            step,
          }),
        )}
        <label class="field"
          ><span>Heart rate zones</span>
          <select
            name="heart"
            @change=${(/** @type {Event} */ event) =>
              (this.scheme = /** @type {HTMLSelectElement} */ (event.target).value)}
          >
            ${this.#schemes().map(
              (one) =>
                html`<option value=${one.scheme} ?selected=${one.scheme === this.heart}>
                  ${SCHEME_WORDS[one.scheme] ?? one.title}
                </option>`,
            )}
          </select></label
        >
      </div>
      ${this.#bounds()}
      <fieldset class="pods when">
        <legend>They count</legend>
        <div class="acts">
          ${choice("radio", "from today", !this.since, "today", () => (this.since = false))}
          ${choice("radio", "since …", this.since, "since", () => (this.since = true))}
          ${
            this.since
              ? html`<input
                    type="date"
                    name="date"
                    min="1970-01-01"
                    max=${this.book?.today ?? ""}
                    value=${this.book?.today ?? ""}
                    required
                    aria-label="Since which day"
                    data-testid="date"
                  />
                  ${choice("checkbox", "measure the rides since then, too", false, "recompute")}`
              : nothing
          }
        </div>
      </fieldset>
      <div class="acts">
        <span class="meta" role="status" data-testid="said">${this.said}</span>
        <span class="sp"></span>
        <button class="btn primary" ?disabled=${this.busy} data-testid="save-figures">Save</button>
      </div>
    </form>`;
  }

  /** Own bounds go with their scheme: another one begins as published. */
  #bounds() {
    const stored = this.versions[0]?.zones ?? {};
    const scheme = (/** @type {string} */ name) => this.book?.schemes.find((one) => one.scheme === name);
    const kept = this.heart === (stored.heart ?? "max_hr");
    return html`<derny-zone-bounds
        .name=${"power_bounds_pct"}
        .heading=${"Power zones"}
        .scheme=${scheme("coggan")}
        .stored=${stored.power_bounds_pct ?? []}
      ></derny-zone-bounds>
      <derny-zone-bounds
        .name=${"heart_bounds_pct"}
        .heading=${"Heart rate zones"}
        .scheme=${scheme(this.heart)}
        .stored=${kept ? (stored.heart_bounds_pct ?? []) : []}
      ></derny-zone-bounds>`;
  }

  #schemes() {
    return (this.book?.schemes ?? []).filter((one) => one.scheme !== "coggan");
  }

  get heart() {
    return this.scheme || this.versions[0]?.zones.heart || "max_hr";
  }

  /** @param {SubmitEvent} event */
  #save(event) {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
    /** @type {Partial<Record<Name, number>>} */
    const figures = {};
    for (const [name] of FIGURES) {
      const text = String(data.get(name) ?? "").trim();
      if (text) figures[name] = Number(text);
    }
    const bounds = (/** @type {string} */ name) => data.getAll(name).map(Number);
    const zones = {
      heart: String(data.get("heart")),
      power_bounds_pct: bounds("power_bounds_pct"),
      heart_bounds_pct: bounds("heart_bounds_pct"),
    };
    const since = this.since ? String(data.get("date")) : "today";
    const recompute = this.since && data.has("recompute");
    this.attempt(async () => {
      this.book = await this.hub.api.saveThresholds(this.hub.athlete ?? "", this.sport, since, {
        ...figures,
        zones,
        recompute,
      });
      this.scheme = "";
      await this.hub.loadMe();
      this.said = recompute ? "Saved. Rides since then are being measured." : "Saved.";
    });
  }

  #history() {
    if (this.versions.length < 2) return nothing;
    return html`<section aria-labelledby="since-title">
      <h2 id="since-title">Since when</h2>
      <ul class="rides" data-testid="versions">
        ${this.versions.map((one) => this.#version(one))}
      </ul>
    </section>`;
  }

  /** @param {ThresholdVersion} one */
  #version({ valid_from, until, thresholds }) {
    const parts = [
      thresholds.ftp_w && !thresholds.ftp_assumed ? `FTP ${thresholds.ftp_w} W` : "",
      thresholds.lthr_bpm ? `LTHR ${thresholds.lthr_bpm}` : "",
      thresholds.max_hr_bpm ? `max ${thresholds.max_hr_bpm} bpm` : "",
      thresholds.weight_kg ? `${thresholds.weight_kg} kg` : "",
      thresholds.threshold_kmh ? `${thresholds.threshold_kmh} km/h` : "",
    ];
    const first = valid_from === "1970-01-01";
    return html`<li class="card ride-row version">
      <span
        ><b>${first ? "since ever" : valid_from}${until ? "" : " · now"}</b
        ><span class="meta">${parts.filter(Boolean).join(" · ") || "nothing known"}</span></span
      >
      <button
        class="ib"
        ?disabled=${this.busy}
        aria-label=${`Forget the figures from ${valid_from}`}
        @click=${() => this.#forget(valid_from)}
      >
        ${icon("minus")}
      </button>
    </li>`;
  }

  /** @param {string} valid_from */
  #forget(valid_from) {
    this.attempt(async () => {
      this.book = await this.hub.api.forgetThresholds(
        this.hub.athlete ?? "",
        this.sport,
        valid_from,
      );
      await this.hub.loadMe();
    });
  }

  #zones() {
    const newest = this.versions[0];
    const scheme = this.#schemes().find((one) => one.scheme === (newest?.zones.heart ?? "max_hr"));
    return html`${zoneTable("Power", newest?.power_zones ?? [], "W", "z", "an FTP")}
    ${zoneTable(
      `Heart rate, ${scheme?.title ?? ""}`,
      newest?.heart_zones ?? [],
      "bpm",
      "h",
      (scheme?.needs ?? []).map((name) => NEEDS[name] ?? name).join(" and "),
    )}`;
  }
}

/** @type {Record<string, string>} */
const SCHEME_WORDS = {
  max_hr: "of maximum",
  karvonen: "of reserve",
  friel: "of threshold",
  seiler: "Seiler's three",
};

/** @type {Record<string, string>} */
const NEEDS = {
  max_hr_bpm: "a maximum heart rate",
  rest_hr_bpm: "a resting heart rate",
  lthr_bpm: "a threshold heart rate",
};

/**
 * A radio button or a tick that is as big as its words.
 * @param {"radio" | "checkbox"} type @param {string} words @param {boolean} checked
 * @param {string} name @param {() => void} [act]
 */
function choice(type, words, checked, name, act) {
  return html`<label class="btn choice"
    ><input
      class="vh"
      type=${type}
      name=${type === "radio" ? "when" : name}
      .checked=${checked}
      @change=${act ?? nothing}
      data-testid=${name}
    />${icon("check")}${words}</label
  >`;
}

/**
 * @param {string} title
 * @param {ZoneRow[]} zones
 * @param {string} unit
 * @param {"z" | "h"} kind
 * @param {string} needs
 */
function zoneTable(title, zones, unit, kind, needs) {
  return html`<section aria-label=${title} data-testid=${kind === "z" ? "power-zones" : "heart-zones"}>
    <h2>${title}</h2>
    ${
      zones.length
        ? html`<ul class="card zlist">
            ${zones.map(
              (one) =>
                html`<li>
                  <span class="pill" data-z=${colourOf(one.number, zones.length)}>Z${one.number}</span
                  ><b>${one.name}</b
                  ><span class="num">${boundsWords(one.low, one.above)}</span
                  ><span class="unit">${unit}</span>
                </li>`,
            )}
          </ul>`
        : html`<p class="card empty">It takes ${needs}.</p>`
    }
  </section>`;
}

customElements.define("derny-figures", DernyFigures);
