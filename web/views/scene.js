// @ts-check
/** What a ride's cards are drawn from: one rider at one instant. */

import { whole } from "../format.js";
import { reading } from "../reading.js";
import { phaseZone, targetShare } from "../timeline.js";
import { absence } from "../words.js";

/**
 * @typedef {object} Scene
 * @property {import("../protocol.d.ts").AthleteView} rider
 * @property {import("../store.js").Row | undefined} row the rider's newest numbers
 * @property {import("../protocol.d.ts").SensorsView | null} sensors null: not told yet
 * @property {import("../timeline.js").Position} at
 * @property {number} now hub ms
 * @property {boolean} own the viewer's own ride
 * @property {boolean} stale the hub is away: derived numbers are as old as its last frame
 * @property {boolean} feel no FTP of the rider's own: targets are zones, not watts
 */

/**
 * @param {Scene} scene
 * @param {number} share of FTP
 * @returns {number | null} after the rider's trim
 */
export function watts({ rider }, share) {
  return rider.ftp_w ? (share * rider.ftp_w * rider.trim_pct) / 100 : null;
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
 * What a phase asks: "265 W", "119–199 W", "Z4", "free".
 * @param {Scene} scene
 * @param {import("../protocol.d.ts").PhaseView} phase
 */
export function asked(scene, phase) {
  const share = targetShare(phase, 0);
  if (share === null) return "free";
  if (scene.feel) return `Z${phaseZone(phase)}`;
  const end = targetShare(phase, 1) ?? share;
  const begin_w = whole(watts(scene, share));
  return end === share ? `${begin_w} W` : `${begin_w}–${whole(watts(scene, end))} W`;
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
