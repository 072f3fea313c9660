// @ts-check
/** What the coach does with a class or one rider of it: the interval, the intensity, a message. */

import { html, nothing } from "lit";
import { intensity } from "./intensity.js";
import { undoToast } from "./interval_panel.js";

/** @typedef {import("../protocol.d.ts").Action} Action */
/** @typedef {import("../protocol.d.ts").LaneView} LaneView */
/** @typedef {import("../protocol.d.ts").SessionView} SessionView */
/** @typedef {import("../hub.js").More} More */
/**
 * @typedef {object} ClassActs
 * @property {(action: Action, more?: More) => void} say to the hub, about whoever is chosen
 * @property {() => void} jump opens the list of intervals
 * @property {(whom: string) => void} about chooses a rider; "": everybody
 * @property {(kind: string) => void} of chooses the steps whose intensity is set; "": all
 */
/**
 * @typedef {object} ClassScene
 * @property {SessionView} view
 * @property {LaneView | null} lane null: each rider has an own one, and nobody is chosen
 * @property {Map<string, string> | undefined} causes what somebody did last, by lane
 * @property {number} now hub ms
 * @property {string} whom the rider chosen; "": everybody
 * @property {string} kind of which steps the intensity is; "": of all
 */

/** @type {[Action, string, More][]} */
const MOVES = [
  ["back", "Back", {}],
  ["skip", "Skip", {}],
  ["extend", "− 30 s", { by_s: -30 }],
  ["extend", "+ 30 s", { by_s: 30 }],
  ["extend", "+ 1 min", { by_s: 60 }],
  ["repeat", "Once more", {}],
];

/** Whether a rider has an interval of their own to move. @param {SessionView} view @param {string} whom */
export function isAlone(view, whom) {
  return !!whom && view.pace === "self";
}

/** @param {SessionView} view @param {string} whom @returns {LaneView | null} */
export function laneFor({ pace, lanes }, whom) {
  if (pace !== "self") return lanes[0] ?? null;
  return lanes.find((one) => one.lane === whom) ?? null;
}

/** @param {ClassScene} scene @param {ClassActs} acts */
export function classControls(scene, acts) {
  const { view, causes, now } = scene;
  if (!["ready", "running", "paused"].includes(view.status)) return nothing;
  const undone = newest(scene);
  return html`<div class="class-controls">
    ${view.athletes.length > 1 ? whomField(scene, acts) : nothing}
    ${view.workout && view.status !== "ready" ? moves(scene, acts) : nothing}
    ${undone ? html`<div class="toasts">${undoToast(undone, causes, now, () => acts.say("undo"))}</div>` : nothing}
    ${view.workout ? intensityOf(scene, acts) : nothing} ${message(scene, acts)}
  </div>`;
}

/** Of whom is chosen, the lane that can be undone longest. @param {ClassScene} scene */
function newest({ view, lane }) {
  const until = (/** @type {LaneView} */ one) => one.undo_until_at_ms ?? 0;
  return lane ?? view.lanes.toSorted((a, b) => until(b) - until(a))[0];
}

/** @param {ClassScene} scene @param {ClassActs} acts */
function whomField({ view, whom }, acts) {
  return html`<label class="field whom"
    ><span>For</span>
    <select
      @change=${(/** @type {Event} */ event) =>
        acts.about(/** @type {HTMLSelectElement} */ (event.target).value)}
      data-testid="class-whom"
    >
      <option value="" ?selected=${!whom}>Everybody</option>
      ${view.athletes.map(
        (one) =>
          html`<option value=${one.athlete} ?selected=${one.athlete === whom}>${one.name}</option>`,
      )}
    </select></label
  >`;
}

/** @param {ClassScene} scene @param {ClassActs} acts */
function moves({ view, whom }, acts) {
  if (whom && !isAlone(view, whom))
    return html`<p class="meta">The interval is everybody's: to move it, choose Everybody.</p>`;
  return html`<div class="acts" role="group" aria-label="The interval">
    ${MOVES.map(
      ([action, words, more]) =>
        html`<button
          class="btn"
          @click=${() => acts.say(action, more)}
          data-testid=${["class", action, more.by_s].filter(Boolean).join("-")}
        >
          ${words}
        </button>`,
    )}
    <button class="btn" @click=${acts.jump} data-testid="class-jump">Go to …</button>
    <button class="btn" @click=${() => acts.say("cool_down")} data-testid="class-cool_down">
      Cool down now
    </button>
  </div>`;
}

/** @param {ClassScene} scene @param {ClassActs} acts */
function intensityOf({ view, whom, kind }, acts) {
  const riders = view.athletes.filter((one) => !whom || one.athlete === whom);
  const trim = (/** @type {number} */ trim_pct) => acts.say("trim", kind ? { trim_pct, kind } : { trim_pct });
  return intensity(riders, view.lanes, kind, { trim, of: acts.of });
}

/** @param {ClassScene} scene @param {ClassActs} acts */
function message({ view, whom }, acts) {
  const name = view.athletes.find((one) => one.athlete === whom)?.name ?? "everybody";
  return html`<form
    class="acts say"
    @submit=${(/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const form = /** @type {HTMLFormElement} */ (event.target);
      const text = String(new FormData(form).get("text") ?? "").trim();
      if (text) acts.say("message", { text });
      form.reset();
    }}
  >
    <label class="field grow"
      ><span class="vh">Message to ${name}</span>
      <input name="text" maxlength="200" placeholder=${`Say something to ${name}`} autocomplete="off" />
    </label>
    <button class="btn" data-testid="class-say">Say it</button>
  </form>`;
}
