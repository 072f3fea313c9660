// @ts-check
/** A trainer's calibration as sentences a rider understands. Pure. */

/** @typedef {import("./protocol.d.ts").SpinDown} SpinDown */

/** @type {Record<string, string>} */
const FAILURES = {
  not_supported: "This trainer has no calibration.",
  refused: "Another app took the trainer. Close it there, then try again.",
  no_answer: "The trainer did not answer. Try again.",
  timeout: "It took too long. Pedal up to speed and stop, then try again.",
  lost: "The trainer was out of reach. Try again.",
  cancelled: "Calibration cancelled.",
};

/** @param {SpinDown} run @returns {{title: string, text: string}} */
export function spinDownWords(run) {
  switch (run.phase) {
    case "requested":
      return { title: "One moment", text: "The trainer lets go of its brake." };
    case "speed_up":
      return {
        title: goal(run),
        text: "Then stop when this line says so.",
      };
    case "coast":
      return { title: "Stop pedalling", text: "Let it roll out. Do not brake." };
    case "done":
      return {
        title: "Calibrated",
        text: run.spin_down_ms
          ? `Calibrated · rolled out in ${(run.spin_down_ms / 1000).toFixed(1)} s`
          : "Calibrated",
      };
    default:
      return {
        title: "Not calibrated",
        text: FAILURES[run.reason ?? ""] ?? "The trainer could not calibrate itself. Warm it up for 10 minutes, then try again.",
      };
  }
}

/** @param {SpinDown} run */
function goal({ speed_low_kmh, speed_high_kmh }) {
  if (!speed_high_kmh) return "Pedal up to full speed";
  return !speed_low_kmh || speed_low_kmh === speed_high_kmh
    ? `Pedal up to ${Math.round(speed_high_kmh)} km/h`
    : `Pedal up to ${Math.round(speed_low_kmh)}–${Math.round(speed_high_kmh)} km/h`;
}
