// Marks what will change in a rights matrix and counts it.
function refresh(form) {
  if (!form.querySelector("[data-added]")) return; // a matrix that is only read has nothing to count
  let added = 0;
  let removed = 0;
  for (const input of form.querySelectorAll(".cell input")) {
    const cell = input.parentElement;
    if (input.checked === input.defaultChecked) cell.removeAttribute("data-changed");
    else cell.dataset.changed = input.checked ? "added" : "removed";
    if (input.checked && !input.defaultChecked) added += 1;
    if (!input.checked && input.defaultChecked) removed += 1;
  }
  form.toggleAttribute("data-dirty", added + removed > 0);
  form.querySelector("[data-added]").textContent = `+${added}`;
  form.querySelector("[data-removed]").textContent = `−${removed}`;
}
document.addEventListener("change", (event) => {
  const form = event.target.closest?.(".matrix-form");
  if (form) refresh(form);
});
document.addEventListener("reset", (event) => {
  if (event.target.matches?.(".matrix-form")) setTimeout(() => refresh(event.target));
});
window.addEventListener("pageshow", () => document.querySelectorAll(".matrix-form").forEach(refresh));
