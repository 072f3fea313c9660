// @ts-check
/** Signs in, opens the socket, and shows the screen that the address names. */

import { html, LitElement } from "lit";
import { ApiError } from "./api.js";
import { Hub } from "./hub.js";
import { applyTheme } from "./theme.js";
import "./views/bikes.js";
import "./views/end.js";
import "./views/figures.js";
import "./views/join.js";
import "./views/library.js";
import "./views/ride.js";
import "./views/seats.js";
import "./views/start.js";
import "./views/watch.js";

/** @typedef {"opening" | "ready" | "no_link" | "unreachable" | "join"} Stage */

const RETRY_MS = 2_000;
const WRIST = "(max-width: 239.98px)"; // where a ride has room for a countdown only
const LINK_REFUSED = [401, 403];

class DernyApp extends LitElement {
  static properties = { stage: { state: true }, route: { state: true } };

  constructor() {
    super();
    /** @type {Stage} */
    this.stage = "opening";
    this.detail = "";
    /** One-time token of the address, until the hub took or refused it. */
    this.token = "";
    /** The bike that was scanned: its code, or its id after joining. */
    this.bike = "";
    this.wrist = matchMedia(WRIST);
    /** @type {string[]} */
    this.route = [];
    this.hub = new Hub();
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    applyTheme();
    addEventListener("hashchange", () => this.#follow());
    this.wrist.addEventListener("change", () => this.requestUpdate());
    addEventListener("pointerdown", () => this.hub.beeper.unlock(), { once: true });
    addEventListener("keydown", () => this.hub.beeper.unlock(), { once: true });
    this.hub.store.addEventListener(
      "change",
      () => this.hub.store.status === "refused" && this.requestUpdate(),
    );
    this.#open();
  }

  async #open() {
    const said = new URLSearchParams(location.hash.slice(1));
    const token = said.get("token");
    const bike = said.get("bike");
    if (token || bike) history.replaceState(null, "", location.pathname);
    if (token) this.token = token;
    if (bike) this.bike = bike;
    try {
      if (this.token) await this.#signIn();
      await this.hub.loadMe();
    } catch (error) {
      this.#failed(/** @type {ApiError} */ (error));
      return;
    }
    this.hub.wire.start();
    this.stage = "ready";
    if (this.bike) location.hash = "#/seat";
    this.#follow();
  }

  /** @param {CustomEvent<string>} event */
  #joined(event) {
    this.bike = event.detail;
    this.#open();
  }

  /** A refused link is no end: whoever opened it may have signed in before. */
  async #signIn() {
    try {
      await this.hub.api.login(this.token);
    } catch (error) {
      if (!LINK_REFUSED.includes(/** @type {ApiError} */ (error).status)) throw error;
    }
    this.token = "";
  }

  /** @param {ApiError} error */
  #failed(error) {
    this.detail = error.message;
    if (error.status === 401 || error.status === 403) {
      this.stage = this.bike ? "join" : "no_link";
      return;
    }
    this.stage = "unreachable";
    setTimeout(() => this.#open(), RETRY_MS);
  }

  #follow() {
    const hash = new URLSearchParams(location.hash.slice(1));
    if (hash.has("token") || hash.has("bike")) {
      this.#open();
      return;
    }
    this.route = location.hash.slice(2).split("/").filter(Boolean).map(decodeURIComponent);
    scrollTo(0, 0);
  }

  render() {
    if (this.stage === "opening") return html`<main class="full" aria-busy="true"></main>`;
    if (this.stage === "no_link" || this.hub.store.status === "refused") return this.#noLink();
    if (this.stage === "unreachable") return this.#unreachable();
    if (this.stage === "join") {
      return html`<derny-join
        .hub=${this.hub}
        .code=${this.bike}
        @joined=${(/** @type {CustomEvent<string>} */ event) => this.#joined(event)}
      ></derny-join>`;
    }
    const [screen, id, athlete] = this.route;
    if (id && (screen === "watch" || (screen === "ride" && this.wrist.matches))) {
      return html`<derny-watch
        .hub=${this.hub}
        .session=${id}
        .athlete=${athlete ?? ""}
      ></derny-watch>`;
    }
    if (id && screen === "ride") {
      return html`<derny-ride
        .hub=${this.hub}
        .session=${id}
        .athlete=${athlete ?? ""}
      ></derny-ride>`;
    }
    if (screen === "seat") {
      const scanned = this.bike;
      this.bike = ""; // once
      return html`<derny-seats .hub=${this.hub} .scanned=${scanned}></derny-seats>`;
    }
    if (screen === "library") {
      return html`<derny-library .hub=${this.hub} .workout=${id ?? ""}></derny-library>`;
    }
    if (screen === "profile") return html`<derny-figures .hub=${this.hub}></derny-figures>`;
    if (screen === "bikes" || (!screen && this.#onlyLeads)) return html`<derny-bikes .hub=${this.hub}></derny-bikes>`;
    if (screen === "end" && id)
      return html`<derny-end .hub=${this.hub} .activity=${id}></derny-end>`;
    return html`<derny-start .hub=${this.hub}></derny-start>`;
  }

  /** A coach who does not ride here has classes, and no start page of a rider. */
  get #onlyLeads() {
    return this.hub.me?.role === "coach" && !this.hub.me.athlete;
  }

  #noLink() {
    return html`<main class="full" data-testid="no-link">
      <img src="/web/icon.svg" alt="" width="72" height="72" />
      <h1>This page needs the link that <code>derny up</code> printed</h1>
      <p>
        ${this.hub.store.status === "refused" ? this.hub.wire.reason || "The hub ended this sign-in." : "The link signs this browser in, once."}
        Look in the terminal where <code>derny up</code> runs, and open its link here.
      </p>
    </main>`;
  }

  #unreachable() {
    return html`<main class="full" data-testid="unreachable" role="status">
      <img src="/web/icon.svg" alt="" width="72" height="72" />
      <h1>The hub does not answer</h1>
      <p>${this.detail} This page goes on by itself as soon as it is there.</p>
    </main>`;
  }
}

customElements.define("derny-app", DernyApp);
