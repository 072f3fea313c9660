// @ts-check
// Written by web/protocol.py from the hub's own tables. Do not edit.
export const PROTOCOL_VERSION = 2;
export const ACK_MS = 1000;
export const FINAL_CODES = [4500, 4999];
export const SILENCE_MS = 3000;
export const BACKOFF_MS = 400;
export const BACKOFF_FACTOR = 1.8;
export const BACKOFF_MS_MAX = 8000;
export const CLOCK_SAMPLES_MAX = 16;
export const CLOCK_SAMPLES_FIRST = 8;
export const CLOCK_FIRST_MS = 50;
export const CLOCK_QUIET_MS = 1000;
export const CLOCK_EVERY_MS = 5000;
export const CLOCK_DRIFT_PPM = 100;
export const CLOCK_JUMP_MS = 500;
export const ROW_LATE_MS = 500;
export const CUE_NEAR_MS = 50;
export const STALENESS = {"power_w": {"fresh_ms": 3000, "keep_ms": 10000}, "heart_rate_bpm": {"fresh_ms": 5000, "keep_ms": 15000}, "cadence_rpm": {"fresh_ms": 3000, "keep_ms": 10000}, "speed_kmh": {"fresh_ms": 3000, "keep_ms": 10000}};
export const POWER_ZONE_NAMES = ["", "Recovery", "Endurance", "Tempo", "Threshold", "VO2max", "Anaerobic", "Sprint"];
export const POWER_ZONE_LOW_PCT = [0, 55, 75, 90, 105, 120, 150];
export const UNIT_BOUNDS = {"ftp": [0.0, 3.0], "w": [0.0, 2500.0], "w_per_kg": [0.0, 30.0], "power_zone": [1.0, 7.0], "max_hr": [0.0, 1.1], "lthr": [0.0, 1.5], "hrr": [0.0, 1.1], "bpm": [0.0, 250.0], "heart_zone": [1.0, 5.0], "rpe": [0.0, 10.0], "rpm": [0.0, 250.0], "grade_pct": [-40.0, 40.0], "resistance_pct": [0.0, 100.0], "kmh": [0.0, 120.0], "threshold_speed": [0.0, 2.0]};
