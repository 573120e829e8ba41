// Sets the chosen theme before anything is drawn; without a choice the
// browser's own preference holds.
"use strict";
(() => {
  try {
    const chosen = localStorage.getItem("plimsoll-theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage is shut off: the preference holds.
  }
})();
