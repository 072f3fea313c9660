// @ts-check
/** Who may see which of the athlete's numbers. What is touched counts at once. */

import { html, nothing } from "lit";
import { untilWords } from "../words_presence.js";
import { ActingElement } from "./acting_element.js";
import { icon } from "./parts.js";

/** @typedef {import("../shapes.d.ts").Grant} Grant */
/** @typedef {import("../shapes.d.ts").GrantPart} Part */

/** @type {[string, string][]} */
const WHO = [
  ["role:coach", "Coaches"],
  ["role:display", "Screens in the room"],
  ["role:viewer", "Viewers"],
];
/** @type {[Part, string][]} */
const PARTS = [
  ["heart_rate_bpm", "Heart rate"],
  ["power_w", "Power"],
  ["cadence_rpm", "Cadence"],
  ["speed_kmh", "Speed"],
  ["weight_kg", "Weight"],
];

export class DernySharing extends ActingElement {
  static properties = { grants: { state: true } };

  constructor() {
    super();
    /** @type {Grant[] | null} null: not known yet */
    this.grants = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.renew();
  }

  renew() {
    this.attempt(() => this.#load());
  }

  render() {
    const others = (this.grants ?? []).filter((one) => !WHO.some(([grantee]) => grantee === one.grantee));
    return html`<section class="card about" aria-labelledby="sharing-title" data-testid="sharing">
      <h2 id="sharing-title">Who sees your numbers</h2>
      <p class="meta">
        Nobody but you and the owner of this hub, until you say so. What you take back is gone from their
        screens at once.
      </p>
      <div role="alert">${this.problemBanner()}</div>
      ${this.grants ? WHO.map(([grantee, words]) => this.#row(grantee, words)) : nothing}
      ${others.map((one) => this.#row(one.grantee, "Another rider"))}
    </section>`;
  }

  /** @param {string} grantee @param {string} words */
  #row(grantee, words) {
    const { parts: held, until_ms } = this.#held(grantee);
    return html`<fieldset class="pods" data-testid=${`share-${grantee}`}>
      <legend>${words}${until_ms === null ? nothing : html`<span class="meta"> · ${untilWords(this.#here(until_ms))}</span>`}</legend>
      <div class="acts">
        ${PARTS.map(
          ([part, name]) =>
            html`<label class="btn choice"
              ><input
                class="vh"
                type="checkbox"
                name=${part}
                .checked=${held.includes(part)}
                ?disabled=${this.busy}
                @change=${(/** @type {Event} */ event) => this.#toggle(event, grantee, part)}
              />${icon("check")}${name}</label
            >`,
        )}
      </div>
    </fieldset>`;
  }

  /** @param {string} grantee @returns {{parts: Part[], until_ms: number | null}} */
  #held(grantee) {
    return this.grants?.find((one) => one.grantee === grantee) ?? { parts: [], until_ms: null };
  }

  /** By this device's clock. @param {number} hub_ms */
  #here(hub_ms) {
    return Date.now() + hub_ms - this.hub.clock.now();
  }

  /** The box shows what counts, not what was wished. @param {Event} event @param {string} grantee @param {Part} part */
  #toggle(event, grantee, part) {
    const { athlete, api } = this.hub;
    const { parts: held, until_ms } = this.#held(grantee);
    /** @type {HTMLInputElement} */ (event.target).checked = held.includes(part);
    const parts = held.includes(part) ? held.filter((one) => one !== part) : [...held, part];
    this.attempt(async () => {
      try {
        if (parts.length) await api.share(athlete, grantee, parts, until_ms);
        else await api.unshare(athlete, grantee);
      } finally {
        await this.#load();
      }
    });
  }

  async #load() {
    this.grants = this.hub.athlete ? await this.hub.api.grants(this.hub.athlete) : [];
  }
}

customElements.define("derny-sharing", DernySharing);
