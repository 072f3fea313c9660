// @ts-check
/** Sensors in reach: what each is and says, and a tap to use it. */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { whole } from "../format.js";
import { reading } from "../reading.js";
import {
  adapterWords,
  KIND_WORDS,
  linkWords,
  mainKind,
  roomWords,
  throughWords,
  whyNotWords,
} from "../words.js";
import { HubElement } from "./element.js";
import { icon, signalBars } from "./parts.js";
import { trainerPanel } from "./trainer_panel.js";

/** @typedef {import("../protocol.d.ts").SensorView} SensorView */

const OTHERS_SHOWN = 3; // sensors of other riders in the list; more of them fold away
const REDRAW_MS = 500; // values age without news

/**
 * What a sensor of each kind shows of itself.
 * @type {Record<import("../protocol.d.ts").SensorKind, [import("../reading.js").Metric, string]>}
 */
const SHOWN = {
  trainer: ["power_w", "W"],
  power: ["power_w", "W"],
  heart_rate: ["heart_rate_bpm", "bpm"],
  cadence: ["cadence_rpm", "rpm"],
  speed: ["speed_kmh", "km/h"],
  run: ["speed_kmh", "km/h"],
  treadmill: ["speed_kmh", "km/h"],
  rower: ["power_w", "W"],
  cross_trainer: ["power_w", "W"],
};

/** @type {Record<string, Parameters<typeof icon>[0]>} */
const KIND_ICONS = {
  heart_rate: "heart",
  power: "power",
  cadence: "cadence",
  speed: "speed",
  run: "run",
  treadmill: "run",
};

class DernySensors extends HubElement {
  static properties = { taken: { state: true } };

  constructor() {
    super();
    this.taken = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.hub.wire.subscribe("sensors", 1);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.hub.wire.unsubscribe("sensors");
  }

  trueFor() {
    return REDRAW_MS;
  }

  /** A failure is told to the screen around. @param {() => Promise<unknown>} act */
  async #try(act) {
    try {
      await act();
    } catch (error) {
      this.dispatchEvent(
        new CustomEvent("problem", { detail: /** @type {Error} */ (error).message }),
      );
    }
  }

  render() {
    const sensors = this.hub.store.sensors?.sensors ?? [];
    const here = sensors.filter(
      (one) =>
        one.link !== "absent" ||
        one.athlete === this.hub.athlete ||
        one.problem === "held_elsewhere",
    );
    const rank = (/** @type {SensorView} */ one) =>
      one.athlete && one.athlete === this.hub.athlete ? 0 : one.athlete ? 2 : 1;
    const shown = here.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
    const folded = shown.filter((one) => rank(one) === 2).length > OTHERS_SHOWN;
    const near = folded ? shown.filter((one) => rank(one) < 2) : shown;
    const others = folded ? shown.filter((one) => rank(one) === 2) : [];
    const gateway = this.hub.store.sensors?.gateways.find((one) => one.up);
    const down = this.hub.store.sensors?.gateways.find((one) => !one.up);
    return html`<section aria-labelledby="sensors-title">
      <div class="row">
        <h2 id="sensors-title">Sensors</h2>
        ${gateway ? html`<button class="btn quiet" @click=${() => this.#try(async () => void (await this.hub.api.rescan(gateway.gateway)))} data-testid="rescan">Look again</button>` : nothing}
      </div>
      ${down && !gateway ? html`<p class="meta" data-testid="gateway-down">The gateway is away${down.reason ? `: ${down.reason}` : ""}. Sensors come back with it.</p>` : nothing}
      <ul class="sensors">
        ${repeat(
          near,
          (one) => one.sensor,
          (one) => this.#sensor(one),
        )}
      </ul>
      ${
        others.length
          ? html`<details class="others" data-testid="others">
              <summary>In use by others · ${others.length}</summary>
              <ul class="sensors">
                ${repeat(
                  others,
                  (one) => one.sensor,
                  (one) => this.#sensor(one),
                )}
              </ul>
            </details>`
          : nothing
      }
      ${this.#radios()}
      ${shown.length ? nothing : html`<p class="card empty">No sensors yet. Wear the strap, turn the cranks: they wake up when they move.</p>`}
    </section>`;
  }

  /** What carries the sensors: of interest where there are several radios, or few places left. */
  #radios() {
    const view = this.hub.store.sensors;
    const gateways = view?.gateways ?? [];
    const room = roomWords(view);
    if (!room && gateways.length < 2) return nothing;
    return html`<details class="others radios" data-testid="radios">
      <summary>${room || "Radios"}</summary>
      <ul class="card">
        ${gateways.map(
          (one) => html`<li data-testid="gateway">
            <b>${one.gateway}</b>
            ${
              one.up
                ? one.adapters.map(
                    (adapter) =>
                      html`<span class="meta"
                        ><span class="nb">${adapter.name}</span> · ${adapterWords(adapter)}</span
                      >`,
                  )
                : html`<span class="meta">away</span>`
            }
          </li>`,
        )}
      </ul>
    </details>`;
  }

  /** @param {SensorView} sensor */
  #sensor(sensor) {
    const mine = !!sensor.athlete && sensor.athlete === this.hub.athlete;
    const kind = mainKind(sensor);
    const through = throughWords(sensor, this.hub.store.sensors);
    const why = whyNotWords(sensor, this.hub.clock.now());
    const facts = [
      KIND_WORDS[kind],
      sensor.battery_pct === null || sensor.battery_pct === undefined
        ? ""
        : `battery ${sensor.battery_pct} %`,
      sensor.link === "live" ? "" : linkWords(sensor),
    ].filter(Boolean);
    return html`<li
      class="card sensor ${mine ? "mine" : ""}"
      data-testid="sensor"
      data-sensor=${sensor.sensor}
      data-name=${sensor.name}
    >
      <span class="kind">${icon(KIND_ICONS[kind] ?? "trainer")}</span>
      <span class="who"
        ><b>${sensor.name}</b
        ><span class="meta"
          >${facts.map((one, i) => html`${i ? " · " : ""}<span class="nb">${one}</span>`)}</span
        >${through ? html`<span class="meta through">${through}</span>` : nothing}${why ? html`<span class="meta" data-testid="why-not">${why}</span>` : nothing}</span
      >
      ${this.#lastValue(sensor, kind)} ${signalBars(sensor.rssi_dbm)} ${this.#claim(sensor, mine)}
      ${mine && kind === "trainer" ? this.#trainer(sensor) : nothing}
      ${
        this.taken === sensor.sensor
          ? html`<div class="taken" role="alert" data-testid="taken">
              <p>
                This bike is taken.
                ${sensor.athlete_name ? html`<span class="meta">${sensor.athlete_name} uses it.</span>` : nothing}
              </p>
              <button class="btn" @click=${() => this.#assign(sensor, true)} data-testid="swap">
                Swap
              </button>
              <button
                class="btn quiet"
                @click=${() => (this.taken = "")}
                data-testid="choose-another"
              >
                Choose another
              </button>
            </div>`
          : nothing
      }
    </li>`;
  }

  /** @param {SensorView} trainer */
  #trainer({ sensor, ...rest }) {
    const { api } = this.hub;
    const acts = {
      calibrate: () => this.#try(() => api.calibrate(sensor)),
      cancel: () => this.#try(() => api.endCalibration(sensor)),
      identify: () => this.#try(() => api.identify(sensor)),
      listen: (/** @type {boolean} */ on) => this.#try(() => api.onlyListen(sensor, on)),
    };
    return trainerPanel({ sensor, ...rest }, this.hub.store.role === "owner", acts);
  }

  /** @param {SensorView} sensor @param {import("../protocol.d.ts").SensorKind} kind */
  #lastValue(sensor, kind) {
    const [metric, unit] = SHOWN[kind];
    const value = sensor.last?.[metric];
    if (value === undefined) return html`<span class="last"></span>`;
    const row = {
      [metric]: value,
      [`${metric}.at_ms`]: sensor.last_at_ms ?? 0,
      [`${metric}.q`]: "live",
    };
    const one = reading(row, metric, this.hub.clock.now());
    return html`<span class="last ${one.quality}" data-testid="sensor-last"
      ><span class="num">${whole(one.value)}</span> <span class="unit">${unit}</span></span
    >`;
  }

  /** @param {SensorView} sensor @param {boolean} mine */
  #claim(sensor, mine) {
    if (mine) {
      return html`<button
        class="btn use"
        aria-pressed="true"
        @click=${() => this.#release(sensor)}
        aria-label=${`Stop using ${sensor.name}`}
        data-testid="use"
      >
        ${icon("check")}Yours
      </button>`;
    }
    const words = sensor.athlete ? sensor.athlete_name || "Taken" : "Use";
    return html`<button
      class="btn use"
      aria-pressed="false"
      @click=${() => this.#assign(sensor)}
      aria-label=${sensor.athlete ? `${sensor.name} is used by ${words}` : `Use ${sensor.name}`}
      data-testid="use"
    >
      ${words}
    </button>`;
  }

  /** @param {SensorView} sensor @param {boolean} [swap] */
  #assign(sensor, swap = false) {
    if (sensor.athlete && !swap) {
      this.taken = sensor.sensor;
      return;
    }
    this.#try(async () => {
      try {
        await this.hub.api.assign(sensor.sensor, await this.hub.ensureAthlete(), swap);
        this.taken = "";
      } catch (error) {
        if (/** @type {import("../api.js").ApiError} */ (error).code !== "taken") throw error;
        this.taken = sensor.sensor;
      }
    });
  }

  /** @param {SensorView} sensor */
  #release(sensor) {
    this.#try(async () => void (await this.hub.api.release(sensor.sensor)));
  }
}

customElements.define("derny-sensors", DernySensors);
