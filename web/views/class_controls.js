// @ts-check
/** What the coach does with a class or one rider of it: the interval, the intensity, a message. */

import { html, nothing } from "lit";
import { range } from "../target.js";
import { KIND_NAMES } from "../words_workout.js";
import { undoToast } from "./interval_panel.js";

/** @typedef {import("../protocol.d.ts").Action} Action */
/** @typedef {import("../protocol.d.ts").AthleteView} AthleteView */
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

const TRIM_PCT = { low: 50, high: 150, by: 5 };

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
    ${view.workout ? intensity(scene, acts) : nothing} ${message(scene, acts)}
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
function intensity({ view, whom, kind }, acts) {
  const riders = view.athletes.filter((one) => !whom || one.athlete === whom);
  const [low, high] = trims(riders, kind);
  const to = (/** @type {number} */ by) => {
    const wanted = Math.round((low + high) / 2) + by;
    const trim_pct = Math.min(Math.max(wanted, TRIM_PCT.low), TRIM_PCT.high);
    acts.say("trim", kind ? { trim_pct, kind } : { trim_pct });
  };
  return html`<div class="class-trim" role="group" aria-label="Intensity">
    <div class="seg" role="group" aria-label="Intensity of">
      ${["", ...kinds(view)].map(
        (one) =>
          html`<button
            aria-pressed=${one === kind}
            @click=${() => acts.of(one)}
            data-testid=${`class-kind-${one || "all"}`}
          >
            ${one ? KIND_NAMES[one] : "All steps"} ${apart(riders, one)}
          </button>`,
      )}
    </div>
    <div class="knob">
      <button
        ?disabled=${!riders.length || high <= TRIM_PCT.low}
        @click=${() => to(-TRIM_PCT.by)}
        aria-label=${`Intensity down ${TRIM_PCT.by} %`}
        data-testid="class-trim-down"
      >
        −
      </button>
      <span class="fig"
        ><span class="num" data-testid="class-trim">${range(low, high)}</span>
        <span class="unit">%</span></span
      >
      <button
        ?disabled=${!riders.length || low >= TRIM_PCT.high}
        @click=${() => to(TRIM_PCT.by)}
        aria-label=${`Intensity up ${TRIM_PCT.by} %`}
        data-testid="class-trim-up"
      >
        +
      </button>
    </div>
    ${low === high ? nothing : html`<p class="meta">Riders differ: a change sets them all alike.</p>`}
  </div>`;
}

/** The lowest and highest of the riders. @param {AthleteView[]} riders @param {string} kind */
function trims(riders, kind) {
  const every = riders.map((one) => one.trims?.[kind] ?? one.trim_pct);
  return every.length ? [Math.min(...every), Math.max(...every)] : [100, 100];
}

/** "105 %" where a kind of step is set apart from the rest. @param {AthleteView[]} riders @param {string} kind */
function apart(riders, kind) {
  if (!riders.some((one) => one.trims?.[kind] !== undefined)) return nothing;
  const [low, high] = trims(riders, kind);
  return html`<small>${range(low, high)} %</small>`;
}

/** Kinds of steps that the workout has, in the order of a workout. @param {SessionView} view */
function kinds({ lanes }) {
  const there = new Set(lanes.flatMap((lane) => lane.phases.map((phase) => phase.kind)));
  return Object.keys(KIND_NAMES).filter((kind) => there.has(kind) && kind !== "free");
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
