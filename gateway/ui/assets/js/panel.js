// A row opens its page in a panel at the side on a wide screen. The address is the page's own: reloading shows the page, back closes the panel.
const wide = matchMedia("(min-width: 1100px)");
let opener = null;
let listTitle = "";

export function startPanel(htmx) {
  const panel = document.getElementById("panel");
  if (!panel) return;
  const body = document.getElementById("panel-body");
  const whole = panel.querySelector("[data-panel-whole]");

  function mark(href) {
    for (const row of document.querySelectorAll("tr[data-open]")) row.removeAttribute("data-open");
    if (href) document.querySelector(`a[data-panel][href="${CSS.escape(href)}"]`)?.closest("tr")?.setAttribute("data-open", "");
  }

  async function load(href) {
    let answer;
    try {
      answer = await fetch(href, { headers: { "HX-Request": "true", "HX-Target": "panel-body", Accept: "text/html" } });
    } catch {
      location.assign(href);
      return;
    }
    // Anything but the block asked for (a login page, an error) is shown as the whole page that it is.
    if (!answer.ok || answer.headers.get("X-Parvis-Block") !== "main") {
      location.assign(href);
      return;
    }
    htmx.swap(body, await answer.text(), { swapStyle: "innerHTML" });
    panel.hidden = false;
    whole.href = href;
    mark(href);
    const title = body.querySelector("h1");
    if (title) {
      panel.setAttribute("aria-label", title.textContent.trim());
      document.title = `${title.textContent.trim()} · ${listTitle}`;
    }
    body.scrollTop = 0;
    body.focus();
  }

  function hide() {
    if (panel.hidden) return;
    panel.hidden = true;
    body.replaceChildren();
    mark(null);
    document.title = listTitle;
    opener?.focus();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-panel]");
    if (link && !event.defaultPrevented && event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && wide.matches) {
      event.preventDefault();
      if (panel.hidden) listTitle = document.title;
      opener = link;
      const href = link.getAttribute("href");
      const state = { panel: href };
      if (history.state?.panel) history.replaceState(state, "", href);
      else history.pushState(state, "", href);
      load(href);
      return;
    }
    if (event.target.closest("[data-panel-close]")) {
      event.preventDefault();
      history.back();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !panel.hidden && !event.target.closest("dialog, details[open]")) history.back();
  });
  // Reloaded while the panel was open: the browser now holds the whole page for the list's entry too.
  const reloaded = Boolean(history.state?.panel);
  window.addEventListener("popstate", (event) => {
    if (reloaded) location.reload();
    else if (event.state?.panel) load(event.state.panel);
    else hide();
  });
}
