// @ts-check
/** The workout as a picture: blocks by zone, what was ridden over them, past dimmed. */

import { LitElement } from "lit";
import { minutes } from "./format.js";
import { blocks, effortAt, slices, zoneOf } from "./timeline.js";
import { colourOf, POWER_SHARES } from "./zones.js";

/** @typedef {import("./protocol.d.ts").PhaseView} PhaseView */
/** @typedef {import("./trace.js").Trace} Trace */

const FOOT = 22; // px under the base line, for the minutes
const HEAD = 14;
const HEART_BPM = [80, 195]; // bottom and top of the picture
const FREE_SHARE = 0.42; // how high a block without a target stands
const LEGEND = 180;
const EMPTY_MS = 30 * 60_000;
const GRID_MIN = [1, 2, 5, 10, 15, 20, 30, 60];

export class DernyProfile extends LitElement {
  static properties = {
    phases: { attribute: false },
    ftp_w: { attribute: false },
    zone_shares: { attribute: false },
    ridden_ms: { attribute: false },
    trace: { attribute: false },
    theme: { attribute: false },
  };

  constructor() {
    super();
    /** @type {PhaseView[]} */
    this.phases = [];
    /** @type {number | null} */
    this.ftp_w = null;
    this.zone_shares = POWER_SHARES; // where the rider's power zones begin, of FTP
    this.ridden_ms = 0;
    /** @type {Trace | null} */
    this.trace = null;
    this.theme = "dark";
    this.canvas = document.createElement("canvas");
    this.observer = new ResizeObserver(() => this.#draw());
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.append(this.canvas);
    this.observer.observe(this);
    document.fonts.ready.then(() => this.#draw());
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.observer.disconnect();
  }

  updated() {
    this.#draw();
  }

  #draw() {
    const width = this.clientWidth;
    const height = this.clientHeight;
    const pen = this.canvas.getContext("2d");
    if (!width || !height || !pen) return;
    const ratio = devicePixelRatio;
    if (
      this.canvas.width !== Math.round(width * ratio) ||
      this.canvas.height !== Math.round(height * ratio)
    ) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    new Picture(pen, width, height, this).draw();
  }
}

/** One drawing: scales, colours, and the layers in their order. */
class Picture {
  /**
   * @param {CanvasRenderingContext2D} pen
   * @param {number} width
   * @param {number} height
   * @param {DernyProfile} of
   */
  constructor(pen, width, height, of) {
    const css = getComputedStyle(document.documentElement);
    this.pen = pen;
    this.width = width;
    this.height = height;
    this.base = height - FOOT;
    this.of = of;
    this.color = (/** @type {string} */ name) => css.getPropertyValue(name).trim();
    this.light = of.theme === "light";
    this.blocks = blocks(of.phases, of.ridden_ms);
    this.span_ms = Math.max(
      this.blocks.at(-1)?.ends_ms ?? 0,
      this.blocks.length ? 0 : EMPTY_MS,
      of.ridden_ms,
    );
    this.ftp_w = of.ftp_w ?? 200;
    const highest = Math.max(
      1.1,
      ...of.phases.flatMap((p) => [0, 1].map((end) => effortAt(p, end, of.ftp_w, of.zone_shares) ?? 0)),
    );
    this.top_w = highest * 1.12 * this.ftp_w;
  }

  /** @param {number} ms */
  x(ms) {
    return (ms / this.span_ms) * this.width;
  }

  /** @param {number} power_w */
  y(power_w) {
    return this.base - Math.min(power_w / this.top_w, 1.04) * (this.base - HEAD);
  }

  /** @param {number} bpm */
  heartY(bpm) {
    const [low, high] = HEART_BPM;
    return this.base - Math.max((bpm - low) / (high - low), 0) * (this.base - HEAD);
  }

  draw() {
    const { pen, width, height } = this;
    pen.fillStyle = this.color("--bg-2");
    pen.fillRect(0, 0, width, height);
    for (const block of this.blocks) this.#block(block);
    this.#grid();
    this.#traces();
    this.#now();
    this.#legend();
  }

  /** @param {{phase: PhaseView, begins_ms: number, ends_ms: number}} block */
  #block({ phase, begins_ms, ends_ms }) {
    const { ridden_ms, ftp_w, zone_shares } = this.of;
    const length_ms = ends_ms - begins_ms;
    const done = (ridden_ms - begins_ms) / length_ms;
    for (const [from, to] of slices(phase, ftp_w, zone_shares)) {
      const cut = done > from && done < to ? [from, done, to] : [from, to];
      const zone = zoneOf(effortAt(phase, (from + to) / 2, ftp_w, zone_shares), zone_shares);
      const colour = colourOf(zone, zone_shares.length);
      for (let i = 1; i < cut.length; i += 1) {
        this.#slab(
          phase,
          begins_ms,
          length_ms,
          cut[i - 1],
          cut[i],
          colour,
          cut[i] <= done + 1e-9,
          to === 1 && cut[i] === 1,
        );
      }
    }
  }

  /**
   * @param {PhaseView} phase
   * @param {number} begins_ms
   * @param {number} length_ms
   * @param {number} from
   * @param {number} to
   * @param {number} colour 0: none
   * @param {boolean} past
   * @param {boolean} last leaves a hair of ground before the next phase
   */
  #slab(phase, begins_ms, length_ms, from, to, colour, past, last) {
    const { pen } = this;
    const x0 = this.x(begins_ms + length_ms * from);
    const x1 = this.x(begins_ms + length_ms * to) - (last ? 1.5 : 0);
    const { ftp_w, zone_shares } = this.of;
    const y = (/** @type {number} */ f) =>
      this.y((effortAt(phase, f, ftp_w, zone_shares) ?? FREE_SHARE) * this.ftp_w);
    pen.beginPath();
    pen.moveTo(x0, this.base);
    pen.lineTo(x0, y(from));
    pen.lineTo(x1, y(to));
    pen.lineTo(x1, this.base);
    pen.closePath();
    pen.fillStyle = this.color(colour ? `--z${colour}` : "--line-2");
    pen.globalAlpha = past ? (this.light ? 0.24 : 0.3) : this.light ? 0.75 : 0.8;
    pen.fill();
    pen.globalAlpha = 1;
  }

  #grid() {
    const { pen } = this;
    pen.font = '600 11px "Inter Variable"';
    if (this.of.ftp_w) {
      pen.strokeStyle = this.color("--line-2");
      pen.setLineDash([3, 5]);
      pen.beginPath();
      pen.moveTo(0, this.y(this.ftp_w));
      pen.lineTo(this.width, this.y(this.ftp_w));
      pen.stroke();
      pen.setLineDash([]);
      pen.fillStyle = this.color("--ink-2");
      pen.textAlign = "right";
      pen.fillText(`FTP ${this.of.ftp_w}`, this.width - 6, this.y(this.ftp_w) - 6);
    }
    const step_ms = 60_000 * (GRID_MIN.find((min) => this.x(min * 60_000) >= 96) ?? 120);
    pen.font = '500 11px "Inter Variable"';
    pen.fillStyle = this.color("--ink-2");
    pen.textAlign = "center";
    for (let at_ms = step_ms; this.x(at_ms) < this.width - 24; at_ms += step_ms) {
      pen.fillText(minutes(at_ms), this.x(at_ms), this.height - 6);
    }
  }

  #traces() {
    const { trace } = this.of;
    if (!trace) return;
    this.#line(trace.heart_rate_bpm, (bpm) => this.heartY(bpm), this.color("--heart"), 1.75);
    this.#line(trace.power_w, (power_w) => this.y(power_w), this.color("--ink"), 1.5);
  }

  /**
   * Averaged to one point per pixel; broken where nothing was measured.
   * @param {(number | null)[]} values one per second of riding time
   * @param {(value: number) => number} y
   * @param {string} color
   * @param {number} thick
   */
  #line(values, y, color, thick) {
    const { pen } = this;
    const per_point = Math.max(Math.floor(this.span_ms / 1000 / this.width), 1);
    pen.beginPath();
    let down = false;
    for (let i = 0; i < values.length; i += per_point) {
      const some = values.slice(i, i + per_point).filter((value) => value !== null);
      if (!some.length) {
        down = false;
        continue;
      }
      const mean = some.reduce((a, b) => a + b, 0) / some.length;
      const px = this.x(Math.min((i + per_point / 2) * 1000, this.of.ridden_ms));
      if (down) pen.lineTo(px, y(mean));
      else pen.moveTo(px, y(mean));
      down = true;
    }
    pen.strokeStyle = color;
    pen.lineWidth = thick;
    pen.lineJoin = "round";
    pen.stroke();
  }

  #now() {
    const { pen, of } = this;
    if (!of.ridden_ms) return;
    const x = Math.min(this.x(of.ridden_ms), this.width - 1);
    pen.fillStyle = this.color("--ink");
    pen.fillRect(x - 1, 4, 2, this.base - 4);
    this.#dot(x, of.trace?.power_w.at(-1), (power_w) => this.y(power_w), "--ink", 5);
    this.#dot(x, of.trace?.heart_rate_bpm.at(-1), (bpm) => this.heartY(bpm), "--heart", 4);
  }

  /**
   * @param {number} x
   * @param {number | null | undefined} value
   * @param {(value: number) => number} y
   * @param {string} color
   * @param {number} radius
   */
  #dot(x, value, y, color, radius) {
    if (value === null || value === undefined) return;
    this.pen.fillStyle = this.color(color);
    this.pen.beginPath();
    this.pen.arc(x, y(value), radius, 0, 7);
    this.pen.fill();
  }

  #legend() {
    const { pen } = this;
    if (!this.of.trace?.power_w.length || this.width < 480) return;
    pen.font = '600 11px "Inter Variable"';
    pen.textAlign = "left";
    const left = this.x(this.of.ridden_ms) < LEGEND ? this.x(this.of.ridden_ms) + 14 : 12; // beside what is drawn
    const entries = /** @type {[string, string, number][]} */ ([
      ["Power", "--ink", left],
      ["Heart rate", "--heart", left + 66],
    ]);
    for (const [name, color, x] of entries) {
      pen.fillStyle = this.color(color);
      pen.fillRect(x, 10, 14, 2);
      pen.fillText(name, x + 20, 15);
    }
  }
}

customElements.define("derny-profile", DernyProfile);
