// Marks what will change in a rights matrix and counts it. A row of radio buttons says in data-stored what is saved.
const REACHES = ["0", "1", "3", "4", "2"]; // scopes from none to all, as the server numbers them
const reach = (input) => REACHES.indexOf(input?.value ?? "0");
function refresh(form) {
  if (!form.querySelector("[data-added]")) return; // a matrix that is only read has nothing to count
  let added = 0;
  let removed = 0;
  for (const row of form.querySelectorAll("[data-stored]")) {
    const change = reach(row.querySelector(":checked")) - REACHES.indexOf(row.dataset.stored);
    for (const input of row.querySelectorAll(".cell input")) {
      if (change && input.checked) input.parentElement.dataset.changed = change > 0 ? "added" : "removed";
      else input.parentElement.removeAttribute("data-changed");
    }
    if (change > 0) added += 1;
    if (change < 0) removed += 1;
  }
  for (const input of form.querySelectorAll(".cell input[type=checkbox]")) {
    const cell = input.parentElement;
    if (input.checked === input.defaultChecked) cell.removeAttribute("data-changed");
    else cell.dataset.changed = input.checked ? "added" : "removed";
    if (input.checked && !input.defaultChecked) added += 1;
    if (!input.checked && input.defaultChecked) removed += 1;
  }
  form.toggleAttribute("data-dirty", added + removed > 0);
  form.querySelector("[data-added]").textContent = added + removed ? `+${added}` : "";
  form.querySelector("[data-removed]").textContent = added + removed ? `−${removed}` : "";
}
document.addEventListener("change", (event) => {
  const form = event.target.closest?.(".matrix-form");
  if (form) refresh(form);
});
document.addEventListener("reset", (event) => {
  if (event.target.matches?.(".matrix-form")) setTimeout(() => refresh(event.target));
});
window.addEventListener("pageshow", () => document.querySelectorAll(".matrix-form").forEach(refresh));
