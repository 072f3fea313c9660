// @ts-check
/** 3-2-1 and the long tone, laid into the audio clock ahead, so that a busy page cannot move them. */

import { CUE_NEAR_MS } from "./constants.js";

const C5_HZ = 523.25;
const A5_HZ = 880;
const SHORT_S = 0.16;
const LONG_S = 0.5;
const VOLUME = 0.25;

export class Beeper {
  constructor() {
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {Map<number, OscillatorNode>} laid tones by hub ms */
    this.laid = new Map();
    this.muted = localStorage.getItem("derny.muted") === "1";
  }

  /** Browsers let a page sound only after a tap. */
  unlock() {
    this.context ??= new AudioContext();
    if (this.context.state === "suspended") this.context.resume();
  }

  /** Takes back every tone: to be laid anew where the audio clock may have stood still. */
  renew() {
    if (this.context) this.unlock();
    for (const tone of this.laid.values()) tone.stop();
    this.laid.clear();
  }

  toggle() {
    this.muted = !this.muted;
    localStorage.setItem("derny.muted", this.muted ? "1" : "0");
    if (this.muted) this.lay([], 0);
  }

  /**
   * Makes these tones stand in the audio clock, and takes back any other.
   * @param {import("./timeline.js").Tone[]} tones
   * @param {number} now hub ms
   */
  lay(tones, now) {
    if (!this.context) return;
    const wanted = new Map((this.muted ? [] : tones).map(({ at_ms, long }) => [at_ms, long]));
    for (const [at_ms, tone] of this.laid) {
      if (wanted.has(at_ms) || at_ms <= now + CUE_NEAR_MS) continue;
      tone.stop();
      this.laid.delete(at_ms);
    }
    for (const [at_ms, long] of wanted) {
      if (at_ms > now && !this.laid.has(at_ms))
        this.laid.set(at_ms, this.#tone(long, (at_ms - now) / 1000, at_ms));
    }
  }

  /** @param {boolean} long @param {number} in_s @param {number} at_ms */
  #tone(long, in_s, at_ms) {
    const context = /** @type {AudioContext} */ (this.context);
    const [hz, length_s] = long ? [A5_HZ, LONG_S] : [C5_HZ, SHORT_S];
    const begins_s = Math.max(soundsNow(context) + in_s, context.currentTime);
    const tone = new OscillatorNode(context, { frequency: hz, type: "sine" });
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.setValueAtTime(0, begins_s);
    gain.gain.linearRampToValueAtTime(VOLUME, begins_s + 0.01);
    gain.gain.setValueAtTime(VOLUME, begins_s + length_s - 0.04);
    gain.gain.linearRampToValueAtTime(0, begins_s + length_s);
    tone.connect(gain).connect(context.destination);
    tone.start(begins_s);
    tone.stop(begins_s + length_s);
    tone.onended = () => {
      if (this.laid.get(at_ms) === tone) this.laid.delete(at_ms);
    };
    return tone;
  }
}

/**
 * The point of the audio clock that is heard now: `currentTime` is ahead of it by what waits in the
 * buffers on the way out, 40 ms and more. @param {AudioContext} context
 */
function soundsNow(context) {
  const { contextTime = 0, performanceTime = 0 } = context.getOutputTimestamp?.() ?? {};
  const heard_s = contextTime + (performance.now() - performanceTime) / 1000;
  // Before the first sound has left, and in browsers that do not tell.
  const is_told = performanceTime > 0 && context.currentTime - heard_s < 1;
  return is_told ? heard_s : context.currentTime;
}
