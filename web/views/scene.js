// @ts-check
/** What a ride's cards are drawn from: one rider at one instant. */

import { whole } from "../format.js";
import { reading } from "../reading.js";
import { aimOfRow, aimReckoned, aimWords, authorsWords } from "../target.js";
import { riderZone } from "../timeline.js";
import { absence } from "../words.js";

/**
 * @typedef {object} Scene
 * @property {import("../protocol.d.ts").AthleteView} rider
 * @property {import("../store.js").Row | undefined} row the rider's newest numbers
 * @property {import("../protocol.d.ts").SensorsView | null} sensors null: not told yet
 * @property {import("../timeline.js").Position} at
 * @property {number} now hub ms
 * @property {boolean} own the viewer's own ride
 * @property {boolean} auto_paused goes on when the rider pedals
 * @property {boolean} stale the hub is away: derived numbers are as old as its last frame
 * @property {boolean} feel no FTP of the rider's own: targets are zones, not watts
 */

/**
 * What is asked of the rider in the phase `index`: as the hub says, or reckoned while its row is of
 * another phase. Null: nothing, or only in its author's words.
 * @param {Scene} scene
 * @param {import("../protocol.d.ts").PhaseView} phase
 * @param {number} index
 * @param {number} ramp 0..1
 * @returns {import("../target.js").Aim | null}
 */
export function aimOf({ row, rider, stale }, phase, index, ramp) {
  // A row is up to a tick old when the interval changes, and older when the hub is away: what it
  // says of this phase holds, but for a ramp.
  const reckoned = aimReckoned(rider, phase, ramp);
  const told = stale && phase.ramp_ms ? null : aimOfRow(row, index);
  return told && told.dimension !== "power_w" ? told : (reckoned ?? told);
}

/**
 * A metric of the rider, and what to say when it has no number: no radio, which sensor, or none.
 * @param {Scene} scene
 * @param {import("../protocol.d.ts").Metric} metric
 * @param {import("../protocol.d.ts").RowField} [column]
 */
export function measured({ row, now, sensors, rider }, metric, column = metric) {
  const one = reading(row, metric, now, column);
  const why = absence(metric, one.quality, rider.athlete, sensors);
  return { ...one, ...(why ?? { who: "", note: one.note }) };
}

/**
 * What a phase asks at its beginning: "265 W", "119–199 W", "Z4", "140–150 bpm", "free".
 * @param {Scene} scene
 * @param {import("../protocol.d.ts").PhaseView} phase
 * @param {number} index
 */
export function asked(scene, phase, index) {
  const aim = aimOf(scene, phase, index, 0);
  if (!aim) return authorsWords(phase.target, 0);
  if (aim.dimension !== "power_w") return aimWords(aim);
  if (scene.feel && phase.target.unit !== "w") return `Z${riderZone(phase, scene.rider)}`;
  const end = aimReckoned(scene.rider, phase, 1);
  // A ramp is told from where it begins to where it ends.
  if (!phase.ramp_ms || !end) return aimWords(aim);
  return `${whole((aim.low + aim.high) / 2)}–${whole((end.low + end.high) / 2)} W`;
}

/**
 * A derived number of the row.
 * @param {Scene} scene
 * @param {import("../protocol.d.ts").RowField} field
 */
export function derived({ row }, field) {
  const value = row?.[field];
  return typeof value === "number" ? value : null;
}

/**
 * What holds the heart rate, in a few signs; "" where nothing does.
 * @param {import("../store.js").Row | undefined} row
 */
export function heldInBrief(row) {
  return typeof row?.held_brief === "string" ? row.held_brief : "";
}

/** What holds the heart rate, in words; "" where nothing does. @param {Scene} scene */
export function heldByHeart(scene) {
  const held_w = derived(scene, "held_w");
  const why = scene.row?.held_why;
  if (held_w === null || typeof why !== "string") return held_w === null ? "" : `Trainer ${held_w} W`;
  return `${held_w} W · ${why}`;
}
