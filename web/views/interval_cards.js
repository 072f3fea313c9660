// @ts-check
/** The interval under way, the last three seconds of it, and the next one. */

import { html, nothing } from "lit";
import { countdown, minutes } from "../format.js";
import { leftWords, lengthWords } from "../target.js";
import { lineAt, riderZone } from "../timeline.js";
import { colourOf, countOf } from "../zones.js";
import { icon, zonePill } from "./parts.js";
import { asked } from "./scene.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("../timeline.js").Position} Position */

const COUNT_MS = 3_000;
const BARS_MAX = 20; // of a longer set, one bar for the interval says more

/**
 * @param {Scene} scene
 * @param {number} phases how many the workout has
 * @param {(() => void) | null} more opens what can be done with the interval; null: not the viewer's
 */
export function intervalCard(scene, phases, more) {
  const { at, own } = scene;
  if (at.status === "ready") return ready(at, own, phases);
  if (!at.phase) return plain("Finished", html`<div class="num cd">0:00</div>`);
  if (at.status === "running" && at.remaining_ms && at.remaining_ms <= COUNT_MS)
    return counting(scene);
  return underWay(scene, at.phase, more);
}

/** @param {string} title @param {unknown} body */
function plain(title, body) {
  return html`<section class="card int" data-testid="interval">
    <div class="row"><b data-testid="phase">${title}</b></div>
    ${body}
  </section>`;
}

/** @param {Position} at @param {boolean} own @param {number} phases */
function ready(at, own, phases) {
  return html`<section class="card int" data-testid="interval" aria-label="Workout">
    <div class="row">
      <b data-testid="phase">Ready</b
      ><span class="meta">${phases === 1 ? "" : `${phases} intervals`}</span>
    </div>
    <div class="num cd" data-testid="countdown">
      ${at.total_ms === null ? "0:00" : minutes(at.total_ms)}
    </div>
    <p class="meta">${own ? "Pedal, then Start." : "Starts soon."}</p>
  </section>`;
}

/**
 * @param {Scene} scene
 * @param {import("../protocol.d.ts").PhaseView} phase
 * @param {(() => void) | null} more
 */
function underWay({ at, row, rider, auto_paused }, phase, more) {
  const set = phase.set_count ? `interval ${phase.set_index} of ${phase.set_count} · ` : "";
  const length = leftWords(phase, row) || lengthWords(phase);
  const line = lineAt(phase, at.phase_ms);
  const time = at.remaining_ms === null ? minutes(at.phase_ms) : countdown(at.remaining_ms);
  return html`<section
    class="card int ${more ? "adjustable" : ""}"
    data-z=${phaseColour(phase, rider)}
    data-testid="interval"
    aria-label="Current interval"
  >
    <div class="row">
      <b data-testid="phase"
        >${at.status === "paused" ? html`<span class="badge">${auto_paused ? "Pedal to go on" : "Paused"}</span> ` : nothing}${phase.name}</b
      >
      <span class="meta">${set}${length}</span>
      ${more ? moreButton(more) : nothing}
    </div>
    <div class="num cd" data-long=${longness(time)} data-testid="countdown" role="timer">
      ${time}
    </div>
    ${foot(line?.text ?? "", at.cap_ms)} ${progress(at, phase)}
  </section>`;
}

/**
 * The author's line, and how long a phase without a length in time may last still.
 * @param {string} line @param {number | null} cap_ms
 */
function foot(line, cap_ms) {
  if (!line && cap_ms === null) return nothing;
  return html`<p class="meta foot">
    ${line ? html`<span class="text" data-testid="line">${line}</span>` : nothing}
    ${cap_ms === null ? nothing : capWords(cap_ms)}
  </p>`;
}

/** "at the latest in 2:10", shorter on a phone. @param {number} cap_ms */
function capWords(cap_ms) {
  const left = countdown(cap_ms);
  return html`<span class="cap" data-testid="cap"
    ><span class="vh">at the latest in ${left}</span
    ><span class="wide" aria-hidden="true">at the latest in ${left}</span
    ><span class="brief" aria-hidden="true">≤ ${left}</span></span
  >`;
}

/** @param {import("../protocol.d.ts").PhaseView} phase @param {Scene["rider"]} rider */
function phaseColour(phase, rider) {
  return colourOf(riderZone(phase, rider), countOf(rider.power_zones));
}

/** @param {() => void} more */
function moreButton(more) {
  return html`<button
    class="ib more"
    @click=${more}
    aria-label="Change this interval"
    aria-haspopup="dialog"
    data-testid="more"
  >
    ${icon("more")}
  </button>`;
}

/** 0: "3:42", 1: "12:30", 2: "1:02:30", which must be set smaller. @param {string} time */
function longness(time) {
  return time.length > 5 ? 2 : time.length > 4 ? 1 : 0;
}

/**
 * One bar per interval of the set, or one for the phase.
 * @param {Position} at
 * @param {import("../protocol.d.ts").PhaseView} phase
 */
function progress(at, { set_index = 0, set_count = 0 }) {
  const bars = set_count > 1 && set_count <= BARS_MAX ? set_count : 1;
  const under_way = bars === 1 ? 1 : set_index;
  const full = (/** @type {number} */ bar) =>
    bar < under_way ? 1 : bar === under_way ? at.share : 0;
  return html`<div class="prog" aria-hidden="true">
    ${Array.from({ length: bars }, (_, i) => html`<i><u .style=${`width:${(full(i + 1) * 100).toFixed(1)}%`}></u></i>`)}
  </div>`;
}

/** The last three seconds: the next interval's colour, and 3-2-1. @param {Scene} scene */
function counting(scene) {
  const { next, remaining_ms, index } = scene.at;
  return html`<section
    class="card int count"
    data-z=${next ? phaseColour(next, scene.rider) : 0}
    data-testid="interval"
    aria-label="Interval changes"
  >
    <div class="row">
      <b data-testid="phase">${next ? `${next.name} in` : "Finish in"}</b>
      <span class="meta">${next ? asked(scene, next, index + 1) : ""}</span>
    </div>
    <div class="num cd" data-testid="countdown" role="timer">
      ${Math.ceil((remaining_ms ?? 0) / 1000)}
    </div>
  </section>`;
}

/** @param {Scene} scene */
export function nextCard(scene) {
  const { next, phase } = scene.at;
  if (!next) {
    const words = phase && phase.duration_ms === null ? "Until you finish" : "Finish";
    return nextSection(0, words, nothing);
  }
  const words = `${next.name} · ${lengthWords(next)}`;
  const { rider } = scene;
  const colour = phaseColour(next, rider);
  const told = asked(scene, next, scene.at.index + 1);
  if (scene.feel && /^Z\d$/.test(told))
    return nextSection(colour, words, zonePill(riderZone(next, rider), rider.power_zones));
  const [figure, unit] = parted(told);
  const size = figure.length > 4 ? "long" : "";
  return nextSection(
    colour,
    words,
    html`<span class="num ${size}">${figure}</span> <span class="unit">${unit}</span>`,
  );
}

/** The figure, and what goes small beside it. @param {string} told @returns {[string, string]} */
function parted(told) {
  const [first, ...rest] = told.split(" ");
  return first === "RPE" ? [rest.join(" "), first] : [first, rest.join(" ")];
}

/** @param {number} colour @param {string} words @param {unknown} figure */
function nextSection(colour, words, figure) {
  return html`<section class="card next" data-z=${colour} data-testid="next" aria-label="Next">
    <span class="bar"></span><span><span class="lbl">Next</span> <b>${words}</b></span
    ><span>${figure}</span>
  </section>`;
}
