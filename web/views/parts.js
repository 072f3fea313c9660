// @ts-check
/** Small pieces that several screens share. */

import { html, nothing, svg } from "lit";
import { theme, toggleTheme } from "../theme.js";
import { effortAt, slices, zoneOf } from "../timeline.js";
import { boundsOf, colourOf, countOf, nameOf } from "../zones.js";

/** @typedef {import("lit").TemplateResult} Template */

/** Stroke paths on a 24-unit square. */
const PATHS = {
  heart:
    "M12 20s-7.5-4.6-9.2-9.2C1.6 7.4 3.7 4.5 6.8 4.5c2.2 0 3.9 1.2 5.2 3.2 1.3-2 3-3.2 5.2-3.2 3.1 0 5.2 2.9 4 6.3C19.5 15.4 12 20 12 20Z",
  power: "M13 2 4.5 13.5H11L10 22l9-12h-6.6L13 2Z",
  cadence: "M12 12m-8.5 0a8.5 8.5 0 1 0 17 0a8.5 8.5 0 1 0-17 0M12 12l5-3.5M12 12h.01",
  speed: "M4 18a9 9 0 1 1 16 0M12 14l4.5-5",
  trainer: "M7 16m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0M7 16 11 7h4m0 0 3 9M18 16h2M3 20.5h18",
  run: "M14 5h.01M8 21l3-6 3 2v4M6 11l4-3 4 2 2 3h3",
  warning: "M12 3.5 22 20.5H2L12 3.5ZM12 10v4.5M12 17.4h.01",
  away: "M3 3l18 18M8.5 16.4a5 5 0 0 1 7 0M5 12.9a10 10 0 0 1 5.2-2.7M13.8 10.2A10 10 0 0 1 19 12.9M2 9.3a15 15 0 0 1 4.7-2.9M10.7 5.2A15 15 0 0 1 22 9.3M12 20h.01",
  full: "M14 4h6v6M10 20H4v-6M20 4l-7 7M4 20l7-7",
  sound: "M4 9.5v5h3.5L12 19V5L7.5 9.5H4ZM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11",
  silent: "M4 9.5v5h3.5L12 19V5L7.5 9.5H4ZM16 9.5l5 5M21 9.5l-5 5",
  sun: "M12 12m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M5 19l1.4-1.4M17.6 6.4 19 5",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z",
  back: "M15 5l-7 7 7 7",
  eye: "M2 12s3.6-6.5 10-6.5S22 12 22 12s-3.6 6.5-10 6.5S2 12 2 12ZM12 12m-2.8 0a2.8 2.8 0 1 0 5.6 0a2.8 2.8 0 1 0-5.6 0",
  more: "M4.2 12a.8.8 0 1 0 1.6 0a.8.8 0 1 0-1.6 0M11.2 12a.8.8 0 1 0 1.6 0a.8.8 0 1 0-1.6 0M18.2 12a.8.8 0 1 0 1.6 0a.8.8 0 1 0-1.6 0",
  check: "M4.5 12.5 10 18 20 6.5",
  minus: "M5 12h14",
  lock: "M6 11h12v9H6ZM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  up: "M6 15l6-6 6 6",
  down: "M6 9l6 6 6-6",
  download: "M12 4v11M7 10.5 12 15.5 17 10.5M5 20h14",
  swap: "M7 4 3.5 7.5 7 11M3.5 7.5H17M17 13l3.5 3.5L17 20M20.5 16.5H7",
};

/** @typedef {keyof typeof PATHS} IconName */

/** @param {IconName} name */
export function icon(name) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
    <path d=${PATHS[name]} />
  </svg>`;
}

/** @typedef {import("../zones.js").ZonesView} ZonesView */

/**
 * Colour never alone: the number goes with it, and where the zone ends.
 * @param {number} zone from 1; 0: none
 * @param {ZonesView | null} [zones] the rider's; Coggan's names without
 */
export function zoneChip(zone, zones = null) {
  if (!zone) return html`<span class="chip" data-z="0"><b>–</b></span>`;
  const bounds = boundsOf(zones, zone);
  return html`<span class="chip" data-z=${colourOf(zone, countOf(zones))}
    ><b>Z${zone}</b><span>${nameOf(zones, zone)}</span
    >${bounds ? html`<span class="bounds num">${bounds}</span>` : nothing}</span
  >`;
}

/** @param {number} zone from 1; 0: none @param {ZonesView | null} [zones] the rider's */
export function zonePill(zone, zones = null) {
  return html`<span class="pill" data-z=${colourOf(zone, countOf(zones))} title=${nameOf(zones, zone)}
    >${zone ? `Z${zone}` : "–"}</span
  >`;
}

/** @param {number} zone from 1; 0: none @param {ZonesView | null | undefined} zones */
export function heartPill(zone, zones) {
  return zone && zones ? zonePill(zone, zones) : nothing;
}

/**
 * @param {"alert" | "warn" | "note"} tone
 * @param {unknown} words
 * @param {unknown} [actions]
 * @param {string} [id] for tests
 */
export function banner(tone, words, actions = nothing, id = "banner") {
  const sign = tone === "note" ? nothing : icon("warning");
  return html`<div class="banner ${tone}" data-testid=${id}>
    ${sign}
    <p>${words}</p>
    <div class="acts">${actions}</div>
  </div>`;
}

export function themeButton() {
  const dark = theme() === "dark";
  return html`<button
    class="ib"
    @click=${toggleTheme}
    aria-label=${dark ? "Light theme" : "Dark theme"}
  >
    ${icon(dark ? "sun" : "moon")}
  </button>`;
}

/**
 * Why a number is not crisp; a sensor's name is cut short before the reason is.
 * @param {{who: string, note: string}} one
 */
export function noteOf({ who, note }) {
  if (!who) return note;
  return html`<span class="why"><span>${who}</span><span> · ${note}</span></span>`;
}

/** In place of a number that its owner keeps: no sensor is missing. @param {string} name @param {string} unit */
export function unshared(name, unit) {
  return html`<span class="lock" title=${`${name}: not shared`} data-testid="unshared"
    >${icon("lock")}<span class="unit" aria-hidden="true">${unit}</span
    ><span class="vh">${name} not shared</span></span
  >`;
}

const BARS_DBM = [-90, -78, -68, -58];

/** @param {number | null | undefined} rssi_dbm */
export function signalBars(rssi_dbm) {
  const bars =
    rssi_dbm === null || rssi_dbm === undefined
      ? 0
      : BARS_DBM.filter((dbm) => rssi_dbm >= dbm).length;
  const words = ["no signal", "weak signal", "fair signal", "good signal", "strong signal"][bars];
  return html`<svg class="bars" viewBox="0 0 18 14" role="img" aria-label=${words}>
    ${[0, 1, 2, 3].map((i) => svg`<rect x=${i * 5} y=${10 - i * 3} width="3" height=${4 + i * 3} rx="1" class=${i < bars ? "on" : ""} />`)}
  </svg>`;
}

const MINI = { width: 240, height: 56, share_max: 1.3 };

/**
 * A workout's shape in small.
 * @param {(import("../timeline.js").Aimed & {duration_ms: number | null})[]} phases
 * @param {number | null} [ftp_w]
 */
export function miniProfile(phases, ftp_w = null) {
  const { width, height } = MINI;
  const lengths = phases.map((phase) => phase.duration_ms ?? 300_000);
  const total = lengths.reduce((a, b) => a + b, 0) || 1;
  const top = Math.max(
    MINI.share_max,
    ...phases.flatMap((p) => [0, 1].map((end) => effortAt(p, end, ftp_w) ?? 0)),
  );
  let at = 0;
  const shapes = phases.flatMap((phase, i) => {
    const begins = at;
    at += lengths[i];
    return slices(phase, ftp_w).map(([a, b]) => {
      const x = (/** @type {number} */ f) =>
        (((begins + lengths[i] * f) / total) * width).toFixed(1);
      const y = (/** @type {number} */ f) =>
        (height - ((effortAt(phase, f, ftp_w) ?? 0.4) / top) * height).toFixed(1);
      const zone = zoneOf(effortAt(phase, (a + b) / 2, ftp_w));
      return svg`<polygon data-z=${zone} points="${x(a)},${height} ${x(a)},${y(a)} ${x(b)},${y(b)} ${x(b)},${height}" />`;
    });
  });
  return html`<svg
    class="mini"
    viewBox="0 0 ${width} ${height}"
    preserveAspectRatio="none"
    aria-hidden="true"
  >
    ${shapes}
  </svg>`;
}
