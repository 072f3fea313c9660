// @ts-check
/** The riders of a session with their live numbers: a class at a glance. */

import { html } from "lit";
import { whole } from "../format.js";
import { reading } from "../reading.js";
import { zonePill } from "./parts.js";

/**
 * @param {import("../hub.js").Hub} hub
 * @param {import("../protocol.d.ts").SessionView} view
 * @param {Map<string, import("../store.js").Row>} rows
 */
export function classTiles(hub, view, rows) {
  const now = hub.clock.now();
  return html`<div class="riders">
    ${view.athletes.map((one) => {
      const row = rows.get(one.athlete);
      const power = reading(row, "power_w", now, "power_3s_w");
      const heart = reading(row, "heart_rate_bpm", now);
      const cadence = reading(row, "cadence_rpm", now);
      const zone = power.value === null ? 0 : Number(row?.power_zone ?? 0);
      return html`<a
        class="tile"
        data-z=${zone}
        href=${`#/ride/${view.session}/${one.athlete}`}
        data-testid="rider"
      >
        <span class="row"><b>${one.name}</b>${zonePill(zone)}</span>
        <span class="pw ${power.quality}"
          ><span class="num" data-testid="rider-power">${whole(power.value)}</span>
          <span class="unit">W</span></span
        >
        <span class="row small"
          ><span class=${heart.quality}><b>${whole(heart.value)}</b> bpm</span
          ><span class=${cadence.quality}><b>${whole(cadence.value)}</b> rpm</span></span
        >
      </a>`;
    })}
  </div>`;
}
