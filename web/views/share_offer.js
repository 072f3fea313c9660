// @ts-check
/** Asked once for each class: whether its coach may see the rider's numbers. Nothing is shared before. */

import { html, nothing } from "lit";
import { untilWords } from "../words_presence.js";
import { ActingElement } from "./acting_element.js";
import { icon } from "./parts.js";

/** @typedef {import("../shapes.d.ts").GrantPart} Part */

const COACH = "role:coach";
/** @type {Part[]} */
const PARTS = ["power_w", "heart_rate_bpm"];
const LASTS_MS = 12 * 3_600_000; // no class is longer
const ANSWERED = "derny.share.answered"; // the last class, and who answered: devices go round

class DernyShareOffer extends ActingElement {
  static properties = { session: {}, offered: { state: true } };

  constructor() {
    super();
    /** Of the class; "": none. */
    this.session = "";
    /** Whether nothing has been said of coaches yet; the question still needs one who leads. */
    this.offered = false;
    this.followed = "";
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#follow("");
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (!changed.has("session")) return;
    this.offered = false;
    this.#follow(this.session);
    if (this.session) this.#look();
  }

  /** Who leads is told on the session's channel. @param {string} session */
  #follow(session) {
    const { wire, store } = this.hub;
    const before = `session:${this.followed}`;
    if (this.followed) wire.unsubscribe(before);
    if (this.followed && !wire.channels.has(before)) store.drop(before);
    this.followed = session;
    if (session) wire.subscribe(`session:${session}`, 1);
  }

  /** The owner needs no grant: to ask for one would be no choice. */
  get ledByCoach() {
    const coach = this.hub.store.session(this.session)?.presence?.coach;
    return coach?.role === "coach" && !coach.you;
  }

  get place() {
    return `${this.session} ${this.hub.athlete}`;
  }

  /** Whoever said anything of coaches before has decided. */
  async #look() {
    const { athlete, me, api } = this.hub;
    if (me?.role !== "athlete" || !athlete || localStorage.getItem(ANSWERED) === this.place) return;
    const { place } = this;
    const grants = await api.grants(athlete).catch(() => null); // unknown: not now
    if (grants && place === this.place) this.offered = !grants.some((one) => one.grantee === COACH);
  }

  render() {
    if (!this.offered || !this.ledByCoach) return nothing;
    return html`<section class="asks" aria-label="Sharing">
      <article class="card ask" data-testid="share-offer">
        <span class="big">${icon("eye")}</span>
        <div>
          <h3>Let the coach see power and heart rate for this class?</h3>
          <p class="meta" role="status">
            ${this.problem || `Coaches see them ${untilWords(Date.now() + LASTS_MS)}, or until you take it back. The owner of this hub sees them anyway.`}
          </p>
        </div>
        <div class="acts">
          <button class="btn primary" ?disabled=${this.busy} @click=${() => this.#share()} data-testid="share-yes">
            Yes
          </button>
          <button class="btn" ?disabled=${this.busy} @click=${() => this.#answered()} data-testid="share-no">
            No
          </button>
        </div>
      </article>
    </section>`;
  }

  #share() {
    const { api, athlete, clock } = this.hub;
    this.attempt(async () => {
      await api.share(athlete, COACH, PARTS, Math.round(clock.now() + LASTS_MS));
      this.#answered();
    });
  }

  #answered() {
    localStorage.setItem(ANSWERED, this.place);
    this.offered = false;
  }
}

customElements.define("derny-share-offer", DernyShareOffer);
