// Error summary names its fields and takes the focus; passwords can be shown and tell which rules they meet; merge fields are inserted at the cursor.
import { strengthOf } from "./strength.js";

function target(link) {
  return link && document.getElementById(decodeURIComponent(link.hash.slice(1)));
}
function nameOf(field) {
  const group = field.closest("fieldset:not(.field)")?.querySelector("legend");
  const label = field.closest("fieldset.field")?.querySelector("legend") ?? field.labels?.[0];
  // The first text only: "(optional)" follows it.
  return [group, label].map((each) => each?.firstChild?.textContent.trim()).filter(Boolean).join(", ");
}
function focusSummary(root) {
  const summary = root.querySelector?.(".error-summary");
  if (!summary) return;
  const list = summary.querySelector("ul");
  const place = (item) => target(item.querySelector("a[href^='#']"));
  // In the order of the form, whoever found the errors; what is about the whole form stays on top.
  list.append(...[...list.children].sort((one, other) => {
    const [a, b] = [place(one), place(other)];
    if (!a || !b || a === b) return Number(!!a) - Number(!!b);
    return a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1;
  }));
  const colon = document.documentElement.lang === "fr" ? "\u00a0: " : ": ";
  for (const link of summary.querySelectorAll("a[href^='#']:not([data-named])")) {
    const field = target(link);
    const name = field && nameOf(field);
    link.dataset.named = name || "";
    if (name) link.prepend(name + colon);
  }
  summary.focus();
}
focusSummary(document);
document.addEventListener("htmx:load", (event) => focusSummary(event.target));

document.addEventListener("click", (event) => {
  const reveal = event.target.closest(".reveal");
  if (reveal) {
    const input = reveal.parentElement.querySelector("input");
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    reveal.setAttribute("aria-pressed", String(shown));
    for (const icon of reveal.querySelectorAll(".reveal-icon")) icon.toggleAttribute("hidden");
    input.focus();
    return;
  }
  const link = event.target.closest(".error-summary a[href^='#']");
  if (link) {
    const field = target(link);
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.closest(".field")?.scrollIntoView({ block: "center" });
    return;
  }
  const chip = event.target.closest(".insert");
  if (chip) {
    const area = document.getElementById(chip.closest("[data-editor]").dataset.editor);
    area.focus();
    area.setRangeText(chip.dataset.insert, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
});

function check(input) {
  const list = document.getElementById(input.dataset.rules);
  if (!list) return;
  const value = input.value;
  for (const item of list.children) {
    const { pattern, minimum, avoids } = item.dataset;
    let met = value !== "";
    if (minimum) met &&= [...value].length >= Number(minimum);
    if (pattern) met &&= new RegExp(pattern, "u").test(value);
    if (avoids) {
      const other = input.form?.elements[avoids]?.value ?? avoids;
      met &&= other === "" || !value.toLowerCase().includes(other.toLowerCase());
    }
    item.dataset.met = String(met);
    item.querySelector(".rule-word").textContent = met ? list.dataset.met : list.dataset.open;
  }
}
function measure(input) {
  const meter = document.getElementById(input.dataset.meter);
  if (!meter) return;
  const level = strengthOf(input.value, meter.dataset.avoids.split(" ").filter(Boolean));
  if (meter.dataset.level === String(level)) return; // said once, not at every key
  meter.dataset.level = String(level);
  meter.querySelector(".strength-word").textContent = meter.dataset.words.split("|")[level];
}
document.addEventListener("input", (event) => {
  if (event.target.dataset?.meter) measure(event.target);
  if (event.target.dataset?.rules) check(event.target);
  // An error that has been answered no longer shouts; the server judges the next time.
  if (event.target.getAttribute?.("aria-invalid") === "true") event.target.removeAttribute("aria-invalid");
});

// A form is sent once.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === "dialog" || form.method === "get" || form.target === "_blank") return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "true";
  setTimeout(() => { delete form.dataset.sent; }, 4000);
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
