// The bar over a table with selected rows shows by CSS alone; this counts, and gives "select all" and shift-click.
let last = null;

function refresh(form) {
  const boxes = [...form.querySelectorAll("input[name=selected]")];
  const chosen = boxes.filter((box) => box.checked).length;
  const all = form.querySelector("input[data-select-all]");
  if (all) {
    all.checked = chosen > 0 && chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  }
  const count = form.querySelector(".selection-count");
  if (count) count.textContent = (chosen === 1 ? count.dataset.one : count.dataset.many).replace("#", chosen);
}

document.addEventListener("click", (event) => {
  const box = event.target.closest?.(".selection input[type=checkbox]");
  const clear = event.target.closest?.("[data-select-none]");
  if (clear) {
    const form = clear.closest(".selection");
    for (const each of form.querySelectorAll("input[name=selected]")) each.checked = false;
    refresh(form);
    return;
  }
  if (!box) return;
  const form = box.closest(".selection");
  const boxes = [...form.querySelectorAll("input[name=selected]")];
  if (box.hasAttribute("data-select-all")) for (const each of boxes) each.checked = box.checked;
  else if (event.shiftKey && last && boxes.includes(last)) {
    const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
    for (const each of boxes.slice(from, to + 1)) each.checked = box.checked;
  }
  last = box;
  refresh(form);
});
window.addEventListener("pageshow", () => document.querySelectorAll(".selection").forEach(refresh));
