// @ts-check
/** Take a bike: pedal, scan its code, or choose it from the list. */

import { html, nothing } from "lit";
import { newKey } from "../format.js";
import { bikeWords } from "../words.js";
import "./asks.js";
import { ActingElement } from "./acting_element.js";
import { icon, themeButton } from "./parts.js";
import "./share_offer.js";

/** @typedef {import("../protocol.d.ts").BikeView} BikeView */

const RENEW_MS = 20_000; // the hub waits a minute for the pedals, then it takes us for gone

class DernySeats extends ActingElement {
  static properties = {
    taken: { state: true },
    /** Id or code of the bike that was scanned; "" for none. */
    scanned: { attribute: false },
  };

  constructor() {
    super();
    this.scanned = "";
    /** @type {{bike: string, way: string} | null} a bike that somebody sits on, and what may be done */
    this.taken = null;
    this.timer = 0;
    /** The bike that was asked for, to tell when the answer was no. */
    this.wanted = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.hub.wire.subscribe("seats", 1);
    this.hub.wire.subscribe("sensors", 1);
    this.timer = setInterval(() => document.hidden || this.#wait(), RENEW_MS);
    if (this.scanned) this.attempt(() => this.#sit(this.scanned));
    else this.#wait();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.hub.wire.unsubscribe("seats");
    this.hub.wire.unsubscribe("sensors");
    clearInterval(this.timer);
    if (this.hub.athlete) this.hub.api.stopAsking().catch(() => {}); // a minute later it is over anyway
  }

  get view() {
    return this.hub.store.seats;
  }

  /** @returns {BikeView | undefined} */
  get own() {
    return this.view?.bikes.find((one) => one.state === "yours");
  }

  /** Says to the hub that a bike that begins to turn now is ours. */
  async #wait() {
    if (this.own || !this.hub.athlete) return;
    try {
      await this.hub.api.askForBike();
    } catch (error) {
      this.problem = /** @type {Error} */ (error).message;
    }
  }

  /** @param {string} bike @param {boolean} [swap] */
  async #sit(bike, swap = false) {
    await this.hub.ensureAthlete();
    try {
      await this.hub.api.sit(bike, { key: newKey(), ...(swap ? { swap } : {}) });
      this.taken = null;
    } catch (error) {
      const refused = /** @type {import("../api.js").ApiError} */ (error);
      if (refused.code !== "taken") throw error;
      this.taken = { bike: refused.body?.bike ?? bike, way: refused.body?.way ?? "" };
    }
  }

  willUpdate() {
    const asked = this.view?.wanted;
    if (asked) this.wanted = asked;
    else if (this.wanted && this.view) {
      const got = this.own?.bike === this.wanted;
      if (!got) this.problem = "They stay on that bike. Choose another.";
      this.wanted = "";
    }
  }

  render() {
    const view = this.view;
    return html`<div class="start seats" data-testid="seats">
      <header class="top">
        <a class="ib" href="#/" aria-label="Back to start" data-testid="back">${icon("back")}</a>
        <h1>Your bike</h1>
        <span class="sub">${view?.title ?? ""}</span>
        <span class="sp"></span>
        ${themeButton()}
      </header>
      <div class="banners" role="alert">
        ${this.problemBanner()}
      </div>
      <main class="cols">
        <div class="col">
          ${view ? (this.own ? this.#seated(this.own) : this.#free()) : html`<p class="meta">Looking …</p>`}
          <derny-asks .hub=${this.hub}></derny-asks>
          <derny-share-offer .hub=${this.hub} .session=${this.own ? (view?.session ?? "") : ""}></derny-share-offer>
        </div>
        <div class="col">${this.#list()}</div>
      </main>
      ${this.#footer()}
    </div>`;
  }

  #free() {
    const waiting = this.view?.asking_until_ms;
    return html`<section class="card claim" data-testid="claim" aria-labelledby="claim-title">
      <span class="big">${icon("trainer")}</span>
      <div>
        <h2 id="claim-title">Start pedalling</h2>
        <p class="meta">
          Sit down and turn the cranks: the bike that begins to turn is yours. Or scan the code on
          it, or choose it from the list.
        </p>
      </div>
      <p class="state" role="status" data-testid="waiting">
        ${
          this.view?.wanted
            ? "Asked. Waiting for the answer of who sits there."
            : waiting
              ? "Waiting for a bike that starts to turn"
              : this.hub.athlete
                ? "Not waiting"
                : html`<button class="btn primary" @click=${() => this.#begin()} data-testid="begin">
                    Wait for my bike
                  </button>`
        }
      </p>
    </section>`;
  }

  #begin() {
    this.attempt(async () => {
      await this.hub.ensureAthlete();
      await this.#wait();
    });
  }

  /** @param {BikeView} own */
  #seated(own) {
    const strap = this.hub.store.sensors?.sensors.find(
      (one) => one.athlete === this.hub.athlete && one.kinds.includes("heart_rate"),
    );
    return html`<section class="card claim mine" data-testid="seated" aria-labelledby="seated-title">
      <span class="big">${icon("check")}</span>
      <div>
        <h2 id="seated-title">You sit on ${own.name}</h2>
        <p class="meta">
          ${strap ? `Heart rate from ${strap.name}` : "No strap yet: wear it, and the nearest is offered here"}
        </p>
      </div>
      <div class="acts">
        <button
          class="btn"
          ?disabled=${this.busy}
          @click=${() => this.attempt(() => this.hub.api.leave(own.bike))}
          data-testid="leave"
        >
          Leave this bike
        </button>
      </div>
    </section>`;
  }

  #list() {
    const bikes = this.view?.bikes ?? [];
    return html`<section aria-labelledby="bikes-title">
      <h2 id="bikes-title">Bikes</h2>
      ${
        this.view && !bikes.length
          ? html`<p class="card empty">No bike has a name here yet. Use your trainer from the list of sensors.</p>`
          : nothing
      }
      <ul class="sensors">
        ${bikes.map((one) => this.#bike(one))}
      </ul>
    </section>`;
  }

  /** @param {BikeView} one */
  #bike(one) {
    const { tone, text } = bikeWords(one);
    const taken = this.taken?.bike === one.bike ? this.taken : null;
    return html`<li class="card sensor bike ${tone}" data-testid="bike" data-bike=${one.bike} data-state=${one.state}>
      <span class="kind">${icon(one.state === "yours" ? "check" : "trainer")}</span>
      <span class="who"><b>${one.name}</b><span class="meta">${text}</span></span>
      ${
        one.state === "yours"
          ? html`<span class="yours">Yours</span>`
          : html`<button
              class="btn use"
              ?disabled=${this.busy || this.view?.wanted === one.bike}
              @click=${() => this.#choose(one)}
              aria-label=${one.state === "free" ? `Sit on ${one.name}` : `${one.name} is taken`}
              data-testid="sit"
            >
              ${one.state === "free" ? "Sit here" : this.view?.wanted === one.bike ? "Asked" : "Taken"}
            </button>`
      }
      ${
        taken && one.state === "taken"
          ? html`<div class="taken" role="alert" data-testid="taken">
              <p>This bike is taken.</p>
              <button
                class="btn"
                @click=${() => this.attempt(() => this.#sit(one.bike, true))}
                data-testid="swap"
              >
                ${taken.way === "ask" ? "Ask to swap" : "Swap"}
              </button>
              <button class="btn quiet" @click=${() => (this.taken = null)} data-testid="choose-another">
                Choose another
              </button>
            </div>`
          : nothing
      }
    </li>`;
  }

  /** @param {BikeView} one */
  #choose(one) {
    this.attempt(() => this.#sit(one.bike));
  }

  #footer() {
    const { view, own } = this;
    if (!own) return nothing;
    return html`<footer class="go">
      <span class="what"
        ><b>${view?.title ?? "No class is open"}</b><span class="meta">${own.name}</span></span
      >
      <a
        class="main-btn"
        href=${view?.session ? `#/ride/${encodeURIComponent(view.session)}` : "#/"}
        data-testid="to-class"
        >${view?.session ? "To the class" : "Choose a workout"}</a
      >
    </footer>`;
  }
}

customElements.define("derny-seats", DernySeats);
