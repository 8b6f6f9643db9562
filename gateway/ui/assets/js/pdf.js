// <parvis-pdf src="…">: pages as canvas with a text layer (selection, screen readers, search), drawn when they come into view.
import * as pdfjs from "pdfjs-dist/legacy/build/pdf.mjs";

const base = new URL(PDF_SUPPORT, import.meta.url).href;
pdfjs.GlobalWorkerOptions.workerSrc = new URL(PDF_WORKER, import.meta.url).href;
const STEPS = [0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3, 4];
const MAX_PIXELS = 16_000_000;

class ParvisPdf extends HTMLElement {
  async connectedCallback() {
    if (this.started) return;
    this.started = true;
    this.words = JSON.parse(this.getAttribute("words"));
    this.view = this.querySelector(".pdf-view");
    this.pages = this.querySelector(".pdf-pages");
    this.note = this.querySelector(".pdf-note");
    this.number = this.querySelector("[data-page]");
    this.scaleText = this.querySelector("[data-scale]");
    this.zoom = null;
    this.drawn = new Map();
    this.querySelector(".pdf-bar").hidden = false;
    this.wire();
    try {
      // No eval and no WebAssembly: the page's policy allows neither.
      this.task = pdfjs.getDocument({
        url: this.getAttribute("src"), isEvalSupported: false, useWasm: false, enableXfa: false, cMapUrl: `${base}cmaps/`, cMapPacked: true,
        standardFontDataUrl: `${base}standard_fonts/`, wasmUrl: `${base}wasm/`, iccUrl: `${base}iccs/`, disableAutoFetch: true,
      });
      this.document = await this.task.promise;
    } catch (error) {
      this.fail(error?.name === "PasswordException" ? this.words.password : this.words.failed);
      return;
    }
    this.querySelector("[data-pages]").textContent = this.document.numPages;
    this.number.max = this.document.numPages;
    await this.layout();
    this.note.hidden = true;
    this.dataset.ready = "true";
    new ResizeObserver(() => { if (this.zoom === null && this.view.clientWidth !== this.width) this.relayout(); }).observe(this.view);
  }

  disconnectedCallback() { this.watcher?.disconnect(); this.task?.destroy(); }

  fail(text) {
    this.pages.replaceChildren();
    this.note.hidden = false;
    this.note.querySelector("[data-note]").textContent = text;
    this.dataset.ready = "failed";
  }

  scaleFor(viewport) {
    if (this.zoom !== null) return this.zoom;
    const style = getComputedStyle(this.view);
    const room = this.view.clientWidth - parseFloat(style.paddingInlineStart) - parseFloat(style.paddingInlineEnd);
    return Math.min(room / viewport.width, 1.6);
  }

  async layout() {
    const first = (await this.document.getPage(1)).getViewport({ scale: 96 / 72 });
    this.width = this.view.clientWidth;
    this.watcher = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) this.draw(entry.target);
        else this.drop(entry.target);
      }
    }, { root: this.view.scrollHeight > this.view.clientHeight ? this.view : null, rootMargin: "600px 0px" });
    for (let number = 1; number <= this.document.numPages; number += 1) {
      const holder = document.createElement("div");
      holder.className = "pdf-page";
      holder.dataset.number = number;
      holder.setAttribute("role", "region");
      holder.setAttribute("aria-label", this.words.page.replace("#", number));
      this.size(holder, first);
      this.pages.append(holder);
      this.watcher.observe(holder);
    }
    this.showScale(first);
  }

  size(holder, viewport) {
    const scale = this.scaleFor(viewport);
    holder.style.inlineSize = `${Math.floor(viewport.width * scale)}px`;
    holder.style.blockSize = `${Math.floor(viewport.height * scale)}px`;
  }

  showScale(viewport) { this.scaleText.textContent = `${Math.round(100 * this.scaleFor(viewport))}\u00a0%`; }

  async draw(holder) {
    const number = Number(holder.dataset.number);
    if (this.drawn.has(number)) return;
    this.drawn.set(number, null);
    const page = await this.document.getPage(number);
    if (!this.drawn.has(number)) return;
    const natural = page.getViewport({ scale: 96 / 72 });
    const scale = this.scaleFor(natural) * (96 / 72);
    const viewport = page.getViewport({ scale });
    this.size(holder, natural);
    const ratio = Math.min(Math.max(1, devicePixelRatio), Math.sqrt(MAX_PIXELS / (viewport.width * viewport.height)));
    const canvas = document.createElement("canvas");
    canvas.width = Math.floor(viewport.width * ratio);
    canvas.height = Math.floor(viewport.height * ratio);
    canvas.style.inlineSize = `${Math.floor(viewport.width)}px`;
    canvas.style.blockSize = `${Math.floor(viewport.height)}px`;
    canvas.setAttribute("aria-hidden", "true");
    const text = document.createElement("div");
    text.className = "textLayer";
    holder.style.setProperty("--total-scale-factor", scale);
    holder.replaceChildren(canvas, text);
    const task = page.render({ canvas, viewport, transform: ratio === 1 ? null : [ratio, 0, 0, ratio, 0, 0] });
    this.drawn.set(number, task);
    try {
      await task.promise;
      await new pdfjs.TextLayer({ textContentSource: page.streamTextContent(), container: text, viewport }).render();
    } catch (error) {
      if (error?.name !== "RenderingCancelledException" && error?.name !== "AbortException") throw error;
    }
  }

  // Far pages give their memory back: a phone has little.
  drop(holder) {
    const number = Number(holder.dataset.number);
    if (!this.drawn.has(number)) return;
    this.drawn.get(number)?.cancel();
    this.drawn.delete(number);
    holder.replaceChildren();
  }

  async relayout() {
    const keep = this.current();
    this.width = this.view.clientWidth;
    const viewport = (await this.document.getPage(1)).getViewport({ scale: 96 / 72 });
    for (const holder of this.pages.children) {
      this.drop(holder);
      this.size(holder, viewport);
    }
    this.showScale(viewport);
    this.go(keep);
    for (const holder of this.pages.children) {
      this.watcher.unobserve(holder);
      this.watcher.observe(holder);
    }
  }

  current() {
    const top = Math.max(this.view.getBoundingClientRect().top, 0) + 120;
    for (const holder of this.pages.children) if (holder.getBoundingClientRect().bottom > top) return Number(holder.dataset.number);
    return 1;
  }

  go(number) {
    const wanted = Math.min(Math.max(1, number), this.pages.children.length);
    const holder = this.pages.children[wanted - 1];
    if (this.view.scrollHeight > this.view.clientHeight) this.view.scrollTop += holder.getBoundingClientRect().top - this.view.getBoundingClientRect().top - 16;
    else holder.scrollIntoView();
    this.number.value = wanted;
  }

  scaleBy(direction) {
    const now = this.zoom ?? Number.parseInt(this.scaleText.textContent, 10) / 100;
    const next = direction > 0 ? STEPS.find((step) => step > now + 0.01) : STEPS.findLast((step) => step < now - 0.01);
    if (!next) return;
    this.zoom = next;
    this.relayout();
  }

  wire() {
    const acts = {
      previous: () => this.go(this.current() - 1), next: () => this.go(this.current() + 1),
      smaller: () => this.scaleBy(-1), larger: () => this.scaleBy(1), fit: () => { this.zoom = null; this.relayout(); },
    };
    this.addEventListener("click", (event) => {
      const act = event.target.closest("[data-act]")?.dataset.act;
      if (act && this.document) acts[act]?.();
    });
    this.number.addEventListener("change", () => this.go(Number(this.number.value) || 1));
    const follow = () => { if (document.activeElement !== this.number && this.document) this.number.value = this.current(); };
    this.view.addEventListener("scroll", follow, { passive: true });
    addEventListener("scroll", follow, { passive: true });
    this.view.addEventListener("keydown", (event) => {
      const act = { "+": "larger", "=": "larger", "-": "smaller", 0: "fit", ArrowRight: "next", ArrowLeft: "previous", n: "next", p: "previous" }[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey || !this.document) return;
      event.preventDefault();
      acts[act]();
    });
  }
}
customElements.define("parvis-pdf", ParvisPdf);
