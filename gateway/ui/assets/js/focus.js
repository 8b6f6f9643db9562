// The focus is never lost: not when one skips the navigation, nor when htmx replaces the part of the page that has it.
let left = null;

// Without this the address would end in #main, and "back" from the side panel would lead there instead of to the row.
document.addEventListener("click", (event) => {
  if (!event.target.closest(".skip-link")) return;
  event.preventDefault();
  const main = document.getElementById("main");
  main.focus();
  main.scrollIntoView();
});

// htmx finds again what has an id. Anything else is found by its name and value, or where it leads; or else the last of its name: the one that
// adds a line stands behind those that remove one.
document.addEventListener("htmx:beforeSwap", (event) => {
  const here = document.activeElement;
  const part = event.detail.target;
  left = part.contains(here) && part !== here ? { part: part.id, kind: here.localName, name: here.getAttribute("name"), value: here.value, href: here.getAttribute("href") } : null;
});
document.addEventListener("htmx:afterSettle", () => {
  const lost = left;
  left = null;
  if (!lost || document.activeElement !== document.body) return;
  const alike = [...(document.getElementById(lost.part) ?? document).querySelectorAll(lost.kind)].filter((each) => each.checkVisibility()
    && (lost.href === null ? lost.name && each.getAttribute("name") === lost.name : each.getAttribute("href") === lost.href));
  (alike.find((each) => each.value === lost.value) ?? alike.at(-1))?.focus();
});
