// @ts-check
/** Somebody scanned a bike's code and is not signed in: a name is enough. */

import { html, nothing } from "lit";
import { field } from "./about_you.js";
import { HubElement } from "./element.js";
import { banner, themeButton } from "./parts.js";

/** Event `joined`: this device is signed in now; `detail` is the bike. */
class DernyJoin extends HubElement {
  static properties = { problem: { state: true }, busy: { state: true }, code: { attribute: false } };

  constructor() {
    super();
    this.code = "";
    this.problem = "";
    this.busy = false;
  }

  render() {
    return html`<div class="start seats" data-testid="join">
      <header class="top">
        <img src="/web/icon.svg" alt="" width="32" height="32" />
        <h1>Derny</h1>
        <span class="sp"></span>
        ${themeButton()}
      </header>
      <div class="banners" role="alert">
        ${this.problem ? banner("alert", this.problem, nothing, "problem") : nothing}
      </div>
      <main class="cols one">
        <form class="card about" @submit=${(/** @type {SubmitEvent} */ event) => this.#join(event)}>
          <h2>Join the class on this bike</h2>
          <p class="meta">
            Your name is enough. With your FTP, if you know it, the trainer is steered to your targets. Five minutes
            after the class this device is signed out.
          </p>
          <div class="fields">
            ${field("name", "Name", "text", "", { maxlength: 40, autocomplete: "given-name" })}
            ${field("ftp_w", "FTP, W", "number", null, { min: 40, max: 600, step: 1 })}
          </div>
          <div class="acts">
            <span class="sp"></span>
            <button class="main-btn" ?disabled=${this.busy} data-testid="join-now">Join</button>
          </div>
        </form>
      </main>
    </div>`;
  }

  /** @param {SubmitEvent} event */
  async #join(event) {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const name = String(data.get("name") ?? "").trim();
    if (!name) {
      this.problem = "Enter a name, so that your coach knows who rides.";
      return;
    }
    const ftp_w = Number(data.get("ftp_w")) || null;
    this.busy = true;
    this.problem = "";
    try {
      const { bike } = await this.hub.api.join({ bike: this.code, name, ftp_w });
      this.dispatchEvent(new CustomEvent("joined", { detail: bike }));
    } catch (error) {
      this.problem = /** @type {Error} */ (error).message;
    } finally {
      this.busy = false;
    }
  }
}

customElements.define("derny-join", DernyJoin);
