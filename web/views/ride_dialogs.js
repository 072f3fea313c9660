// @ts-check
/** What opens over a ride: to finish it, its interval, where power comes from, who looks. */

import { html, nothing } from "lit";
import { watchersWords } from "../words_presence.js";
import { intensity } from "./intensity.js";
import { intervalPanel } from "./interval_panel.js";
import { jumpList } from "./jump_list.js";
import { icon } from "./parts.js";
import "./sharing.js";

/** @typedef {import("../protocol.d.ts").Action} Action */
/** @typedef {import("../protocol.d.ts").LaneView} LaneView */
/**
 * @typedef {object} DialogScene
 * @property {import("../hub.js").Hub} hub
 * @property {import("./scene.js").Scene} scene
 * @property {LaneView} lane
 * @property {import("../protocol.d.ts").Presence | null | undefined} presence
 * @property {boolean} leads whether the viewer may move the lane
 * @property {string} kind of which steps the intensity is shown; "": of all
 */
/**
 * @typedef {object} DialogActs
 * @property {(name: string) => void} open the dialog of this name
 * @property {(name: string) => void} close
 * @property {(action: Action, more?: import("../hub.js").More) => void} say to the hub
 * @property {(kind: string) => void} of chooses the steps whose intensity is shown
 * @property {() => void} finish
 * @property {(sensor_id: string) => void} prefer
 */

/** @param {DialogScene} it @param {DialogActs} acts */
export function rideDialogs(it, acts) {
  return html`${finish(acts)} ${it.scene.own ? interval(it, acts) : nothing} ${sources(it, acts)} ${sharing(it, acts)}`;
}

/** @param {DialogActs} acts */
function finish(acts) {
  return html`<dialog data-name="finish" aria-labelledby="finish-title">
    <h2 id="finish-title">Finish this ride?</h2>
    <p>The recording stops here. You can save or discard it next.</p>
    <div class="acts">
      <button class="btn" @click=${() => acts.close("finish")}>Keep riding</button>
      <button class="btn primary" @click=${() => (acts.close("finish"), acts.finish())} data-testid="finish-confirm">
        Finish
      </button>
    </div>
  </dialog>`;
}

/** @param {DialogScene} it @param {DialogActs} acts */
function interval({ scene, lane, leads, kind }, acts) {
  const trim = (/** @type {number} */ trim_pct) => acts.say("trim", kind ? { trim_pct, kind } : { trim_pct });
  return html`<dialog data-name="interval" class="interval" aria-labelledby="interval-title">
      ${intervalPanel(scene.at, leads, intensity([scene.rider], [lane], kind, { trim, of: acts.of }), {
        act: (action, more) => (acts.close("interval"), acts.say(action, more)),
        jump: () => (acts.close("interval"), acts.open("jump")),
        close: () => acts.close("interval"),
      })}
    </dialog>
    <dialog data-name="jump" class="jump" aria-labelledby="jump-title">
      ${jumpList(
        lane,
        scene.now,
        (to) => (acts.close("jump"), acts.say("jump", { to })),
        () => acts.close("jump"),
      )}
    </dialog>`;
}

/** @param {DialogScene} it @param {DialogActs} acts */
function sources({ scene }, acts) {
  return html`<dialog data-name="sources" aria-labelledby="sources-title">
    <h2 id="sources-title">Power from</h2>
    <div class="list">
      ${(scene.rider.sources?.power_w ?? []).map(
        (one) =>
          html`<button
            class="btn row"
            aria-pressed=${one.chosen}
            @click=${() => (acts.close("sources"), acts.prefer(one.sensor_id))}
            data-testid="source-option"
          >
            ${one.name}${one.chosen ? icon("check") : nothing}
          </button>`,
      )}
    </div>
    <p class="meta">A switch in mid-ride is marked in the recording.</p>
    <div class="acts">
      <button class="btn quiet" @click=${() => acts.close("sources")}>Close</button>
    </div>
  </dialog>`;
}

/** @param {DialogScene} it @param {DialogActs} acts */
function sharing({ hub, scene, presence }, acts) {
  return html`<dialog data-name="sharing" aria-label="Who sees your numbers">
    <p data-testid="seen-by-words">${watchersWords(presence) || "Nobody looks right now."}</p>
    ${scene.own ? html`<derny-sharing .hub=${hub}></derny-sharing>` : nothing}
    <div class="acts">
      <button class="btn" @click=${() => acts.close("sharing")}>Close</button>
    </div>
  </dialog>`;
}
