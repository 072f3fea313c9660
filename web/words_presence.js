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

const MINUTE_MS = 60_000;

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
  const away_ms = now - coach.away_since_ms;
  const words = away_ms < MINUTE_MS ? "is away" : `has been away for ${roughly(away_ms)}`;
  return `${who} ${words}. The class goes on.`;
}

/**
 * "Last cue: 14 devices within 18 ms", of the newest that two devices or more have carried out; "": none.
 * @param {import("./shapes.d.ts").CueSpread[]} cues oldest first
 */
export function spreadWords(cues) {
  const last = cues.filter((one) => one.devices > 1).at(-1);
  if (!last) return "";
  const within_ms = Math.max(Math.ceil(last.last_ms - last.first_ms), 1);
  return `Last cue: ${last.devices} devices within ${within_ms} ms`;
}

/**
 * "until 21:40", "until Tue 21:40". @param {number} at_ms unix ms
 */
export function untilWords(at_ms) {
  const at = new Date(at_ms);
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const today = at.toDateString() === new Date().toDateString();
  return `until ${today ? "" : `${at.toLocaleDateString([], { weekday: "short" })} `}${time}`;
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
