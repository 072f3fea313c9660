// @ts-check
/** Where a lane is, by hub time alone: goes on when the hub is away. Pure. */

import { POWER_SHARES, powerShares } from "./zones.js";

/** @typedef {import("./protocol.d.ts").LaneView} LaneView */
/** @typedef {import("./protocol.d.ts").PhaseView} PhaseView */
/**
 * @typedef {object} Position
 * @property {string} status
 * @property {number} index of the phase under way; -1 before the start
 * @property {PhaseView | null} phase
 * @property {PhaseView | null} next
 * @property {number} ridden_ms riding time of the lane
 * @property {number} phase_ms riding time of the phase
 * @property {number | null} remaining_ms null: open-ended
 * @property {number | null} total_ms of the whole lane, when it has an end
 * @property {number} share of the phase that is done, 0..1
 * @property {number} ramp how far its target has gone to its end, 0..1
 * @property {number | null} cap_ms of a phase without a length in time: until it ends at the latest
 */

/** @typedef {import("./protocol.d.ts").TargetView} TargetView */
/** @typedef {{target: TargetView}} Aimed a phase, or one of a workout's preview */

const OPEN_SHOWN_MS = 300_000; // how wide an open-ended phase is drawn before it is longer

/** @param {LaneView} lane @param {number} now hub ms */
export function riddenMs(lane, now) {
  return lane.ridden_ms + (lane.status === "running" ? Math.max(now - lane.as_of_ms, 0) : 0);
}

/** @param {LaneView} lane @param {number} now hub ms @returns {Position} */
export function position(lane, now) {
  const { phases } = lane;
  const last = phases.at(-1);
  const total_ms = last && last.duration_ms !== null ? last.ridden_ms + last.duration_ms : null;
  const ridden_ms = riddenMs(lane, now);
  const started = lane.status === "running" || lane.status === "paused";
  if (!started) {
    return {
      status: lane.status,
      index: -1,
      phase: null,
      next: lane.status === "ready" ? (phases[0] ?? null) : null,
      ridden_ms,
      phase_ms: 0,
      remaining_ms: null,
      total_ms,
      share: 0,
      ramp: 0,
      cap_ms: null,
    };
  }
  const running = lane.status === "running";
  let index = Math.max(lane.phase, 0);
  if (running) {
    while (
      index + 1 < phases.length &&
      phases[index + 1].begins_at_ms <= now &&
      ended(phases[index], now)
    )
      index += 1;
  }
  const phase = phases[index] ?? null;
  const next = phases[index + 1] ?? null;
  if (!phase)
    return {
      status: lane.status,
      index,
      phase,
      next,
      ridden_ms,
      phase_ms: 0,
      remaining_ms: null,
      total_ms,
      share: 0,
      ramp: 0,
      cap_ms: null,
    };
  const phase_ms = Math.max(ridden_ms - phase.ridden_ms, 0);
  const length_ms = lengthMs(phase, next);
  const left_ms =
    running && phase.ends_at_ms !== null
      ? phase.ends_at_ms - now
      : length_ms === null
        ? null
        : length_ms - phase_ms;
  const remaining_ms = left_ms === null ? null : Math.max(left_ms, 0);
  const share = length_ms ? Math.min(phase_ms / length_ms, 1) : 0;
  return {
    status: lane.status,
    index,
    phase,
    next,
    ridden_ms,
    phase_ms,
    remaining_ms,
    total_ms,
    share,
    ramp: phase.ramp_ms ? Math.min(phase_ms / phase.ramp_ms, 1) : 0,
    cap_ms: capMs(lane, phase, now),
  };
}

/**
 * Until the phase ends at the latest, whatever is reached; in a pause it stands still, for the hub
 * says it as if the lane went on when the view was made.
 * @param {LaneView} lane @param {PhaseView} phase @param {number} now
 */
function capMs({ status, as_of_ms }, { ends_by_at_ms }, now) {
  if (ends_by_at_ms === null || ends_by_at_ms === undefined) return null;
  return Math.max(ends_by_at_ms - (status === "running" ? Math.max(now, as_of_ms) : as_of_ms), 0);
}

/** @param {PhaseView} phase @param {number} now */
function ended(phase, now) {
  return phase.ends_at_ms !== null && phase.ends_at_ms <= now;
}

/**
 * Riding time of a phase: by the next one's beginning, for a skipped one is shorter than planned.
 * @param {PhaseView} phase @param {PhaseView | null} next @returns {number | null}
 */
function lengthMs(phase, next) {
  if (phase.duration_ms === null) return null;
  return next ? Math.max(next.ridden_ms - phase.ridden_ms, 1) : phase.duration_ms;
}

/**
 * The share of FTP that a phase is about as hard as at a point of it, for heights and colours; null
 * when free or nobody can tell.
 * @param {Aimed} phase
 * @param {number} share 0..1
 * @param {number | null} [ftp_w] for targets in watts
 * @param {number[]} [lows] where a rider's own power zones begin, for targets by them
 */
export function effortAt({ target }, share, ftp_w = null, lows = POWER_SHARES) {
  const own = lows === POWER_SHARES ? null : zonesAsShares(target, lows);
  const [begin, end] = own ?? target.effort ?? wattsAsShares(target, ftp_w);
  return begin === null ? null : begin + (end - begin) * share;
}

const TOP_WIDTH = 1.2; // of the open top zone, as the hub resolves it

/** @param {TargetView} target @param {number[]} lows @returns {[number, number] | null} */
function zonesAsShares({ unit, low = null, high = null, end_low, end_high }, lows) {
  if (unit !== "power_zone" || low === null || high === null) return null;
  const middle = (/** @type {number} */ first, /** @type {number} */ last) => {
    const from = lows[Math.floor(first) - 1] ?? 0;
    return (from + (lows[Math.floor(last)] ?? (lows.at(-1) ?? 0) * TOP_WIDTH)) / 2;
  };
  return [middle(low, high), middle(end_low ?? low, end_high ?? high)];
}

const FTP_W_UNKNOWN = 200; // a picture still needs a height

/** @param {TargetView} target @param {number | null} ftp_w @returns {[number, number] | [null, null]} */
function wattsAsShares({ unit, low = null, high = null, end_low, end_high }, ftp_w) {
  if (unit !== "w" || low === null || high === null) return [null, null];
  const whole = 2 * (ftp_w ?? FTP_W_UNKNOWN);
  return [(low + high) / whole, ((end_low ?? low) + (end_high ?? high)) / whole];
}

/**
 * The power zone of a share of FTP, from 1; 0 for none.
 * @param {number | null | undefined} share
 * @param {number[]} [lows] where zones begin; Coggan's, unless a rider's own are given
 */
export function zoneOf(share, lows = POWER_SHARES) {
  if (share === null || share === undefined) return 0;
  return Math.max(lows.filter((low) => share + 1e-9 >= low).length, 1);
}

/**
 * A phase's zone, by its middle; 0 for none.
 * @param {Aimed} phase
 * @param {number | null} [ftp_w]
 * @param {number[]} [lows]
 */
export function phaseZone(phase, ftp_w = null, lows = POWER_SHARES) {
  return zoneOf(effortAt(phase, 0.5, ftp_w, lows), lows);
}

/**
 * The same in the rider's own power zones.
 * @param {Aimed} phase
 * @param {import("./protocol.d.ts").AthleteView} rider
 * @param {number} [share] where in the phase
 */
export function riderZone(phase, rider, share = 0.5) {
  const lows = powerShares(rider);
  return zoneOf(effortAt(phase, share, rider.ftp_w, lows), lows);
}

/**
 * A ramp cut where it crosses zones, as pairs of shares of its length.
 * @param {Aimed} phase
 * @param {number | null} [ftp_w]
 * @param {number[]} [lows] where zones begin, as shares of FTP
 * @returns {[number, number][]}
 */
export function slices(phase, ftp_w = null, lows = POWER_SHARES) {
  const [begin, end] = [0, 1].map((place) => effortAt(phase, place, ftp_w, lows));
  if (begin === null || end === null || begin === end) return [[0, 1]];
  const span = end - begin;
  const cuts = lows
    .slice(1)
    .map((low) => (low - begin) / span)
    .filter((f) => f > 0.001 && f < 0.999);
  const edges = [0, ...cuts.sort((a, b) => a - b), 1];
  return edges.slice(1).map((edge, i) => [edges[i], edge]);
}

/**
 * The author's line that stands at this point of a phase; null before the first.
 * @param {PhaseView} phase
 * @param {number} phase_ms
 */
export function lineAt({ texts = [] }, phase_ms) {
  return texts.filter((line) => line.at_ms <= phase_ms).at(-1) ?? null;
}

/**
 * The lane as blocks over riding time, ms; what is behind an open end is drawn after it.
 * @param {PhaseView[]} phases
 * @param {number} ridden_ms
 */
export function blocks(phases, ridden_ms) {
  let at_ms = 0;
  return phases.map((phase, i) => {
    const begins_ms = Math.max(phase.ridden_ms, at_ms);
    const length_ms =
      lengthMs(phase, phases[i + 1] ?? null) ?? Math.max(OPEN_SHOWN_MS, ridden_ms - begins_ms);
    at_ms = begins_ms + length_ms;
    return { phase, begins_ms, ends_ms: at_ms };
  });
}

/**
 * @typedef {object} Tone
 * @property {number} at_ms hub ms
 * @property {boolean} long the change itself; else one of the 3-2-1 before it
 */

/** @type {Partial<Record<import("./protocol.d.ts").CueKind, {long: boolean}>>} */
const TONES = {
  countdown: { long: false },
  phase: { long: true },
  finish: { long: true },
};

/**
 * What sounds from `now` on: the hub's cues, and behind the last of them the ends of phases, for
 * the hub names only so many and may be away when they run out.
 * @param {LaneView} lane @param {number} now hub ms @param {number} ahead_ms
 * @returns {Tone[]}
 */
export function tonesAhead(lane, now, ahead_ms) {
  if (lane.status !== "running") return [];
  const told = lane.cues.flatMap(({ kind, at_ms }) => {
    const tone = TONES[kind];
    return tone ? [{ at_ms, ...tone }] : [];
  });
  const told_until_ms = told.at(-1)?.at_ms ?? 0;
  const reckoned = phaseTones(lane).filter((tone) => tone.at_ms > told_until_ms);
  return [...told, ...reckoned].filter(({ at_ms }) => at_ms > now && at_ms <= now + ahead_ms);
}

/** 3-2-1 and the change, up to the first phase without a settled end. @param {LaneView} lane */
function phaseTones({ phases, phase: under_way }) {
  /** @type {Tone[]} */
  const tones = [];
  for (const { begins_at_ms, ends_at_ms } of phases.slice(Math.max(under_way, 0))) {
    if (ends_at_ms === null) break;
    for (const before_ms of [3_000, 2_000, 1_000]) {
      const at_ms = ends_at_ms - before_ms;
      if (at_ms > begins_at_ms) tones.push({ at_ms, long: false });
    }
    tones.push({ at_ms: ends_at_ms, long: true });
  }
  return tones;
}
