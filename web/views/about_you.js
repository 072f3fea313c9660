// @ts-check
/** The rider's own figures. All of them can wait. */

import { html, nothing } from "lit";
import { HubElement } from "./element.js";

/** Events: `done` when it is saved or put away; `problem` with the hub's words. */
class DernyAboutYou extends HubElement {
  static properties = { busy: { state: true } };

  constructor() {
    super();
    this.busy = false;
  }

  render() {
    const me = this.hub.me?.athlete;
    return html`<form
      class="card about"
      @submit=${(/** @type {SubmitEvent} */ event) => this.#save(event)}
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
        ${me ? html`<a class="btn quiet" href="#/profile" data-testid="figures-link">All figures and zones</a>` : nothing}
        <button
          class="btn quiet"
          type="button"
          @click=${() => this.dispatchEvent(new CustomEvent("done"))}
          data-testid="skip-form"
        >
          ${me ? "Cancel" : "Skip for now"}
        </button>
        <button class="btn primary" ?disabled=${this.busy} data-testid="save-profile">Save</button>
      </div>
    </form>`;
  }

  /** @param {SubmitEvent} event */
  async #save(event) {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const text = (/** @type {string} */ key) => String(data.get(key) ?? "").trim() || null;
    const number = (/** @type {string} */ key) => (text(key) === null ? null : Number(text(key)));
    this.busy = true;
    try {
      await this.hub.api.saveMe({
        name: text("name"),
        ftp_w: number("ftp_w"),
        max_hr_bpm: number("max_hr_bpm"),
        weight_kg: number("weight_kg"),
      });
      await this.hub.loadMe();
      this.dispatchEvent(new CustomEvent("done"));
    } catch (error) {
      const detail = /** @type {Error} */ (error).message;
      this.dispatchEvent(new CustomEvent("problem", { detail }));
    } finally {
      this.busy = false;
    }
  }
}

/**
 * @param {string} name
 * @param {string} label
 * @param {string} type
 * @param {string | number | null | undefined} value
 * @param {{min?: number, max?: number, step?: number | string, maxlength?: number, autocomplete?: string}} limits
 */
export function field(name, label, type, value, limits) {
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

customElements.define("derny-about-you", DernyAboutYou);
