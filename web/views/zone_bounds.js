// @ts-check
/** Where an athlete's zones begin: as published, or by own bounds. */

import { LitElement, html, nothing } from "lit";
import { icon } from "./parts.js";

/** @typedef {import("../shapes.d.ts").ZoneScheme} ZoneScheme */

const BOUND_PCT = { low: 20, high: 300 }; // as hub/core/zone_schemes.py has it
const same = (/** @type {unknown} */ a, /** @type {unknown} */ b) => JSON.stringify(a) === JSON.stringify(b);

/** Part of a form: its fields are called `name`; there are none where the published bounds count. */
class DernyZoneBounds extends LitElement {
  static properties = {
    name: {},
    heading: {},
    scheme: { attribute: false, hasChanged: (/** @type {unknown} */ a, /** @type {unknown} */ b) => !same(a, b) },
    stored: { attribute: false, hasChanged: (/** @type {unknown} */ a, /** @type {unknown} */ b) => !same(a, b) },
    bounds: { state: true },
  };

  constructor() {
    super();
    this.name = "";
    this.heading = "";
    /** @type {ZoneScheme | undefined} */
    this.scheme = undefined;
    /** @type {number[]} empty: as published */
    this.stored = [];
    /** @type {number[]} as they are in the fields; empty: as published */
    this.bounds = [];
  }

  createRenderRoot() {
    return this;
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("scheme") || changed.has("stored")) this.bounds = [...this.stored];
  }

  render() {
    const { scheme } = this;
    if (!scheme) return nothing;
    const own = this.bounds.length > 0;
    return html`<fieldset class="pods bounds">
      <legend>${this.heading}, ${scheme.title}</legend>
      <label class="btn choice" data-testid=${`own-${this.name}`}
        ><input
          class="vh"
          type="checkbox"
          .checked=${own}
          @change=${() => (this.bounds = own ? [] : scheme.lows_pct.slice(1))}
        />${icon("check")}Own bounds</label
      >
      ${
        own
          ? html`<div class="fields">
              ${scheme.names.slice(1).map((zone, i) => this.#field(zone, i))}
            </div>`
          : html`<p class="meta">As published: ${scheme.lows_pct.slice(1).join(", ")} %</p>`
      }
    </fieldset>`;
  }

  /** @param {string} zone @param {number} i */
  #field(zone, i) {
    return html`<label class="field"
      ><span>Z${i + 2} ${zone} from, %</span
      ><input
        type="number"
        name=${this.name}
        required
        min=${BOUND_PCT.low}
        max=${BOUND_PCT.high}
        step="any"
        inputmode="decimal"
        .value=${String(this.bounds[i])}
        @input=${() => this.#check()}
    /></label>`;
  }

  /** Every field that does not ascend says so, and keeps the form from being sent. */
  #check() {
    /** @type {NodeListOf<HTMLInputElement>} */
    const fields = this.querySelectorAll(`input[name="${this.name}"]`);
    let before = this.scheme?.lows_pct[0] ?? 0;
    fields.forEach((field, i) => {
      const value = field.valueAsNumber;
      const falls = value <= before;
      field.setCustomValidity(falls ? `Z${i + 2} begins above Z${i + 1}: more than ${before} %` : "");
      if (!Number.isNaN(value)) before = value;
    });
  }
}

customElements.define("derny-zone-bounds", DernyZoneBounds);
