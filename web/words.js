// @ts-check
/** States of trainers, sensors and the link as sentences a rider understands. Pure. */

import { roughly } from "./format.js";

/** @typedef {import("./protocol.d.ts").TrainerView} TrainerView */
/** @typedef {import("./protocol.d.ts").SensorView} SensorView */
/** @typedef {import("./protocol.d.ts").SensorsView} SensorsView */

const BATTERY_LOW_PCT = 20;

/** @type {Record<string, string>} */
const HOLDING_BACK = {
  low_cadence: "Low cadence: target eased",
  ramp_in: "Easing back in to the target",
  cap: "Your power cap limits the target",
  range: "The target is outside the trainer's range",
  not_pedalling: "Not pedalling: trainer released",
  plan_ended: "Plan ended: trainer released",
  spin_down: "Calibrating: the trainer is free",
};

/** @type {Record<string, string>} */
const REFUSED = {
  no_power_targets: "takes no power targets. Ride by the numbers.",
  no_grade_targets: "takes no grades. Choose power or resistance.",
  no_resistance_targets: "takes no resistance. Choose power or grade.",
};

/** @type {Record<string, string>} */
const RELEASED = {
  read_only: "Another app steers the trainer",
  not_pedalling: "Not pedalling: trainer released",
  plan_ended: "Plan ended: trainer released",
  no_ftp: "No FTP: the trainer is not steered",
};

/**
 * What a trainer's state means; null when there is nothing to say.
 * @param {TrainerView | null | undefined} trainer
 */
export function trainerWords(trainer) {
  if (!trainer) return null;
  const { name, status, reason = "" } = trainer;
  switch (status) {
    case "elsewhere":
      return {
        tone: /** @type {const} */ ("alert"),
        text: `${name} is controlled by another app. Close it there, then Retry. Recording continues.`,
        retry: true,
      };
    case "holding_back":
      return {
        tone: /** @type {const} */ ("note"),
        text: HOLDING_BACK[reason] ?? "The trainer holds the target back",
        retry: false,
      };
    case "unsteerable":
      return {
        tone: /** @type {const} */ ("warn"),
        text: `${name} ${REFUSED[reason] ?? "takes no targets."} Recording continues.`,
        retry: false,
      };
    case "lost":
      return {
        tone: /** @type {const} */ ("warn"),
        text: `${name} is out of reach. Recording continues.`,
        retry: false,
      };
    case "free":
      return RELEASED[reason]
        ? { tone: /** @type {const} */ ("note"), text: RELEASED[reason], retry: false }
        : null;
    default:
      return null;
  }
}

/** @type {Record<string, string>} */
const TRAINER_CHIP = {
  free: "Trainer free",
  requesting: "Trainer …",
  following: "Trainer ERG",
  holding_back: "Trainer eased",
  elsewhere: "Trainer taken",
  unsteerable: "Trainer free",
  lost: "Trainer lost",
};

/** @type {Record<string, string>} */
export const KIND_WORDS = {
  heart_rate: "Heart rate",
  power: "Power meter",
  cadence: "Cadence sensor",
  speed: "Speed sensor",
  trainer: "Trainer",
  run: "Foot pod",
  treadmill: "Treadmill",
  rower: "Rower",
  cross_trainer: "Cross trainer",
};

/** The kind that names a sensor with several. @param {SensorView} sensor */
export function mainKind(sensor) {
  const order = /** @type {const} */ ([
    "trainer",
    "treadmill",
    "rower",
    "cross_trainer",
    "heart_rate",
    "power",
    "cadence",
    "speed",
    "run",
  ]);
  return order.find((kind) => sensor.kinds.includes(kind)) ?? "speed";
}

/**
 * A sensor in the top line: words and how well it does.
 * @param {SensorView} sensor
 * @param {TrainerView | null | undefined} trainer
 */
export function sensorChip(sensor, trainer) {
  const kind = mainKind(sensor);
  const steered = kind === "trainer" && trainer;
  const name = steered ? TRAINER_CHIP[trainer.status] : KIND_WORDS[kind];
  const battery = sensor.battery_pct ?? null;
  const low = battery !== null && battery <= BATTERY_LOW_PCT;
  const well =
    sensor.link === "live" && !(steered && ["elsewhere", "lost"].includes(trainer.status));
  const state = sensor.link === "live" ? "" : " · no signal";
  return {
    text: `${name}${state}${low ? ` · battery ${battery} %` : ""}`,
    tone: !well ? "alert" : low ? "warn" : "ok",
  };
}

/** @type {Record<string, string>} */
const LINK_WORDS = {
  absent: "not in reach",
  seen: "found",
  connecting: "connecting",
  discovering: "connecting",
  subscribing: "connecting",
  silent: "silent",
  backoff: "trying again",
};

/** @param {SensorView} sensor */
export function linkWords(sensor) {
  return LINK_WORDS[sensor.link] ?? "";
}

/** @type {Record<string, (span: string) => string>} */
const WHY_NOT = {
  held_elsewhere: (span) =>
    `Seen ${span} ago, not advertising: probably connected to another app or device`,
  no_free_slot: () => "Every place at the radio is taken",
};

/**
 * Why a sensor is not connected, where more than its link says; else "".
 * @param {SensorView} sensor @param {number} now hub time, ms
 */
export function whyNotWords(sensor, now) {
  if (sensor.link === "live") return "";
  const span = Math.max(0, now - sensor.seen_at_ms);
  return WHY_NOT[sensor.problem ?? ""]?.(roughly(Math.max(60_000, span))) ?? "";
}

const NO_SOURCE = {
  power_w: "no power meter",
  heart_rate_bpm: "no heart rate sensor",
  cadence_rpm: "no cadence sensor",
  speed_kmh: "no speed sensor",
};

/**
 * Which sensors measure what: those made for it are missed as soon as they say nothing, those
 * that only may do it with their link.
 * @typedef {import("./protocol.d.ts").SensorKind[]} Kinds
 * @type {Record<import("./protocol.d.ts").Metric, {made: Kinds, may: Kinds}>}
 */
const MEASURED_BY = {
  power_w: { made: ["power", "trainer"], may: [] },
  heart_rate_bpm: { made: ["heart_rate"], may: [] },
  cadence_rpm: { made: ["cadence"], may: ["power", "trainer"] },
  speed_kmh: { made: ["speed", "run"], may: ["trainer"] },
};

/**
 * Why a metric has no number; null: it has one, or its own words say all.
 * @param {import("./protocol.d.ts").Metric} metric
 * @param {import("./protocol.d.ts").Quality} quality
 * @param {string} athlete
 * @param {import("./protocol.d.ts").SensorsView | null} view
 * @returns {{who: string, note: string} | null}
 */
export function absence(metric, quality, athlete, view) {
  if (quality !== "none" && quality !== "gone") return null;
  if (view && !view.gateways.some((one) => one.up)) return { who: "", note: "gateway is away" };
  if (quality === "gone") return null;
  const { made, may } = MEASURED_BY[metric];
  const missed = view?.sensors.find(({ athlete: whose, kinds, link }) => {
    const expected = link === "live" ? made : [...made, ...may];
    return whose === athlete && kinds.some((kind) => expected.includes(kind));
  });
  if (!missed) return { who: "", note: NO_SOURCE[metric] };
  return { who: missed.name, note: missed.link === "live" ? "no value yet" : "no signal" };
}

/**
 * How many more sensors the radios take; "" while none has said.
 * @param {SensorsView | null | undefined} view
 */
export function roomWords(view) {
  const free = view?.free_slots ?? null;
  if (free === null) return "";
  if (free === 0) return "This room can hold no more sensors";
  return `This room can hold ${free} more sensor${free === 1 ? "" : "s"}`;
}

/** @type {Record<string, string>} */
const ADAPTER_WORDS = {
  no_adapter: "not found",
  powered_off: "switched off",
  no_permission: "Derny may not use it",
  no_bluetooth_service: "Bluetooth is not running",
  restarting: "is switched off and on",
  deaf: "hears nothing",
  connects_fail: "connects fail",
};

/** What a radio does. @param {import("./protocol.d.ts").AdapterState} adapter */
export function adapterWords(adapter) {
  if (adapter.problem) return ADAPTER_WORDS[adapter.problem] ?? "does not work";
  if (!adapter.powered) return ADAPTER_WORDS.powered_off;
  return adapter.slots ? `${adapter.used ?? 0} of ${adapter.slots} places taken` : "ready";
}

/**
 * Through which gateway a sensor comes, where there is more than one radio; else "".
 * @param {SensorView} sensor @param {SensorsView | null | undefined} view
 */
export function throughWords(sensor, view) {
  const up = view?.gateways.filter((one) => one.up) ?? [];
  const radios = up.find((one) => one.gateway === sensor.gateway)?.adapters.length ?? 0;
  if (sensor.link !== "live" || (up.length < 2 && radios < 2)) return "";
  const radio = radios > 1 && sensor.adapter ? sensor.adapter : "";
  if (up.length < 2) return radio && `through ${radio}`;
  return `through ${sensor.gateway}${radio && `, ${radio}`}`;
}

/**
 * How a bike stands with who looks at it.
 * @param {import("./protocol.d.ts").BikeView} bike
 * @returns {{tone: "" | "mine" | "busy", text: string}}
 */
export function bikeWords(bike) {
  if (bike.state === "yours") return { tone: "mine", text: "You sit here" };
  if (bike.state === "taken") return { tone: "busy", text: bike.athlete_name || "Taken" };
  if (bike.moving) return { tone: "", text: "Free · somebody pedals" };
  return { tone: "", text: bike.here ? "Free" : "Free · trainer asleep" };
}

/**
 * A question of the hub, and what its answers are called.
 * @param {import("./protocol.d.ts").AskView} ask
 * @param {(bike: string) => string} bikeName
 */
export function askWords(ask, bikeName) {
  const [first, second] = ask.athletes ?? [];
  const both = second === undefined ? `You and ${first || "another rider"}` : `${first} and ${second}`;
  switch (ask.kind) {
    case "which_bike":
      return {
        icon: /** @type {const} */ ("trainer"),
        title: "Which bike are you on?",
        note: "More than one began to turn, or more than one rider waits.",
        yes: "",
        no: (ask.bikes ?? []).length > 1 ? "None of them" : "Not mine",
      };
    case "strap":
      return {
        icon: /** @type {const} */ ("heart"),
        title: `Is ${ask.name} yours?`,
        note: "It is the nearest strap that nobody wears. Its name is on the pod.",
        yes: "Yes, mine",
        no: "No",
      };
    case "same_strap":
      return {
        icon: /** @type {const} */ ("heart"),
        title: `Is ${ask.name || "this strap"} the one you wore before?`,
        note: ask.other && ask.other !== ask.name ? `It was called ${ask.other}.` : "It came back under another address.",
        yes: "Yes, the same",
        no: "Another one",
      };
    case "give_up":
      return {
        icon: /** @type {const} */ ("swap"),
        title: `Somebody else says they sit on ${bikeName(ask.bikes?.[0] ?? "")}`,
        note: "Say so if you sit on another bike. Nothing changes until you do.",
        yes: "They may have it",
        no: "I sit here",
      };
    case "swapped":
      return {
        icon: /** @type {const} */ ("swap"),
        title: `${both} may wear each other's strap`,
        note: "Each heart rate follows the other's legs. Both must say so, or the coach.",
        yes: "Swap the straps",
        no: "No, they are right",
      };
  }
}

/** @type {Record<string, {title: string, fix: string[]}>} */
export const RADIO = {
  no_gateway: {
    title: "The gateway is not connected.",
    fix: [
      "It starts with `derny up` and finds the sensors. Look at the terminal: it says why it is away.",
      "It comes back by itself a few seconds after it can.",
    ],
  },
  no_adapter: {
    title: "No Bluetooth adapter found.",
    fix: [
      "Plug a Bluetooth 4.0 or newer adapter into this computer. Derny finds it by itself.",
      "In a virtual machine or container, hand the adapter through to it first.",
      "On a Raspberry Pi, take `dtoverlay=disable-bt` out of its config.txt and start it anew.",
    ],
  },
  powered_off: {
    title: "Bluetooth is switched off.",
    fix: [
      "Switch Bluetooth on in the computer's settings, or run `bluetoothctl power on`.",
      "If it stays off, run `rfkill unblock bluetooth`.",
    ],
  },
  no_permission: {
    title: "Derny may not use Bluetooth.",
    fix: [
      "On macOS, allow the terminal under Privacy & Security, Bluetooth.",
      "On Linux, add your user to the group `bluetooth` and sign in again.",
    ],
  },
  no_bluetooth_service: {
    title: "The Bluetooth service is not running.",
    fix: [
      "Install BlueZ, the package `bluez`.",
      "Start it: `sudo systemctl enable --now bluetooth`.",
    ],
  },
};

/** @param {string} problem */
export function radioWords(problem) {
  return (
    RADIO[problem] ?? {
      title: `Bluetooth does not work (${problem}).`,
      fix: ["Look at the terminal where `derny up` runs: it says why."],
    }
  );
}

/** @type {Record<string, string>} */
const METRIC_WORDS = {
  power_w: "Power",
  heart_rate_bpm: "Heart rate",
  cadence_rpm: "Cadence",
  speed_kmh: "Speed",
};

/** @param {string | null | undefined} metric null: all of them */
export function metricWords(metric) {
  return metric ? (METRIC_WORDS[metric] ?? metric) : "Everything";
}

/** @param {import("./protocol.d.ts").SourceSwitched} body */
export function switchWords(body) {
  const what = metricWords(body.metric);
  if (body.cause === "lost") return `${what} now from ${body.name}: the other sensor fell silent`;
  if (body.cause === "returned") return `${what} from ${body.name} again`;
  return `${what} now from ${body.name}`;
}
