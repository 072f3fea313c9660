// @ts-check
/** A rider's zones: what they are called, where they end, and how they are coloured. Pure. */

import { POWER_ZONE_LOW_PCT, POWER_ZONE_NAMES } from "./constants.js";
import { whole } from "./format.js";

/** @typedef {import("./protocol.d.ts").ZonesView} ZonesView */
/** @typedef {import("./protocol.d.ts").AthleteView} AthleteView */

/** Coggan's seven, as shares of FTP, where nothing is known of the rider. */
export const POWER_SHARES = POWER_ZONE_LOW_PCT.map((pct) => pct / 100);

/**
 * Which of the seven colours each zone has, by how many there are: chosen to lie far apart for
 * every kind of vision. Of eight the two highest share one; the number is always beside it.
 * @type {Record<number, number[]>}
 */
const COLOURS = {
  3: [2, 5, 6],
  4: [2, 3, 5, 6],
  5: [1, 2, 3, 5, 6],
  6: [1, 2, 3, 4, 5, 6],
  7: [1, 2, 3, 4, 5, 6, 7],
  8: [1, 2, 3, 4, 5, 6, 7, 7],
};

/** For `data-z`; 0: none. @param {number} zone from 1; 0: none @param {number} of how many */
export function colourOf(zone, of) {
  return COLOURS[of]?.[zone - 1] ?? 0;
}

/** @param {ZonesView | null | undefined} zones null: power zones of whom nothing is known */
export function countOf(zones) {
  return zones?.names.length ?? POWER_SHARES.length;
}

/** @param {ZonesView | null | undefined} zones @param {number} zone from 1 */
export function nameOf(zones, zone) {
  return (zones ? zones.names[zone - 1] : POWER_ZONE_NAMES[zone]) ?? "";
}

/** "239–278", "< 146", "398+"; "" for no zone. @param {ZonesView | null | undefined} zones @param {number} zone from 1 */
export function boundsOf(zones, zone) {
  const low = zones?.lows[zone - 1];
  return low === undefined ? "" : boundsWords(low, zones?.lows[zone] ?? null);
}

/** @param {number} low @param {number | null} above null: open */
export function boundsWords(low, above) {
  if (above === null) return `${whole(low)}+`;
  return low ? `${whole(low)}–${whole(above)}` : `< ${whole(above)}`;
}

/** @type {WeakMap<AthleteView, number[]>} a picture is drawn anew when it gets another list */
const SHARES = new WeakMap();

/**
 * Where the rider's power zones begin, as shares of FTP: for pictures of a workout.
 * @param {AthleteView} rider
 */
export function powerShares(rider) {
  const { ftp_w, power_zones } = rider;
  if (!ftp_w || !power_zones) return POWER_SHARES;
  const shares = SHARES.get(rider) ?? power_zones.lows.map((low) => low / ftp_w);
  SHARES.set(rider, shares);
  return shares;
}
