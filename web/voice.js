// @ts-check
/** A voice for what is to be heard: lines of a workout, messages of the coach. */

const LATE_MS = 4_000; // a line whose moment is longer ago is only read

/** @param {string} words @param {boolean} muted */
export function speak(words, muted) {
  if (muted || !("speechSynthesis" in window)) return;
  speechSynthesis.speak(new SpeechSynthesisUtterance(words));
}

/** Says each line once, as its moment comes. */
export class Reader {
  constructor() {
    this.last = "";
  }

  /**
   * @param {import("./timeline.js").Position} at
   * @param {import("./protocol.d.ts").TextView | null} line that stands now
   * @param {boolean} muted
   */
  read(at, line, muted) {
    if (!line) return;
    const key = `${at.index}.${line.at_ms}`;
    if (key === this.last) return;
    this.last = key;
    const is_new = at.status === "running" && at.phase_ms - line.at_ms < LATE_MS;
    if (line.say && is_new) speak(line.text, muted);
  }
}
