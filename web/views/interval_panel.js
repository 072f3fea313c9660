// @ts-check
/** What can be done with the interval under way, and how it is taken back. */

import { html, nothing } from "lit";
import { lengthWords } from "../target.js";
import { icon } from "./parts.js";

/** @typedef {import("../timeline.js").Position} Position */
/** @typedef {import("../protocol.d.ts").Action} Action */
/** @typedef {import("../hub.js").More} More */

/** By how much an interval is made longer, s. */
const LENGTHS_S = [-30, 30, 60];

/** What was done, by the cause of the lane's newest timeline. @type {Record<string, string>} */
const DONE = {
  skip: "Skipped",
  back: "One interval back",
  jump: "Another interval",
  extend: "Length changed",
  repeat: "Comes once more",
  cool_down: "Cool-down",
  lap: "Interval ended",
};

/** Whether the interval has a length, or a cap, to change. @param {Position} at */
function hasLength({ phase }) {
  return !!phase && (phase.duration_ms !== null || !!phase.ends_by_at_ms);
}

/**
 * @typedef {object} PanelActs
 * @property {(action: Action, more?: More) => void} act also closes the panel
 * @property {() => void} jump opens the list of intervals instead
 * @property {() => void} close
 */

/**
 * @param {Position} at
 * @param {boolean} leads whether the viewer may move the lane; in a class the coach does
 * @param {unknown} intensity the rider's own
 * @param {PanelActs} acts
 */
export function intervalPanel(at, leads, intensity, acts) {
  const { phase } = at;
  return html`<h2 id="interval-title">${phase ? phase.name : "Interval"}</h2>
    <p class="meta">${phase ? lengthWords(phase) : ""}</p>
    ${leads ? moves(at, acts) : nothing}
    <h3>Intensity</h3>
    ${intensity}
    <div class="acts">
      <button class="btn quiet" @click=${acts.close}>Close</button>
    </div>`;
}

/** @param {Position} at @param {PanelActs} acts */
function moves(at, { act, jump }) {
  const off = !at.phase;
  const cooling = at.phase?.kind === "cooldown" && !at.next;
  return html`<div class="tiles">
      <button class="btn" ?disabled=${off} @click=${() => act("back")} data-testid="interval-back">
        ${icon("back")} Back
      </button>
      <button class="btn" ?disabled=${off} @click=${() => act("repeat")} data-testid="repeat">
        Once more
      </button>
      ${LENGTHS_S.map(
        (by_s) =>
          html`<button
            class="btn num"
            ?disabled=${!hasLength(at)}
            @click=${() => act("extend", { by_s })}
            data-testid=${`extend-${by_s}`}
          >
            ${lengthLabel(by_s)}
          </button>`,
      )}
      <button class="btn" ?disabled=${off} @click=${jump} data-testid="interval-jump">Go to …</button>
      <button
        class="btn"
        ?disabled=${off || cooling}
        @click=${() => act("cool_down")}
        data-testid="cool-down"
      >
        Cool down now
      </button>
    </div>`;
}

/** @param {number} by_s */
function lengthLabel(by_s) {
  const words = Math.abs(by_s) < 60 ? `${Math.abs(by_s)} s` : `${Math.abs(by_s) / 60} min`;
  return `${by_s < 0 ? "−" : "+"} ${words}`;
}

/**
 * "Skipped · Undo 8 s", as long as it can be taken back; nothing otherwise.
 * @param {import("../protocol.d.ts").LaneView} lane
 * @param {Map<string, string> | undefined} causes what somebody did last, by lane
 * @param {number} now hub ms
 * @param {() => void} undo
 */
export function undoToast({ lane, undo_until_at_ms: until_ms }, causes, now, undo) {
  const words = DONE[causes?.get(lane) ?? ""];
  if (!words || !until_ms || until_ms <= now) return nothing;
  return html`<div class="toast undo" role="status" data-testid="undo-toast">
    <span>${words}</span>
    <button @click=${undo} data-testid="undo">
      Undo <span class="left" aria-hidden="true">${Math.ceil((until_ms - now) / 1000)} s</span>
    </button>
  </div>`;
}
