// @ts-check
/** What the Sensors screen offers of a rider's own trainer: calibrate it, or only listen to it. */

import { html, nothing } from "lit";
import { whole } from "../format.js";
import { spinDownWords } from "../words_trainer.js";

/** @typedef {import("../protocol.d.ts").SensorView} SensorView */

/**
 * @typedef {object} Acts
 * @property {() => void} calibrate
 * @property {() => void} cancel
 * @property {() => void} identify
 * @property {(on: boolean) => void} listen
 */

const STEPS = ["requested", "speed_up", "coast", "done"];

/** @param {SensorView} trainer @param {boolean} owner may settle it @param {Acts} acts */
export function trainerPanel(trainer, owner, acts) {
  const run = trainer.spin_down;
  const active = !!run && !["done", "failed"].includes(run.phase);
  if (active) return spinning(trainer, run, acts);
  return html`<div class="tr" data-testid="trainer-panel">
    ${run ? html`<p class="meta" data-testid="spin-result" role="status">${spinDownWords(run).text}</p>` : nothing}
    <div class="acts">
      <button
        class="btn quiet"
        ?disabled=${trainer.link !== "live" || trainer.read_only}
        @click=${acts.calibrate}
        data-testid="calibrate"
      >
        Calibrate
      </button>
      <button
        class="btn quiet"
        ?disabled=${trainer.link !== "live" || trainer.read_only}
        @click=${acts.identify}
        data-testid="identify"
      >
        Which one is it?
      </button>
      ${
        owner
          ? html`<label class="check"
              ><input
                type="checkbox"
                .checked=${!!trainer.read_only}
                @change=${(/** @type {Event} */ event) =>
                  acts.listen(/** @type {HTMLInputElement} */ (event.target).checked)}
                data-testid="read-only"
              />Only listen</label
            >`
          : nothing
      }
    </div>
    ${trainer.read_only ? html`<p class="meta">Another app steers this trainer. Derny shows and records it.</p>` : nothing}
  </div>`;
}

/**
 * One instruction at a time, big enough to read from the saddle.
 * @param {SensorView} trainer
 * @param {import("../protocol.d.ts").SpinDown} run
 * @param {Acts} acts
 */
function spinning(trainer, run, acts) {
  const { title, text } = spinDownWords(run);
  const speed = trainer.last?.speed_kmh;
  const at = STEPS.indexOf(run.phase);
  return html`<div class="tr spin" data-testid="spin-down" data-phase=${run.phase}>
    <ol class="steps" aria-hidden="true">
      ${STEPS.slice(0, 3).map((_, i) => html`<li class=${i < at ? "past" : i === at ? "now" : ""}></li>`)}
    </ol>
    <div role="status">
      <b data-testid="spin-title">${title}</b>
      <p class="meta">${text}</p>
    </div>
    ${
      speed === undefined
        ? nothing
        : html`<span class="fig"
            ><span class="num" data-testid="spin-speed">${whole(speed)}</span>
            <span class="unit">km/h</span></span
          >`
    }
    <button class="btn quiet" @click=${acts.cancel} data-testid="spin-cancel">Cancel</button>
  </div>`;
}
