// @ts-check
/** The riders of a session with their live numbers: a class at a glance. */

import { html, nothing } from "lit";
import { minutes, whole } from "../format.js";
import { reading } from "../reading.js";
import { colourOf, countOf } from "../zones.js";
import { heartPill, icon, unshared, zonePill } from "./parts.js";
import { heldInBrief } from "./scene.js";

/** @typedef {import("../protocol.d.ts").AthleteView} AthleteView */
/** @typedef {import("../protocol.d.ts").SessionView} SessionView */
/** @typedef {import("../store.js").Row} Row */
/** @typedef {import("../attention.js").Alert} Alert */

/** @type {Record<import("../attention.js").Need, import("./parts.js").IconName>} */
const SIGNS = { heart: "heart", below: "down", silent: "away" };

/**
 * @param {import("../hub.js").Hub} hub
 * @param {SessionView} view
 * @param {Map<string, Row>} rows
 * @param {Alert[]} [alerts]
 */
export function classTiles(hub, view, rows, alerts = []) {
  const now = hub.clock.now();
  return html`<div class="riders">
    ${view.athletes.map((one) => {
      const alert = alerts.find(({ athlete }) => athlete === one.athlete);
      return html`<a
        class="tile ${alert ? "needs" : ""}"
        data-z=${powerColour(one, rows.get(one.athlete), now)}
        href=${`#/ride/${view.session}/${one.athlete}`}
        data-testid="rider"
      >
        ${numbers(one, rows.get(one.athlete), now)} ${alert ? alertLine(alert, now) : nothing}
      </a>`;
    })}
  </div>`;
}

/**
 * Those who need the coach now, gravest first: as high with many as with none, so that no button below moves.
 * @param {SessionView} view
 * @param {Alert[]} alerts
 * @param {number} now hub ms
 */
export function attentionList(view, alerts, now) {
  const order = Object.keys(SIGNS);
  const sorted = alerts.toSorted((a, b) => order.indexOf(a.need) - order.indexOf(b.need));
  return html`<section class="attention" aria-labelledby="attention-title" data-testid="attention">
    <h3 id="attention-title">Needs attention ${alerts.length ? html`<span class="num">${alerts.length}</span>` : nothing}</h3>
    <ul class="scroll">
      ${alerts.length ? nothing : html`<li class="meta">Nobody of those who share their numbers</li>`}
      ${sorted.map(
        (one) =>
          html`<li>
            <a class="card" href=${`#/ride/${view.session}/${one.athlete}`} data-need=${one.need}
              >${icon(SIGNS[one.need])}<span class="who"
                ><b>${one.name}</b><span class="meta">${one.words}</span></span
              ><span class="num">${minutes(now - one.since_ms)}</span></a
            >
          </li>`,
      )}
    </ul>
  </section>`;
}

/** How many of the riders share no number with the viewer; "" where everybody does. @param {Map<string, Row>} rows */
export function unsharedWords(rows) {
  const count = [...rows.values()].filter(sharesNothing).length;
  return count ? `${count} share${count === 1 ? "s" : ""} no numbers` : "";
}

/** @param {Row | undefined} row */
function sharesNothing(row) {
  const metrics = ["power_w", "heart_rate_bpm", "cadence_rpm", "speed_kmh"];
  return !!row && metrics.every((metric) => row[`${metric}.q`] === "denied");
}

/** The zone, 0: none or not shared. @param {AthleteView} one @param {Row | undefined} row @param {number} now */
function powerColour(one, row, now) {
  return colourOf(powerZone(row, now), countOf(one.power_zones));
}

/** @param {Row | undefined} row @param {number} now */
function powerZone(row, now) {
  return reading(row, "power_w", now).value === null ? 0 : Number(row?.power_zone ?? 0);
}

/** @param {AthleteView} one @param {Row | undefined} row @param {number} now */
function numbers(one, row, now) {
  if (sharesNothing(row))
    return html`<span class="row"><b>${one.name}</b></span>
      <span class="closed" data-testid="unshared">${icon("lock")}Numbers not shared</span>`;
  const power = reading(row, "power_w", now, "power_3s_w");
  const heart = reading(row, "heart_rate_bpm", now);
  const cadence = reading(row, "cadence_rpm", now);
  const heart_zone = heart.value === null ? 0 : Number(row?.heart_rate_zone ?? 0);
  const held = heldInBrief(row);
  return html`<span class="row"
      ><b>${one.name}</b>${power.quality === "denied" ? nothing : zonePill(powerZone(row, now), one.power_zones)}</span
    >
    <span class="pw ${power.quality}"
      >${
        power.quality === "denied"
          ? unshared("Power", "W")
          : html`<span class="num" data-testid="rider-power">${whole(power.value)}</span>
              <span class="unit">W</span>`
      }</span
    >
    <span class="row small"
      ><span class="hr ${heart.quality}"
        >${
          heart.quality === "denied"
            ? unshared("Heart rate", "bpm")
            : html`<b>${whole(heart.value)}</b>
                <span class=${heart_zone && one.heart_zones ? "vh" : ""}>bpm</span>
                ${heartPill(heart_zone, one.heart_zones)}`
        }</span
      ><span class=${cadence.quality}
        >${cadence.quality === "denied" ? unshared("Cadence", "rpm") : html`<b>${whole(cadence.value)}</b> rpm`}</span
      ></span
    >
    ${held ? html`<span class="row small held" data-testid="held">${held}</span>` : nothing}`;
}

/** @param {Alert} alert @param {number} now */
function alertLine({ words, since_ms }, now) {
  return html`<span class="need" data-testid="need"
    >${icon("warning")}<span>${words} · ${minutes(now - since_ms)}</span></span
  >`;
}
