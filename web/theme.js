// @ts-check
/** Dark unless asked otherwise: training rooms are dark. */

const KEY = "derny.theme";

/** @returns {"dark" | "light"} */
export function theme() {
  return localStorage.getItem(KEY) === "light" ? "light" : "dark";
}

export function applyTheme() {
  document.documentElement.dataset.theme = theme();
}

export function toggleTheme() {
  localStorage.setItem(KEY, theme() === "light" ? "dark" : "light");
  applyTheme();
  dispatchEvent(new Event("derny-theme"));
}
