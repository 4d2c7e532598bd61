/* Runs before the first paint, so that a stored theme does not flash. */
"use strict";
window.happymapsTheme = {
  read() {
    // Storage is refused to pages from a folder in some browsers.
    try { return localStorage.getItem("happymaps-theme"); } catch { return null; }
  },
  write(value) {
    try { localStorage.setItem("happymaps-theme", value); } catch { /* not kept */ }
  },
};
{
  const stored = window.happymapsTheme.read();
  if (stored === "light" || stored === "dark") {
    document.documentElement.dataset.theme = stored;
  }
}
