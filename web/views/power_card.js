// @ts-check
/** Power, biggest of all: zone, source, target gauge, averages. */

import { html, nothing } from "lit";
import { whole } from "../format.js";
import { asksForPower, authorsWords, DIMENSIONS, range } from "../target.js";
import { riderZone } from "../timeline.js";
import { trainerWords } from "../words.js";
import { colourOf, countOf } from "../zones.js";
import { heldByHand } from "./dial_card.js";
import { icon, noteOf, zoneChip } from "./parts.js";
import { aimOf, derived, heldByHeart, measured } from "./scene.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("../reading.js").Reading} Reading */
/** @typedef {import("../target.js").Aim} Aim */

// The gauge spans the target by such a share to each side.
/** @type {Record<string, {metric: import("../protocol.d.ts").Metric, name: string, share: number}>} */
const GAUGES = {
  power_w: { metric: "power_w", name: "Power", share: 0.25 },
  heart_rate_bpm: { metric: "heart_rate_bpm", name: "Heart rate", share: 0.15 },
  cadence_rpm: { metric: "cadence_rpm", name: "Cadence", share: 0.25 },
  speed_kmh: { metric: "speed_kmh", name: "Speed", share: 0.25 },
};
const PIN_PCT = [2, 98]; // where the pin stops at the gauge's ends

/** @param {Scene} scene @param {() => void} onSource asks for another source */
export function powerCard(scene, onSource) {
  const { rider, feel, at } = scene;
  const power = measured(scene, "power_w", "power_3s_w");
  const zone = feel || power.value === null ? 0 : (derived(scene, "power_zone") ?? 0);
  const shown = !feel && rider.ftp_w && power.value !== null;
  const closed = power.quality === "denied";
  const zones = rider.power_zones;
  return html`<section class="hero" data-z=${colourOf(zone, countOf(zones))} aria-label="Power">
    <div class="head">
      <span class="lbl">Power · 3 s</span>
      ${feel || closed ? nothing : zoneChip(zone, zones)}
      ${shown ? html`<span class="meta">${whole((Number(power.value) / Number(rider.ftp_w)) * 100)} % of FTP</span>` : nothing}
      ${source(scene, onSource)}
    </div>
    <div
      class="power ${power.quality}"
      data-testid="power"
      data-quality=${power.quality}
      data-digits=${whole(power.value).length}
    >
      <span class="num" data-testid="power-value">${closed ? icon("lock") : whole(power.value)}</span
      ><span class="unit">W</span>
      <span class="note" data-testid="power-note">${noteOf(power)}</span>
    </div>
    ${
      closed
        ? nothing
        : html`<div class="side ${scene.stale ? "old" : ""}">
            ${sideFigure("Interval avg", derived(scene, "interval_average_w"), "interval-average")}
            ${sideFigure("Weighted power", derived(scene, "weighted_power_w"), "weighted-power")}
          </div>`
    }
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
  const { phase, index, ramp } = scene.at;
  const aim = phase ? aimOf(scene, phase, index, ramp) : null;
  const held = heldByHand(scene);
  const by_hand = held?.mode === "power" ? { dimension: "power_w", low: held.value, high: held.value } : null;
  const felt = scene.feel && aim?.dimension === "power_w" && phase?.target.unit !== "w";
  const shown = felt ? null : (aim ?? by_hand);
  const trainer = trainerWords(scene.rider.trainer);
  const by_heart = heldByHeart(scene);
  return html`<div
    class="gauge ${shown ? "" : "free"}"
    data-z=${phase ? colourOf(riderZone(phase, scene.rider, ramp), countOf(scene.rider.power_zones)) : 0}
    data-dimension=${shown?.dimension ?? ""}
  >
    ${held ? figure(held.label, held.text, held.unit) : targetFigure(scene, shown)}
    <div class="mid">
      ${trainer?.tone === "note" ? html`<span class="hint" data-testid="trainer-hint">${trainer.text}</span>` : nothing}
      ${track(scene, power, shown)}
    </div>
    ${shown?.dimension === "power_w" && power.quality !== "denied" ? onTarget(scene) : nothing}
    ${by_heart ? html`<span class="held" data-testid="held">${by_heart}</span>` : nothing}
  </div>`;
}

/** @param {Scene} scene @param {Aim | null} aim */
function targetFigure({ at, feel, rider }, aim) {
  if (aim) {
    const { name, unit, digits } = DIMENSIONS[aim.dimension];
    return figure(name, range(aim.low, aim.high, digits), unit);
  }
  const { phase, ramp } = at;
  if (!phase || phase.target.unit === "free") return figure("Target", "Free", "");
  if (feel && asksForPower(phase) && phase.target.effort) {
    const zone = riderZone(phase, rider, ramp);
    return html`<span
      ><span class="lbl">By feel</span> <span class="fig">${zoneChip(zone)}</span></span
    >`;
  }
  const [text, ...unit] = authorsWords(phase.target, ramp).split(" ");
  return figure("Target", text === "max" ? "Max" : text, unit.join(" "));
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

/** Where the measured number stands to what is asked. @param {Scene} scene @param {Reading} power @param {Aim | null} aim */
function track(scene, power, aim) {
  const rule = aim ? GAUGES[aim.dimension] : undefined;
  const one = !rule ? null : rule.metric === "power_w" ? power : measured(scene, rule.metric);
  const middle = aim ? (aim.low + aim.high) / 2 : 0;
  if (!rule || !aim || !middle || !one || one.value === null)
    return html`<div class="track"></div>`;
  const low = middle * (1 - rule.share);
  const high = middle * (1 + rule.share);
  const pct = (/** @type {number} */ value) => ((value - low) / (high - low)) * 100;
  const [pin, from, to] = [one.value, aim.low, aim.high].map((value) =>
    clamp(pct(value), PIN_PCT[0], PIN_PCT[1]),
  );
  const okay = aim.high > aim.low ? `left:${from.toFixed(1)}%;width:${(to - from).toFixed(1)}%` : "";
  return html`<div
    class="track"
    role="meter"
    aria-label=${`${rule.name} against target`}
    aria-valuemin=${Math.round(low)}
    aria-valuemax=${Math.round(high)}
    aria-valuenow=${Math.round(clamp(one.value, low, high))}
  >
    <span class="okay" .style=${okay}></span>${okay ? nothing : html`<span class="tick"></span>`}
    <span class="pin ${one.quality}" .style=${`left:${pin.toFixed(1)}%`}></span>
  </div>`;
}

/** @param {number} value @param {number} low @param {number} high */
function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
