// @ts-check
/** What a rider can do: intensity, start and pause, lap, skip, finish; by hand and by keyboard. */

import { html, nothing } from "lit";
import { icon } from "./parts.js";

/** @typedef {import("../timeline.js").Position} Position */
/** @typedef {import("../protocol.d.ts").Action} Action */
/**
 * @typedef {object} Acts what the controls ask for
 * @property {(action: Action) => void} say to the hub
 * @property {(by_pct: number) => void} trim
 * @property {() => void} finish
 * @property {() => void} more what can be done with the interval
 * @property {() => void} mute
 * @property {() => void} full
 */

/** What Start, Pause and Resume are in each state. @type {Record<string, [Action, string]>} */
const MAIN = {
  ready: ["start", "Start"],
  paused: ["resume", "Resume"],
  running: ["pause", "Pause"],
};

/** What a rider of a class reads instead. @type {Record<string, string>} */
const LED = { ready: "The coach starts the class", paused: "Paused by the coach" };

/** @param {Position} at @returns {[Action, string]} */
function main({ status }) {
  return MAIN[status] ?? MAIN.running;
}

/** @param {Position} at */
function canSkip(at) {
  return !!at.next && at.status !== "ready";
}

/**
 * @param {Position} at
 * @param {number} trim_pct
 * @param {boolean} muted
 * @param {boolean} leads whether the viewer may move the lane; in a class the coach does
 * @param {Acts} acts
 */
export function controls(at, trim_pct, muted, leads, acts) {
  return html`<footer class="ctl">
    ${trimmer(trim_pct, acts)}
    <div class="mid">
      ${leads ? html`${mainButton(at, acts)}<kbd>space</kbd>` : html`<span class="meta" data-testid="led">${LED[at.status] ?? ""}</span>`}
    </div>
    <div class="acts">
      <button
        @click=${() => acts.say("lap")}
        ?disabled=${at.status !== "running"}
        data-testid="lap"
      >
        Lap
      </button>
      ${leads ? laneButtons(at, acts) : nothing}
      <button
        class="ib"
        @click=${acts.mute}
        aria-pressed=${muted}
        aria-label="Mute"
        data-testid="mute"
      >
        ${icon(muted ? "silent" : "sound")}
      </button>
      <button class="ib" @click=${acts.full} aria-label="Full screen" data-testid="full">
        ${icon("full")}
      </button>
    </div>
  </footer>`;
}

/** @param {Position} at @param {Acts} acts */
function laneButtons(at, acts) {
  return html`<button @click=${() => acts.say("skip")} ?disabled=${!canSkip(at)} data-testid="skip">
      Skip<span class="wide"> interval</span>
    </button>
    <button @click=${acts.finish} data-testid="finish">Finish</button>`;
}

/** @param {number} trim_pct @param {Acts} acts */
function trimmer(trim_pct, acts) {
  return html`<div class="trim" role="group" aria-label="Intensity">
    <button @click=${() => acts.trim(-1)} aria-label="Intensity down 1 %" data-testid="trim-down">
      − 1 %
    </button>
    <span class="num" data-testid="trim"><span class="vh">Intensity </span>${trim_pct} %</span>
    <button @click=${() => acts.trim(1)} aria-label="Intensity up 1 %" data-testid="trim-up">
      + 1 %
    </button>
    <kbd>↓ ↑</kbd>
  </div>`;
}

/** @param {Position} at @param {Acts} acts */
function mainButton(at, acts) {
  const [action, words] = main(at);
  const sign =
    action === "pause"
      ? html`<svg width="16" height="18" viewBox="0 0 16 18" aria-hidden="true">
          <rect x="1" width="5" height="18" rx="1.5" />
          <rect x="10" width="5" height="18" rx="1.5" />
        </svg>`
      : html`<svg width="16" height="18" viewBox="0 0 16 18" aria-hidden="true">
          <path d="M2 1.8v14.4a1 1 0 0 0 1.5.9l11.6-7.2a1 1 0 0 0 0-1.8L3.5.9A1 1 0 0 0 2 1.8Z" />
        </svg>`;
  return html`<button
    class="main-btn"
    @click=${() => acts.say(action)}
    data-testid="main-action"
    data-action=${action}
  >
    ${sign}${words}
  </button>`;
}

/**
 * Does what a key asks for, unless it belongs to the element that has the focus.
 * @param {KeyboardEvent} event
 * @param {Position} at
 * @param {boolean} leads
 * @param {Acts} acts
 */
export function press(event, at, leads, acts) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const target = /** @type {HTMLElement} */ (event.target);
  // Whoever walks the buttons by keyboard presses them with Space.
  const presses = event.key === " " || event.key === "Enter";
  if (presses && target.matches(":is(button, a):focus-visible")) return;
  const skip = () => leads && canSkip(at) && acts.say("skip");
  const back = () => leads && !!at.phase && acts.say("back");
  /** @type {Record<string, () => void>} */
  const keys = {
    " ": () => leads && acts.say(main(at)[0]),
    l: () => at.status === "running" && acts.say("lap"),
    s: skip,
    ArrowRight: skip,
    ArrowLeft: back,
    b: back,
    i: () => !!at.phase && acts.more(),
    u: () => leads && acts.say("undo"),
    ArrowUp: () => acts.trim(1),
    ArrowDown: () => acts.trim(-1),
    f: acts.full,
    m: acts.mute,
  };
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act();
}
