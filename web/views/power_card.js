// @ts-check
/** Power, biggest of all: zone, source, target gauge, averages. */

import { html, nothing } from "lit";
import { whole } from "../format.js";
import { phaseZone, targetShare } from "../timeline.js";
import { trainerWords } from "../words.js";
import { heldByHand } from "./dial_card.js";
import { icon, noteOf, zoneChip } from "./parts.js";
import { derived, measured, watts } from "./scene.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("../reading.js").Reading} Reading */

const GAUGE_SHARE = 0.25; // the gauge spans the target by so much to each side
const PIN_PCT = [2, 98]; // where the pin stops at the gauge's ends

/** @param {Scene} scene @param {() => void} onSource asks for another source */
export function powerCard(scene, onSource) {
  const { rider, feel, at } = scene;
  const power = measured(scene, "power_w", "power_3s_w");
  const zone = feel || power.value === null ? 0 : (derived(scene, "power_zone") ?? 0);
  const shown = !feel && rider.ftp_w && power.value !== null;
  return html`<section class="hero" data-z=${zone} aria-label="Power">
    <div class="head">
      <span class="lbl">Power · 3 s</span>
      ${feel ? nothing : zoneChip(zone)}
      ${shown ? html`<span class="meta">${whole((Number(power.value) / Number(rider.ftp_w)) * 100)} % of FTP</span>` : nothing}
      ${source(scene, onSource)}
    </div>
    <div
      class="power ${power.quality}"
      data-testid="power"
      data-quality=${power.quality}
      data-digits=${whole(power.value).length}
    >
      <span class="num" data-testid="power-value">${whole(power.value)}</span
      ><span class="unit">W</span>
      <span class="note" data-testid="power-note">${noteOf(power)}</span>
    </div>
    <div class="side ${scene.stale ? "old" : ""}">
      ${sideFigure("Interval avg", derived(scene, "interval_average_w"), "interval-average")}
      ${sideFigure("Weighted power", derived(scene, "weighted_power_w"), "weighted-power")}
    </div>
    ${at.status === "ready" ? nothing : gauge(scene, power)}
  </section>`;
}

/** @param {string} label @param {number | null} value @param {string} id */
function sideFigure(label, value, id) {
  return html`<div>
    <div class="lbl">${label}</div>
    <span class="num" data-testid=${id}>${whole(value)}</span>
  </div>`;
}

/**
 * Where power comes from, with a way to another sensor.
 * @param {Scene} scene
 * @param {() => void} onSource
 */
function source({ rider, own }, onSource) {
  const sources = rider.sources?.power_w ?? [];
  const chosen = sources.find((one) => one.chosen);
  if (!chosen) return nothing;
  const others = sources.filter((one) => !one.chosen).map((one) => one.name);
  const words = html`<span><span class="from">Power from </span>${chosen.name}</span>
    ${others.length ? html`<span>${others.join(", ")} also available</span>` : nothing}`;
  if (!others.length || !own)
    return html`<span class="source" data-testid="source">${words}</span>`;
  return html`<button class="source" data-testid="source" @click=${onSource}>
    ${words}${icon("swap")}
  </button>`;
}

/** @param {Scene} scene @param {Reading} power */
function gauge(scene, power) {
  const share = scene.at.phase ? targetShare(scene.at.phase, scene.at.share) : null;
  // Reckoned here, not read from the row: a row is up to a tick old when the interval changes.
  const held = heldByHand(scene);
  const by_hand_w = held?.mode === "power" ? held.value : null;
  const target_w = share === null || scene.feel ? by_hand_w : watts(scene, share);
  const trainer = trainerWords(scene.rider.trainer);
  return html`<div
    class="gauge ${target_w === null ? "free" : ""}"
    data-z=${phaseZone({ target_begin: share })}
  >
    ${held ? figure(held.label, held.text, held.unit) : targetFigure(share, target_w)}
    <div class="mid">
      ${trainer?.tone === "note" ? html`<span class="hint" data-testid="trainer-hint">${trainer.text}</span>` : nothing}
      ${track(power, target_w)}
    </div>
    ${target_w === null ? nothing : onTarget(scene)}
  </div>`;
}

/** @param {number | null} share @param {number | null} target_w */
function targetFigure(share, target_w) {
  if (target_w === null && share !== null) {
    return html`<span
      ><span class="lbl">By feel</span>
      <span class="fig">${zoneChip(phaseZone({ target_begin: share }))}</span></span
    >`;
  }
  return target_w === null ? figure("Target", "Free", "") : figure("Target", whole(target_w), "W");
}

/** @param {string} label @param {string} text @param {string} unit */
function figure(label, text, unit) {
  return html`<span
    ><span class="lbl">${label}</span>
    <span class="fig"
      ><span class="num" data-testid="target">${text}</span>
      ${unit ? html`<span class="unit">${unit}</span>` : nothing}</span
    ></span
  >`;
}

/** @param {Scene} scene */
function onTarget(scene) {
  return html`<span class="end ${scene.stale ? "old" : ""}"
    ><span class="lbl">On target</span>
    <span class="fig"
      ><span class="num" data-testid="on-target">${whole(derived(scene, "on_target_pct"))}</span>
      <span class="unit">%</span></span
    ></span
  >`;
}

/** @param {Reading} power @param {number | null} target_w */
function track(power, target_w) {
  if (power.value === null || !target_w) return html`<div class="track"></div>`;
  const low_w = target_w * (1 - GAUGE_SHARE);
  const high_w = target_w * (1 + GAUGE_SHARE);
  const pct = clamp(((power.value - low_w) / (high_w - low_w)) * 100, PIN_PCT[0], PIN_PCT[1]);
  return html`<div
    class="track"
    role="meter"
    aria-label="Power against target"
    aria-valuemin=${Math.round(low_w)}
    aria-valuemax=${Math.round(high_w)}
    aria-valuenow=${Math.round(clamp(power.value, low_w, high_w))}
  >
    <span class="okay"></span><span class="tick"></span>
    <span class="pin ${power.quality}" .style=${`left:${pct.toFixed(1)}%`}></span>
  </div>`;
}

/** @param {number} value @param {number} low @param {number} high */
function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
