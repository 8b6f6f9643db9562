// Messages close by their button; good news leave by themselves unless someone is reading them.
const STAY = 7000;

function schedule(toast) {
  if (toast.dataset.kind === "bad" || toast.dataset.kind === "warn" || toast.dataset.timer) return;
  toast.dataset.timer = "on";
  const leave = () => {
    if (toast.matches(":hover, :focus-within")) setTimeout(leave, STAY / 2);
    else toast.remove();
  };
  setTimeout(leave, STAY);
}
const all = () => document.querySelectorAll(".toast").forEach(schedule);
document.addEventListener("click", (event) => event.target.closest(".toast button")?.closest(".toast").remove());
document.addEventListener("htmx:oobAfterSwap", all);
all();

export function say(text) {
  const region = document.getElementById("announcer");
  if (region) region.textContent = text;
}
