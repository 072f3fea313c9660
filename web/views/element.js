// @ts-check
import { LitElement } from "lit";

/** @typedef {import("../hub.js").Hub} Hub */

/** A view in light DOM, so that one style sheet and every checker sees it; follows the store. */
export class HubElement extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { hub: { attribute: false } };

  constructor() {
    super();
    this.hub = /** @type {Hub} */ (/** @type {unknown} */ (undefined));
    this.changed = () => this.requestUpdate();
    /** @type {number} */
    this.ticker = 0;
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.hub.store.addEventListener("change", this.changed);
    addEventListener("derny-theme", this.changed);
    document.addEventListener("visibilitychange", this.changed);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.hub.store.removeEventListener("change", this.changed);
    removeEventListener("derny-theme", this.changed);
    document.removeEventListener("visibilitychange", this.changed);
    clearTimeout(this.ticker);
  }

  /**
   * How long this rendering stays true without news, ms; null: until news.
   * @returns {number | null}
   */
  trueFor() {
    return null;
  }

  updated() {
    clearTimeout(this.ticker);
    const wait_ms = document.hidden ? null : this.trueFor();
    if (wait_ms !== null) this.ticker = setTimeout(this.changed, wait_ms);
  }
}
