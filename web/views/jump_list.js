// @ts-check
/** The intervals of a lane, to go to any of them. */

import { html } from "lit";
import { minutes } from "../format.js";
import { phaseZone, position } from "../timeline.js";
import { nameWords, phaseWords } from "./class_now.js";
import { zonePill } from "./parts.js";

/** @typedef {import("../protocol.d.ts").LaneView} LaneView */
/** @typedef {import("../protocol.d.ts").PhaseView} PhaseView */

/**
 * @param {LaneView | undefined} lane
 * @param {number} now hub ms
 * @param {(to: number) => void} jump to the step of this number
 * @param {() => void} close
 */
export function jumpList(lane, now, jump, close) {
  const at = lane ? position(lane, now) : null;
  return html`<h2 id="jump-title">Go to an interval</h2>
    <ol class="list scroll" tabindex="-1">
      ${steps(lane?.phases ?? []).map((phase) => {
        const here = at?.phase?.i === phase.i;
        return html`<li>
          <button
            class="btn row"
            aria-current=${here ? "step" : "false"}
            @click=${() => jump(phase.i)}
            data-testid="jump-to"
          >
            ${zonePill(phaseZone(phase))}<span class="who"
              ><b>${nameWords(phase)}</b><span class="meta">${phaseWords(phase)}</span></span
            ><span class="meta">${here ? "now" : minutes(phase.ridden_ms)}</span>
          </button>
        </li>`;
      })}
    </ol>
    <div class="acts"><button class="btn quiet" @click=${close}>Close</button></div>`;
}

/** Shows the dialog that holds the list, where the lane is. @param {HTMLDialogElement | null} dialog */
export function openAtStep(dialog) {
  dialog?.showModal();
  const here = /** @type {HTMLElement | null} */ (dialog?.querySelector("[aria-current=step]"));
  here?.focus();
  here?.scrollIntoView({ block: "center" });
}

/** Each step once, in the workout's order, as it was ridden last. @param {PhaseView[]} phases */
function steps(phases) {
  const last = new Map(phases.map((phase) => [phase.i, phase]));
  return [...last.values()].sort((a, b) => a.i - b.i);
}
