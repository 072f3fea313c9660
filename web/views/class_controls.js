// @ts-check
/** What the coach does with the interval of a whole class, and says to it. */

import { html, nothing } from "lit";
import { undoToast } from "./interval_panel.js";

/** @typedef {import("../protocol.d.ts").Action} Action */
/** @typedef {import("../hub.js").More} More */

/** @type {[Action, string, More][]} */
const BUTTONS = [
  ["back", "Back", {}],
  ["skip", "Skip", {}],
  ["extend", "+ 1 min", { by_s: 60 }],
  ["repeat", "Once more", {}],
  ["cool_down", "Cool down now", {}],
];

/**
 * @param {import("../protocol.d.ts").SessionView} view
 * @param {Map<string, string> | undefined} causes what somebody did last, by lane
 * @param {number} now hub ms
 * @param {(action: Action, more?: More) => void} say
 */
export function classControls(view, causes, now, say) {
  if (!["running", "paused"].includes(view.status)) return nothing;
  const lane = view.lanes[0];
  return html`<div class="class-controls">
    ${
      view.workout
        ? html`<div class="acts" role="group" aria-label="The interval">
            ${BUTTONS.map(
              ([action, words, more]) =>
                html`<button
                  class="btn"
                  @click=${() => say(action, more)}
                  data-testid=${`class-${action}`}
                >
                  ${words}
                </button>`,
            )}
          </div>`
        : nothing
    }
    <form
      class="acts"
      @submit=${(/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        const form = /** @type {HTMLFormElement} */ (event.target);
        const text = String(new FormData(form).get("text") ?? "").trim();
        if (text) say("message", { text });
        form.reset();
      }}
    >
      <label class="field grow"
        ><span class="vh">Message to everybody</span>
        <input name="text" maxlength="200" placeholder="Say something to everybody" autocomplete="off" />
      </label>
      <button class="btn" data-testid="class-say">Say it</button>
    </form>
    ${lane ? html`<div class="toasts">${undoToast(lane, causes, now, () => say("undo"))}</div>` : nothing}
  </div>`;
}
