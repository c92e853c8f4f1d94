/* Goes to the language chosen before, else to the browser's; without scripts the page offers both. */
"use strict";
(function () {
  let language = null;
  try { language = localStorage.getItem("govlake-language"); } catch { /* a file share may refuse storage */ }
  location.replace((language || (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en")) + "/index.html");
})();
