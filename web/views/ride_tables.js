// @ts-check
/** The tables of a recorded ride: time in zones, laps, and its seconds. */

import { html, nothing } from "lit";
import { minutes, whole } from "../format.js";
import { boundsOf, colourOf, nameOf } from "../zones.js";

/** @typedef {import("../shapes.d.ts").Activity} Activity */
/** @typedef {import("../shapes.d.ts").Streams} Streams */

const TABLE_ROWS_MAX = 240;

/** @param {Activity} ride */
export function zonesCard(ride) {
  // Without an FTP or a maximum heart rate there are no zones to have been in.
  const { power_zones_s: power, heart_rate_zones_s: heart } = ride.summary;
  if (![...power, ...heart].some(Boolean)) return nothing;
  return html`<section class="card zones" aria-label="Time in zones" data-testid="zones">
    ${power.some(Boolean) ? zoneBars("Power zones", power, ride.power_zones, "W") : nothing}
    ${heart.some(Boolean) ? zoneBars("Heart rate zones", heart, ride.heart_zones, "bpm") : nothing}
  </section>`;
}

/**
 * @param {string} title
 * @param {number[]} seconds
 * @param {import("../zones.js").ZonesView | null} zones
 * @param {string} unit
 */
function zoneBars(title, seconds, zones, unit) {
  const most = Math.max(...seconds, 1);
  return html`<div>
    <h2>${title}${zones ? `, ${unit}` : ""}</h2>
    <ul class="zbars">
      ${seconds.map((s, i) => {
        const colour = colourOf(i + 1, seconds.length);
        return html`<li>
          <span class="pill" data-z=${colour}>Z${i + 1}</span><span class="zn">${zones ? nameOf(zones, i + 1) : ""}<small>${boundsOf(zones, i + 1)}</small></span
          ><span class="zb" data-z=${colour}><u .style=${`width:${((s / most) * 100).toFixed(1)}%`}></u></span
          ><span class="num">${minutes(s * 1000)}</span>
        </li>`;
      })}
    </ul>
  </div>`;
}

/** @param {Activity} ride */
export function lapsCard(ride) {
  if (!ride.laps.length) return nothing;
  return html`<section class="card laps" aria-labelledby="laps-title">
    <h2 id="laps-title">Laps</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Table of laps">
      <table data-testid="laps">
        <thead>
          <tr>
            <th scope="col">#</th>
            <th scope="col">Interval</th>
            <th scope="col">Time</th>
            <th scope="col">Power</th>
            <th scope="col">Target</th>
            <th scope="col">Heart rate</th>
            <th scope="col">Cadence</th>
          </tr>
        </thead>
        <tbody>
          ${ride.laps.map(
            (lap, i) =>
              html`<tr>
                <td>${i + 1}</td>
                <th scope="row">${lap.name}</th>
                <td>${minutes(lap.duration_s * 1000)}</td>
                <td>${whole(lap.average_power_w)} W</td>
                <td>${lap.target_w === null ? "free" : `${whole(lap.target_w)} W`}</td>
                <td>${whole(lap.average_heart_rate_bpm)}</td>
                <td>${whole(lap.average_cadence_rpm)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

/** @param {Streams} streams */
export function streamTable(streams) {
  const step = Math.max(Math.ceil(streams.t_s.length / TABLE_ROWS_MAX), 1);
  const rows = streams.t_s.map((_, i) => i).filter((i) => i % step === 0);
  return html`<div class="scroll tall" tabindex="0" role="region" aria-label="Ride over time">
    <table data-testid="stream-table">
      <thead>
        <tr>
          <th scope="col">Time</th>
          <th scope="col">Power, W</th>
          <th scope="col">Heart rate, bpm</th>
          <th scope="col">Cadence, rpm</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (i) =>
            html`<tr>
              <th scope="row">${minutes(streams.t_s[i] * 1000)}</th>
              <td>${whole(streams.power_w[i])}</td>
              <td>${whole(streams.heart_rate_bpm[i])}</td>
              <td>${whole(streams.cadence_rpm[i])}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
