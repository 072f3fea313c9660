// @ts-check
/** A wrist-sized page: what is left, what is asked, the heart. */

import { html, nothing } from "lit";
import { countdown, minutes, whole } from "../format.js";
import { reading } from "../reading.js";
import { aimWords, asksForPower, authorsWords } from "../target.js";
import { riderZone } from "../timeline.js";
import { coachAway } from "../words_presence.js";
import { colourOf, countOf } from "../zones.js";
import { heartPill, unshared } from "./parts.js";
import { aimOf, derived, heldInBrief } from "./scene.js";
import { SessionElement } from "./session_element.js";

const COUNT_MS = 3_000;
const RING = 88;
const COACH_LEFT_SHOWN_MS = 30_000;

class DernyWatch extends SessionElement {
  /** Told for a while: the class goes on, and so does what stands in that place. */
  get coachLeft() {
    const coach = this.hub.store.session(this.session)?.presence?.coach;
    const now = this.hub.clock.now();
    return !!coachAway(coach, now) && now - Number(coach?.away_since_ms) < COACH_LEFT_SHOWN_MS;
  }

  trueFor() {
    const left_ms = this.scene?.at.remaining_ms ?? this.scene?.at.cap_ms;
    return left_ms ? (left_ms % 1000) + 5 : 1000;
  }

  render() {
    if (this.refused) return html`<main class="wrist"><p>This ride is not here any more</p></main>`;
    const { scene } = this;
    if (!scene) return html`<main class="wrist" aria-busy="true"><p>Connecting</p></main>`;
    const { at, rider, now } = scene;
    const heart = reading(scene.row, "heart_rate_bpm", now);
    const held = scene.stale ? "" : heldInBrief(scene.row);
    if (at.status === "running" && at.remaining_ms !== null && at.remaining_ms <= COUNT_MS)
      return this.#flash(scene);
    const { phase, next } = at;
    if (!phase) {
      return html`<main class="wrist" data-testid="watch">
        <div class="ph">${this.view?.title}</div>
        <p>${at.status === "ready" ? "Ready" : "Finished"}</p>
      </main>`;
    }
    const [figure, unit] = told(scene, phase, at.index, at.ramp);
    const left = at.remaining_ms === null ? minutes(at.phase_ms) : countdown(at.remaining_ms);
    const zone = heart.value === null ? 0 : (derived(scene, "heart_rate_zone") ?? 0);
    return html`<main class="wrist" data-z=${phaseColour(scene, phase)} data-testid="watch">
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
      <div class="ct" data-testid="whereabouts">${whereabouts(scene, phase, this.coachLeft)}</div>
      <div class="num cd" role="timer" data-long=${left.length > 4 ? 1 : 0} data-testid="countdown">
        ${left}
      </div>
      <div class="tg">
        <span
          ><span class="num ${figure.length > 4 ? "long" : ""}">${figure}</span>${unit ? html` <span class="unit">${unit}</span>` : nothing}</span
        >
        <span class=${heart.quality} data-testid="heart"
          >${heart.quality === "denied" ? unshared("Heart rate", "bpm") : html`<span class="num">${whole(heart.value)}</span>`}
          ${heart.quality === "denied" ? nothing : zone && rider.heart_zones ? html`<span class="vh">bpm</span>${heartPill(zone, rider.heart_zones)}` : html`<span class="unit">bpm</span>`}</span
        >
      </div>
      ${held ? html`<div class="hb" data-testid="held">${held}</div>` : nothing}
      <div class="nx" data-z=${next ? phaseColour(scene, next) : 0}>
        <i></i
        >${next ? `${next.name} ${next.duration_ms === null ? "" : minutes(next.duration_ms)}` : "Finish"}
      </div>
    </main>`;
  }

  /**
   * @param {import("./scene.js").Scene} scene
   */
  #flash(scene) {
    const { at } = scene;
    const { next } = at;
    const [figure, unit] = next ? told(scene, next, at.index + 1, 0) : ["", ""];
    return html`<main class="wrist flash" data-z=${next ? phaseColour(scene, next) : 1} data-testid="watch">
      <div class="ph">${next ? `${next.name} in` : "Finish in"}</div>
      <div class="num big" role="timer" data-testid="countdown">
        ${Math.max(Math.ceil((at.remaining_ms ?? 0) / 1000), 1)}
      </div>
      <div class="tg">
        ${unit ? html`<span><span class="num">${figure}</span> <span class="unit">${unit}</span></span>` : nothing}
      </div>
    </main>`;
  }
}

/** @param {import("./scene.js").Scene} scene @param {import("../protocol.d.ts").PhaseView} phase */
function phaseColour({ rider }, phase) {
  return colourOf(riderZone(phase, rider), countOf(rider.power_zones));
}

/**
 * "2 of 4", "Z4", and when the phase ends at the latest: "≤ 2:10"; or what is out of order.
 * @param {import("./scene.js").Scene} scene
 * @param {import("../protocol.d.ts").PhaseView} phase
 * @param {boolean} coach_left
 */
function whereabouts({ stale, rider, at }, phase, coach_left) {
  if (stale) return "no link, cues stored";
  if (coach_left) return "Coach away";
  const place = phase.set_count
    ? `${phase.set_index} of ${phase.set_count}`
    : asksForPower(phase)
      ? `Z${riderZone(phase, rider)}`
      : "";
  return [place, at.cap_ms === null ? "" : `≤ ${countdown(at.cap_ms)}`].filter(Boolean).join(" · ");
}

/**
 * Figure and unit of what a phase asks; without an FTP of the rider's own its zone.
 * @param {import("./scene.js").Scene} scene
 * @param {import("../protocol.d.ts").PhaseView} phase
 * @param {number} index
 * @param {number} ramp 0..1
 * @returns {string[]}
 */
function told(scene, phase, index, ramp) {
  const aim = aimOf(scene, phase, index, ramp);
  if (!aim) return [authorsWords(phase.target, ramp), ""];
  if (scene.feel && aim.dimension === "power_w" && phase.target.unit !== "w")
    return [`Z${riderZone(phase, scene.rider)}`, ""];
  if (aim.dimension === "power_w") return [whole((aim.low + aim.high) / 2), "W"];
  return aimWords(aim).split(" ");
}

customElements.define("derny-watch", DernyWatch);
