// @ts-check
/** The hub's questions to who looks at this screen, as cards with their answers. */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { askWords } from "../words.js";
import { ActingElement } from "./acting_element.js";
import { icon } from "./parts.js";

/** @typedef {import("../protocol.d.ts").AskView} AskView */

class DernyAsks extends ActingElement {
  connectedCallback() {
    super.connectedCallback();
    this.hub.wire.subscribe("seats", 1);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.hub.wire.unsubscribe("seats");
  }

  render() {
    const asks = this.hub.store.seats?.asks ?? [];
    if (!asks.length && !this.problem) return nothing;
    return html`<section class="asks" aria-label="Questions" role="status">
      ${this.problem ? html`<p class="card ask" role="alert">${this.problem}</p>` : nothing}
      ${repeat(
        asks,
        (one) => one.ask,
        (one) => this.#ask(one),
      )}
    </section>`;
  }

  /** @param {AskView} one */
  #ask(one) {
    const bikes = this.hub.store.seats?.bikes ?? [];
    const name = (/** @type {string} */ id) => bikes.find((bike) => bike.bike === id)?.name ?? "?";
    const words = askWords(one, name);
    return html`<article class="card ask" data-testid="ask" data-kind=${one.kind}>
      <span class="big">${icon(words.icon)}</span>
      <div>
        <h3>${words.title}</h3>
        <p class="meta">${one.answered ? "You said yes. Waiting for the other rider." : words.note}</p>
      </div>
      <div class="acts">
        ${
          one.kind === "which_bike"
            ? (one.bikes ?? []).map(
                (bike) =>
                  html`<button class="btn primary" @click=${() => this.#say(one, true, bike)} data-testid="ask-bike">
                    ${name(bike)}
                  </button>`,
              )
            : one.answered
              ? nothing
              : html`<button class="btn primary" @click=${() => this.#say(one, true)} data-testid="ask-yes">
                  ${words.yes}
                </button>`
        }
        <button class="btn" @click=${() => this.#say(one, false)} data-testid="ask-no">
          ${words.no}
        </button>
      </div>
    </article>`;
  }

  /** @param {AskView} one @param {boolean} yes @param {string} [bike] */
  #say(one, yes, bike = "") {
    this.attempt(() => this.hub.api.answer(one.ask, yes, bike));
  }
}

customElements.define("derny-asks", DernyAsks);
