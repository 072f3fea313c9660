// @ts-check
/** Who is there, as sentences. Pure. */

import { roughly } from "./format.js";

/** @typedef {import("./protocol.d.ts").CoachView} CoachView */
/** @typedef {import("./protocol.d.ts").Presence} Presence */

/** @type {Record<string, string>} */
const ROLES = {
  owner: "The owner",
  coach: "A coach",
  athlete: "Another rider",
  viewer: "A viewer",
  display: "A screen in the room",
};

/** @param {string} role */
export const roleWords = (role) => ROLES[role] ?? role;

/**
 * What riders are told of a coach who is away; "": nothing.
 * @param {CoachView | null | undefined} coach
 * @param {number} now hub ms
 */
export function coachAway(coach, now) {
  if (!coach?.away_since_ms || coach.you) return "";
  const who = coach.name || "The coach";
  return `${who} has been away for ${roughly(now - coach.away_since_ms)}. The class goes on.`;
}

/**
 * Who sees the viewer's numbers; "": nobody.
 * @param {Presence | null | undefined} presence
 */
export function watchersWords(presence) {
  const watchers = presence?.watchers ?? [];
  if (!watchers.length) return "";
  return watchers
    .map((one) => {
      const who = one.name || roleWords(one.role);
      return one.devices > 1 ? `${who}, on ${one.devices} screens` : who;
    })
    .join(" · ");
}
