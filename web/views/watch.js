// @ts-check
/** A wrist-sized page: what is left, what is asked, the heart. */

import { html, nothing } from "lit";
import { countdown, minutes, whole } from "../format.js";
import { reading } from "../reading.js";
import { phaseZone, targetShare } from "../timeline.js";
import { SessionElement } from "./session_element.js";

const COUNT_MS = 3_000;
const RING = 88;

class DernyWatch extends SessionElement {
  trueFor() {
    const left_ms = this.scene?.at.remaining_ms;
    return left_ms ? (left_ms % 1000) + 5 : 1000;
  }

  render() {
    if (this.refused) return html`<main class="wrist"><p>This ride is not here any more</p></main>`;
    const { scene } = this;
    if (!scene) return html`<main class="wrist" aria-busy="true"><p>Connecting</p></main>`;
    const { at, rider, now } = scene;
    const heart = reading(scene.row, "heart_rate_bpm", now);
    const watts = (/** @type {number | null} */ share) =>
      share === null || !rider.ftp_w || rider.ftp_assumed
        ? null
        : (share * rider.ftp_w * rider.trim_pct) / 100;
    if (at.status === "running" && at.remaining_ms !== null && at.remaining_ms <= COUNT_MS)
      return this.#flash(at, watts);
    const { phase, next } = at;
    if (!phase) {
      return html`<main class="wrist" data-testid="watch">
        <div class="ph">${this.view?.title}</div>
        <p>${at.status === "ready" ? "Ready" : "Finished"}</p>
      </main>`;
    }
    const share = targetShare(phase, at.share);
    const target_w = watts(share);
    const left = at.remaining_ms === null ? minutes(at.phase_ms) : countdown(at.remaining_ms);
    return html`<main class="wrist" data-z=${phaseZone(phase)} data-testid="watch">
      <svg viewBox="0 0 192 192" aria-hidden="true">
        <circle class="rest" cx="96" cy="96" r=${RING} />
        <circle
          class="left"
          cx="96"
          cy="96"
          r=${RING}
          pathLength="100"
          stroke-dasharray="${((1 - at.share) * 100).toFixed(1)} 100"
          transform="rotate(-90 96 96)"
        />
      </svg>
      <div class="ph">${at.status === "paused" ? "Paused" : phase.name}</div>
      <div class="ct">
        ${scene.stale ? "no link, cues stored" : phase.set_count ? `${phase.set_index} of ${phase.set_count}` : `Z${phaseZone(phase)}`}
      </div>
      <div class="num cd" role="timer" data-long=${left.length > 4 ? 1 : 0} data-testid="countdown">
        ${left}
      </div>
      <div class="tg">
        <span
          ><span class="num"
            >${target_w === null ? (share === null ? "free" : `Z${phaseZone(phase)}`) : whole(target_w)}</span
          >${target_w === null ? nothing : html` <span class="unit">W</span>`}</span
        >
        <span class=${heart.quality} data-testid="heart"
          ><span class="num">${whole(heart.value)}</span> <span class="unit">bpm</span></span
        >
      </div>
      <div class="nx" data-z=${next ? phaseZone(next) : 0}>
        <i></i
        >${next ? `${next.name} ${next.duration_ms === null ? "" : minutes(next.duration_ms)}` : "Finish"}
      </div>
    </main>`;
  }

  /**
   * @param {import("../timeline.js").Position} at
   * @param {(share: number | null) => number | null} watts
   */
  #flash(at, watts) {
    const { next } = at;
    const target_w = next ? watts(targetShare(next, 0)) : null;
    return html`<main class="wrist flash" data-z=${next ? phaseZone(next) : 1} data-testid="watch">
      <div class="ph">${next ? `${next.name} in` : "Finish in"}</div>
      <div class="num big" role="timer" data-testid="countdown">
        ${Math.max(Math.ceil((at.remaining_ms ?? 0) / 1000), 1)}
      </div>
      <div class="tg">
        ${target_w === null ? nothing : html`<span><span class="num">${whole(target_w)}</span> <span class="unit">W</span></span>`}
      </div>
    </main>`;
  }
}

customElements.define("derny-watch", DernyWatch);
