// @ts-check
/** Numbers and spans as words. Pure. */

const DASH = "–";

/** Whole number, or a dash. @param {number | null | undefined} value */
export function whole(value) {
  return value === null || value === undefined || Number.isNaN(value)
    ? DASH
    : String(Math.round(value));
}

/** @param {number | null | undefined} value @param {number} digits */
export function decimal(value, digits) {
  return value === null || value === undefined ? DASH : value.toFixed(digits);
}

/** "3:42", "1:09:00". @param {number} span_ms */
export function minutes(span_ms) {
  const seconds = Math.max(Math.floor(span_ms / 1000), 0);
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = Math.floor((seconds % 3600) / 60);
  return hours ? `${hours}:${two(rest)}:${two(seconds % 60)}` : `${rest}:${two(seconds % 60)}`;
}

/** What is left, so that "0:00" is never shown before the end. @param {number} span_ms */
export function countdown(span_ms) {
  return minutes(Math.ceil(span_ms / 1000) * 1000);
}

/** "45 min", "1 h 15". @param {number} span_ms */
export function roughly(span_ms) {
  const total = Math.round(span_ms / 60_000);
  if (total < 60) return `${total} min`;
  return total % 60
    ? `${Math.floor(total / 60)} h ${String(total % 60).padStart(2, "0")}`
    : `${total / 60} h`;
}

/** "today 18:30", "Tue 18 Nov". @param {number} at_ms unix ms */
export function when(at_ms) {
  const at = new Date(at_ms);
  if (at.toDateString() === new Date().toDateString()) {
    return `today ${at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`;
  }
  return at.toLocaleDateString([], { weekday: "short", day: "numeric", month: "short" });
}

/** "2026-11-20", by this device's calendar. @param {number} at_ms unix ms */
export function isoDate(at_ms) {
  const at = new Date(at_ms);
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** A random id for a command, so that saying it twice does it once. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
