// @ts-check
/** After an FTP test: what is proposed, why, how sure it is, and since when to use it. */

import { html, nothing } from "lit";
import { isoDate, minutes, whole } from "../format.js";
import { ActingElement } from "./acting_element.js";

/** @typedef {import("../shapes.d.ts").FtpProposal} FtpProposal */

const TESTS = { ramp: "Ramp test", "20min": "20-minute test", "2x8": "2 × 8-minute test" };

class DernyFtpCard extends ActingElement {
  static properties = {
    activity: {},
    proposal: { state: true },
    dated: { state: true },
    afterAll: { state: true },
  };

  constructor() {
    super();
    this.activity = "";
    /** @type {FtpProposal | null} */
    this.proposal = null;
    this.dated = false; // "Since …" was pressed
    this.afterAll = false; // what was turned down is looked at again
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("activity") && this.activity) {
      this.proposal = null;
      this.afterAll = false;
      this.attempt(async () => {
        this.proposal = await this.hub.api.ftpProposal(this.activity);
      });
    }
  }

  render() {
    const { proposal } = this;
    return html`<section aria-labelledby="ftp-title" aria-live="polite" data-testid="ftp">
      <h2 id="ftp-title">${proposal ? TESTS[proposal.test] : "FTP test"}</h2>
      ${proposal ? this.#said(proposal) : nothing}
      ${this.problem ? html`<p class="wrong" role="alert">${this.problem}</p>` : nothing}
    </section>`;
  }

  /** @param {FtpProposal} proposal */
  #said(proposal) {
    const changed = proposal.was_w !== null && proposal.was_w !== proposal.ftp_w;
    const was = changed ? ` (was ${proposal.was_w})` : "";
    const end =
      proposal.ended_s === null ? "" : `Test ended at ${minutes(proposal.ended_s * 1000)} of the ramp`;
    if (proposal.ftp_w === null)
      return html`<p data-testid="ftp-refused"><b>No FTP from this test</b></p>
        ${doubts(proposal)}${end ? html`<p class="meta">${end}</p>` : nothing}`;
    return html`<p class="result">
        <b class="num" data-testid="ftp-proposed">FTP ${proposal.ftp_w} W</b>${was}
      </p>
      <p data-testid="ftp-why">${proposal.ftp_w} W = ${proposal.reasoning}.</p>
      ${end ? html`<p class="meta" data-testid="ftp-ended">${end}</p>` : nothing}
      <p class="meta" data-testid="ftp-confidence">Confidence: ${proposal.confidence}</p>
      ${doubts(proposal)}${this.#choice(proposal)}`;
  }

  /** @param {FtpProposal} proposal */
  #choice(proposal) {
    if (proposal.current_w === proposal.ftp_w)
      return html`<p class="dev" data-testid="ftp-used"><i class="ok"></i>${proposal.ftp_w} W is in use</p>`;
    if (!proposal.may_use) return nothing;
    if (proposal.declined && !this.afterAll)
      return html`<p class="meta" data-testid="ftp-kept">${keptWords(proposal)}</p>
        <div class="acts">
          <button class="btn quiet" @click=${() => (this.afterAll = true)} data-testid="ftp-after-all">
            Use it after all
          </button>
        </div>`;
    return html`<div class="acts">
        <button
          class="btn primary"
          ?disabled=${this.busy}
          @click=${() => this.#answer({})}
          data-testid="ftp-use"
        >
          Use from today
        </button>
        <button
          class="btn"
          aria-expanded=${this.dated}
          @click=${() => (this.dated = !this.dated)}
          data-testid="ftp-since"
        >
          Since …
        </button>
        <button
          class="btn quiet"
          ?disabled=${this.busy}
          @click=${() => this.#answer({ decline: true })}
          data-testid="ftp-keep"
        >
          Keep ${proposal.current_w === null ? "none" : whole(proposal.current_w)}
        </button>
      </div>
      ${this.dated ? this.#dateForm() : nothing}`;
  }

  #dateForm() {
    const today = isoDate(Date.now());
    return html`<form
      class="acts"
      @submit=${(/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
        this.#answer({ since: String(data.get("since")) });
      }}
    >
      <label class="field"
        ><span>Since</span
        ><input type="date" name="since" required max=${today} .value=${today} data-testid="ftp-date"
      /></label>
      <button class="btn primary" ?disabled=${this.busy} data-testid="ftp-use-since">Use</button>
      <p class="meta">Rides since then are measured by it.</p>
    </form>`;
  }

  /** Without a date it counts from today by the hub's calendar. @param {{since?: string, decline?: boolean}} how */
  #answer(how) {
    const ftp_w = this.proposal?.ftp_w;
    if (!ftp_w) return;
    this.attempt(async () => {
      this.proposal = await this.hub.api.answerFtp(this.activity, { ftp_w, ...how });
      this.dated = this.afterAll = false;
    });
  }
}

/** @param {FtpProposal} proposal */
function doubts(proposal) {
  if (!proposal.doubts.length) return nothing;
  return html`<ul class="plain" data-testid="ftp-doubts">
    ${proposal.doubts.map((text) => html`<li>${text}</li>`)}
  </ul>`;
}

/** @param {FtpProposal} proposal */
function keptWords(proposal) {
  return proposal.current_w === null ? "No FTP was set" : `${proposal.current_w} W stays`;
}

customElements.define("derny-ftp-card", DernyFtpCard);
