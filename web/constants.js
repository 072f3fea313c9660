// @ts-check
// Written by web/protocol.py from the hub's own tables. Do not edit.
export const PROTOCOL_VERSION = 1;
export const ACK_MS = 1000;
export const STALENESS = {"power_w": {"fresh_ms": 3000, "keep_ms": 10000}, "heart_rate_bpm": {"fresh_ms": 5000, "keep_ms": 15000}, "cadence_rpm": {"fresh_ms": 3000, "keep_ms": 10000}, "speed_kmh": {"fresh_ms": 3000, "keep_ms": 10000}};
export const POWER_ZONE_NAMES = ["", "Recovery", "Endurance", "Tempo", "Threshold", "VO2max", "Anaerobic", "Sprint"];
export const POWER_ZONE_LOW_PCT = [0, 55, 75, 90, 105, 120, 150];
export const HEART_ZONE_NAMES = ["", "Very light", "Light", "Moderate", "Hard", "Maximum"];
export const HEART_NAMES_BY_COUNT = {"3": ["", "Low", "Threshold", "High"], "5": ["", "Very light", "Light", "Moderate", "Hard", "Maximum"], "7": ["", "Recovery", "Aerobic", "Tempo", "Subthreshold", "Superthreshold", "Aerobic capacity", "Anaerobic capacity"]};
