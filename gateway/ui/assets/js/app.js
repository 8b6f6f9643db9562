// Improves pages that already work. Everything listens on the document, so that parts swapped in by htmx need no wiring.
import htmx from "htmx.org/dist/htmx.esm.js";
import "./copying.js";
import "./printing.js";
import "./dialogs.js";
import "./fields.js";
import "./focus.js";
import "./matrix.js";
import "./menus.js";
import "./messages.js";
import { startPanel } from "./panel.js";
import "./selection.js";
import "./shortcuts.js";

document.documentElement.classList.add("js");
window.htmx = htmx;
startPanel(htmx);

// What few pages need comes when a page has one.
const heavy = {
  "parvis-passkey": () => import("./passkeys.js"), "parvis-upload": () => import("./upload.js"), "parvis-pdf": () => import("./pdf.js"),
};
function fetchHeavy(root) {
  for (const [name, load] of Object.entries(heavy)) {
    if (!customElements.get(name) && (root.matches?.(name) || root.querySelector?.(name))) load();
  }
}
fetchHeavy(document);
document.addEventListener("htmx:load", (event) => fetchHeavy(event.target));
