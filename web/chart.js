// @ts-check
/** The finished ride over time, with axes and a cursor. */

import { LitElement } from "lit";
import uPlot from "uplot";
import { minutes } from "./format.js";

/** @typedef {import("./shapes.d.ts").Streams} Streams */

const WIDTH_MIN = 120;
const HEIGHT = 244; // the legend below takes what it needs
const AXIS_FONT = '500 11px "Inter Variable", sans-serif';

export class DernyChart extends LitElement {
  static properties = { streams: { attribute: false }, theme: {} };

  constructor() {
    super();
    /** @type {Streams | null} */
    this.streams = null;
    this.theme = "dark";
    /** @type {uPlot | null} */
    this.plot = null;
    this.observer = new ResizeObserver(() => this.plot?.setSize(this.#size()));
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.observer.observe(this);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.observer.disconnect();
    this.plot?.destroy();
    this.plot = null;
  }

  updated() {
    this.plot?.destroy();
    this.plot = null;
    if (!this.streams?.t_s.length) return;
    const { t_s, power_w, heart_rate_bpm, cadence_rpm } = this.streams;
    this.plot = new uPlot(this.#options(), [t_s, power_w, heart_rate_bpm, cadence_rpm], this);
  }

  #size() {
    return {
      width: Math.max(this.clientWidth, WIDTH_MIN),
      height: HEIGHT,
    };
  }

  /** @returns {uPlot.Options} */
  #options() {
    const css = getComputedStyle(document.documentElement);
    const color = (/** @type {string} */ name) => css.getPropertyValue(name).trim();
    const time = (/** @type {number | null} */ s) => (s === null ? "–" : minutes(s * 1000));
    /** @type {(label: string, scale: string, stroke: string, unit: string) => uPlot.Series} */
    const series = (label, scale, stroke, unit) => ({
      label,
      scale,
      stroke: color(stroke),
      width: 1.5,
      spanGaps: false,
      points: { show: false },
      value: (_plot, value) =>
        value === null || value === undefined ? "–" : `${Math.round(value)} ${unit}`,
    });
    const axis = {
      font: AXIS_FONT,
      stroke: color("--ink-2"),
      grid: { stroke: color("--line"), width: 1 },
      ticks: { show: false },
    };
    return {
      ...this.#size(),
      padding: [8, 4, 0, 0],
      legend: { live: true },
      cursor: { points: { size: 7 }, drag: { x: true, y: false } },
      scales: {
        x: { time: false },
        w: { range: (_p, _min, max) => [0, Math.max(max * 1.08, 100)] },
        bpm: { range: [40, 210] },
        rpm: { range: [0, 220] },
      },
      series: [
        { label: "Time", value: (_plot, s) => time(s) },
        series("Power", "w", "--ink", "W"),
        series("Heart rate", "bpm", "--heart", "bpm"),
        series("Cadence", "rpm", "--cadence", "rpm"),
      ],
      axes: [
        {
          ...axis,
          values: (_plot, splits) => splits.map(time),
          space: 72,
          incrs: [5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600],
        },
        { ...axis, scale: "w", size: 48, values: (_plot, splits) => splits.map((w) => `${w} W`) },
        {
          ...axis,
          scale: "bpm",
          side: 1,
          size: 48,
          stroke: color("--heart"),
          grid: { show: false },
        },
      ],
    };
  }
}

customElements.define("derny-chart", DernyChart);
