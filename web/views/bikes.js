// @ts-check
/** The room, for who runs it: bikes and what is fixed to them, and the class that is open. */

import { html, nothing } from "lit";
import { KIND_WORDS, bikeWords, mainKind } from "../words.js";
import "./asks.js";
import { ActingElement } from "./acting_element.js";
import "./class_panel.js";
import { icon, themeButton } from "./parts.js";

/** @typedef {import("../protocol.d.ts").BikeView} BikeView */
/** @typedef {import("../protocol.d.ts").SensorView} SensorView */
/** @typedef {import("../shapes.d.ts").Workout} Workout */

const PODS = ["power", "cadence", "speed"]; // that may stay on a bike; a strap is its wearer's

class DernyBikes extends ActingElement {
  static properties = {
    editing: { state: true },
    workouts: { state: true },
  };

  constructor() {
    super();
    /** @type {string | null} a bike's id; "": a new one; null: none */
    this.editing = null;
    /** @type {Workout[]} */
    this.workouts = [];
  }

  connectedCallback() {
    super.connectedCallback();
    this.hub.wire.subscribe("seats", 1);
    this.hub.wire.subscribe("sensors", 1);
    this.attempt(async () => (this.workouts = (await this.hub.api.library()).workouts));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.hub.wire.unsubscribe("seats");
    this.hub.wire.unsubscribe("sensors");
  }

  get bikes() {
    return this.hub.store.seats?.bikes ?? [];
  }

  /** Trainers in reach that stand on no bike yet. */
  get loose() {
    const fixed = new Set(this.bikes.flatMap((one) => one.sensors ?? []));
    return (this.hub.store.sensors?.sensors ?? [])
      .filter((one) => one.kinds.includes("trainer") && !fixed.has(one.sensor))
      .sort((a, b) => a.name.localeCompare(b.name));
  }

  render() {
    const session = this.hub.store.seats?.session ?? "";
    return html`<div class="start seats" data-testid="bikes">
      <header class="top">
        <a class="ib" href="#/" aria-label="Back to start" data-testid="back">${icon("back")}</a>
        <h1>Bikes</h1>
        <span class="sp"></span>
        ${themeButton()}
      </header>
      <div class="banners" role="alert">
        ${this.problemBanner()}
      </div>
      <main class="cols">
        <div class="col">${this.#list()}</div>
        <div class="col ${session ? "now" : ""}">
          <derny-class .hub=${this.hub} .workouts=${this.workouts} .session=${session}></derny-class>
          <derny-asks .hub=${this.hub}></derny-asks>
        </div>
      </main>
    </div>`;
  }

  #list() {
    const { bikes, loose } = this;
    return html`<section aria-labelledby="bikes-title">
      <div class="row">
        <h2 id="bikes-title">In this room</h2>
        ${
          bikes.length
            ? html`<a class="btn quiet" href="/bikes/sheet" target="_blank" rel="noopener" data-testid="sheet"
                >Print the codes</a
              >`
            : nothing
        }
      </div>
      ${
        bikes.length
          ? nothing
          : html`<p class="card empty">
              No bike has a name yet. A bike is a name, its trainer and its pods: riders then take it
              by pedalling, by its code, or from a list.
            </p>`
      }
      <ul class="sensors">
        ${bikes.map((one) => (this.editing === one.bike ? this.#form(one) : this.#bike(one)))}
        ${this.editing === "" ? this.#form(null) : nothing}
      </ul>
      <div class="acts">
        ${
          this.editing === null
            ? html`<button class="btn" @click=${() => (this.editing = "")} data-testid="add-bike">
                Add a bike
              </button>`
            : nothing
        }
        ${
          loose.length > 1 && this.editing === null
            ? html`<button
                class="btn"
                ?disabled=${this.busy}
                @click=${() => this.#nameAll(loose)}
                data-testid="name-all"
              >
                A bike for each of ${loose.length} trainers
              </button>`
            : nothing
        }
      </div>
    </section>`;
  }

  /** @param {BikeView} one */
  #bike(one) {
    const { tone, text } = bikeWords(one);
    const names = (one.sensors ?? []).map((id) => this.#sensorName(id));
    return html`<li class="card sensor bike ${tone}" data-testid="bike" data-bike=${one.bike} data-state=${one.state}>
      <span class="kind">${icon("trainer")}</span>
      <span class="who"
        ><b>${one.name}</b><span class="meta">${[text, ...names].join(" · ")}</span></span
      >
      <span class="acts">
        ${
          one.state === "free"
            ? nothing
            : html`<button
                class="btn quiet"
                ?disabled=${this.busy}
                @click=${() => this.attempt(() => this.hub.api.leave(one.bike))}
                aria-label=${`Free ${one.name}`}
                data-testid="free"
              >
                Free it
              </button>`
        }
        <button
          class="btn"
          @click=${() => (this.editing = one.bike)}
          aria-label=${`Change ${one.name}`}
          data-testid="edit"
        >
          Change
        </button>
      </span>
    </li>`;
  }

  /** @param {string} sensor */
  #sensorName(sensor) {
    const known = this.hub.store.sensors?.sensors.find((one) => one.sensor === sensor);
    return known?.name ?? "a sensor that is away";
  }

  /** @param {BikeView | null} bike */
  #form(bike) {
    const own = bike?.sensors ?? [];
    const sensors = this.hub.store.sensors?.sensors ?? [];
    const fixed = new Set(this.bikes.flatMap((one) => one.sensors ?? []));
    const open = (/** @type {SensorView} */ one) => own.includes(one.sensor) || !fixed.has(one.sensor);
    const trainers = sensors.filter((one) => one.kinds.includes("trainer") && open(one));
    const pods = sensors.filter((one) => PODS.includes(mainKind(one)) && open(one));
    const away = own.filter((id) => !sensors.some((one) => one.sensor === id));
    return html`<li class="card">
      <form class="about" @submit=${(/** @type {SubmitEvent} */ event) => this.#save(event, bike, away)} data-testid="bike-form">
        <label class="field"
          ><span>Name</span>
          <input name="name" required maxlength="40" .value=${bike?.name ?? this.#nextName()} autocomplete="off"
        /></label>
        <label class="field"
          ><span>Trainer</span>
          <select name="trainer">
            <option value="">none yet</option>
            ${trainers.map(
              (one) =>
                html`<option value=${one.sensor} ?selected=${own.includes(one.sensor)}>
                  ${one.name}
                </option>`,
            )}
          </select></label
        >
        ${
          pods.length
            ? html`<fieldset class="pods">
                <legend>Stays on the bike, too</legend>
                ${pods.map(
                  (one) =>
                    html`<label
                      ><input
                        type="checkbox"
                        name="pod"
                        value=${one.sensor}
                        .checked=${own.includes(one.sensor)}
                      />${one.name}<span class="meta">${KIND_WORDS[mainKind(one)]}</span></label
                    >`,
                )}
              </fieldset>`
            : nothing
        }
        <div class="acts">
          ${
            bike
              ? html`<button class="btn quiet danger" type="button" @click=${() => this.#remove(bike)} data-testid="remove-bike">
                  Remove
                </button>`
              : nothing
          }
          <span class="sp"></span>
          <button class="btn quiet" type="button" @click=${() => (this.editing = null)}>Cancel</button>
          <button class="btn primary" ?disabled=${this.busy} data-testid="save-bike">Save</button>
        </div>
      </form>
    </li>`;
  }

  /** @param {number} [after] */
  #nextName(after = 0) {
    const used = this.bikes.map((one) => Number(/^Bike (\d+)$/.exec(one.name)?.[1] ?? 0));
    return `Bike ${Math.max(0, ...used) + 1 + after}`;
  }

  /** @param {SubmitEvent} event @param {BikeView | null} bike @param {string[]} away */
  #save(event, bike, away) {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const trainer = String(data.get("trainer") ?? "");
    const sensors = [trainer, ...data.getAll("pod").map(String), ...away].filter(Boolean);
    const body = { name: String(data.get("name")), sensors };
    this.attempt(async () => {
      await (bike ? this.hub.api.saveBike(bike.bike, body) : this.hub.api.newBike(body));
      this.editing = null;
    });
  }

  /** @param {BikeView} bike */
  #remove(bike) {
    this.attempt(async () => {
      await this.hub.api.removeBike(bike.bike);
      this.editing = null;
    });
  }

  /** @param {SensorView[]} loose */
  #nameAll(loose) {
    const names = loose.map((_, i) => this.#nextName(i));
    this.attempt(async () => {
      for (const [i, one] of loose.entries()) {
        await this.hub.api.newBike({ name: names[i], sensors: [one.sensor] });
      }
    });
  }
}

customElements.define("derny-bikes", DernyBikes);
