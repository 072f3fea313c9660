// @ts-check
import { html, nothing } from "lit";
import { HubElement } from "./element.js";
import { banner } from "./parts.js";

/** A view whose buttons ask something of the hub: busy meanwhile, and with a banner when it fails. */
export class ActingElement extends HubElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { problem: { state: true }, busy: { state: true } };

  constructor() {
    super();
    /** What went wrong last; "": nothing. */
    this.problem = "";
    this.busy = false;
  }

  /** @param {() => Promise<unknown>} act */
  async attempt(act) {
    this.problem = "";
    this.busy = true;
    try {
      await act();
    } catch (error) {
      this.problem = this.wordsOf(/** @type {import("../api.js").ApiError} */ (error));
    } finally {
      this.busy = false;
    }
  }

  /** What is said of a failure. @param {import("../api.js").ApiError} error */
  wordsOf(error) {
    return error.message;
  }

  problemBanner() {
    if (!this.problem) return nothing;
    const close = html`<button class="btn quiet" @click=${() => (this.problem = "")}>Close</button>`;
    return banner("alert", this.problem, close, "problem");
  }
}
