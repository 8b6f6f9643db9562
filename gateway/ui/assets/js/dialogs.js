// <a href="#id" data-dialog> opens <dialog id="id"> as a modal; without script the same link opens it by :target.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("a[data-dialog]");
  if (opener) {
    const dialog = document.querySelector(opener.hash);
    if (dialog instanceof HTMLDialogElement) {
      event.preventDefault();
      // What has the focus now gets it back at the end: the menu's button, since its entries are no longer there.
      const menu = opener.closest("details.menu");
      if (menu) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
      // An opener that was replaced meanwhile (a page that shows how far something is) gets it back by its id.
      if (opener.id) {
        dialog.addEventListener("close", () => opener.isConnected || document.getElementById(opener.id)?.focus(), { once: true });
      }
      dialog.showModal();
    }
    return;
  }
  const closer = event.target.closest("[data-dialog-close]");
  if (closer) {
    event.preventDefault();
    closer.closest("dialog")?.close();
    return;
  }
  // A click on the veil falls on the dialog itself, outside its box.
  if (event.target instanceof HTMLDialogElement && event.target.open) {
    const box = event.target.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) event.target.close();
  }
});

// Links that act as buttons answer to the space bar too.
document.addEventListener("keydown", (event) => {
  if (event.key === " " && event.target.matches?.("a[role=button]")) {
    event.preventDefault();
    event.target.click();
  }
});
