// <parvis-upload endpoint="…">: files go in parts straight to the store, three parts at a time, with progress, back-off and resume.
// The contract of the endpoints is in README.md, "Uploads".
import { say } from "./messages.js";

const PARALLEL = 3;
const FILES_AT_ONCE = 2;
const TRIES = 7;
const POLL_FOR = 10 * 60_000;
const sleep = (ms, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, ms);
  signal?.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
});
const online = () => (navigator.onLine ? Promise.resolve() : new Promise((resolve) => addEventListener("online", resolve, { once: true })));

class Refused extends Error {}
class Expired extends Error {}

function size(octets, language) {
  const units = language === "fr" ? ["o", "ko", "Mo", "Go"] : ["B", "kB", "MB", "GB"];
  let unit = 0;
  while (octets >= 999.5 && unit < 3) { octets /= 1000; unit += 1; }
  return `${octets.toLocaleString(language, { maximumFractionDigits: unit && octets < 9.95 ? 1 : 0 })}\u00a0${units[unit]}`;
}

/** Sends one part; resolves with its ETag, or null when the store does not show it. */
function put(url, blob, signal, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", url);
    request.timeout = 55_000 + blob.size / 20;
    request.upload.onprogress = (event) => progress(event.loaded);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(request.getResponseHeader("ETag"));
      else reject(request.status === 403 || request.status === 401 ? new Expired() : new Error(`store ${request.status}`));
    };
    request.onerror = request.ontimeout = () => reject(new Error("network"));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(blob);
  });
}

class Transfer {
  constructor(element, file, row) {
    Object.assign(this, { element, file, row, state: "waiting", sent: new Map(), stop: new AbortController(), id: null });
  }

  get key() { return `parvis-upload ${this.element.endpoint} ${this.element.dataText} ${this.file.name} ${this.file.size} ${this.file.lastModified}`; }

  async call(method, path, body) {
    let answer;
    for (let attempt = 0; ; attempt += 1) {
      try {
        answer = await fetch(this.element.endpoint + path, {
          method, signal: this.stop.signal, headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF": this.element.csrf },
          body: body ? JSON.stringify(body) : undefined,
        });
        if (answer.status < 500 && answer.status !== 429) break;
      } catch (error) {
        if (this.stop.signal.aborted) throw error;
      }
      // Starting twice would leave an unfinished upload behind: only what can be repeated is repeated.
      if (attempt >= TRIES || (method === "POST" && path === "" && answer)) throw new Error("unavailable");
      this.show("paused");
      await online();
      await sleep(Math.min(15_000, 500 * 2 ** attempt) * (0.7 + Math.random() * 0.6), this.stop.signal);
    }
    const json = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
    if (answer.status === 404 && path) throw new Expired();
    if (!answer.ok) throw new Refused(json.detail ?? json.title ?? "");
    return json;
  }

  async plan() {
    const kept = localStorage.getItem(this.key);
    if (kept) {
      try {
        const found = await this.call("GET", `/${encodeURIComponent(kept)}/parts`);
        this.id = kept;
        return found;
      } catch (error) {
        localStorage.removeItem(this.key);
        if (!(error instanceof Expired || error instanceof Refused)) throw error;
      }
    }
    const made = await this.call("POST", "", { name: this.file.name, size: this.file.size, type: this.file.type, ...this.element.data });
    this.id = made.upload_id;
    localStorage.setItem(this.key, this.id);
    return made;
  }

  async parts(plan) {
    let { part_size: length, parts } = plan;
    const tags = new Map();
    const waiting = parts.filter((part) => !part.done).map((part) => part.number);
    const urls = new Map(parts.map((part) => [part.number, part.url]));
    const sizeOf = (number) => Math.min(length, this.file.size - (number - 1) * length);
    for (const part of parts) {
      tags.set(part.number, null);
      if (part.done) this.sent.set(part.number, sizeOf(part.number));
    }
    let renewing = null;
    const renew = () => (renewing ??= this.call("GET", `/${encodeURIComponent(this.id)}/parts`).then((fresh) => {
      for (const part of fresh.parts) urls.set(part.number, part.url);
    }).finally(() => { renewing = null; }));
    const worker = async () => {
      for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
        const start = (number - 1) * length;
        const blob = this.file.slice(start, start + length);
        for (let attempt = 0; ; attempt += 1) {
          try {
            this.show("sending");
            tags.set(number, await put(urls.get(number), blob, this.stop.signal, (loaded) => { this.sent.set(number, loaded); this.show("sending"); }));
            this.sent.set(number, blob.size);
            break;
          } catch (error) {
            this.sent.set(number, 0);
            if (this.stop.signal.aborted || attempt >= TRIES) throw error;
            if (error instanceof Expired) await renew();
            else {
              this.show("paused");
              await online();
              await sleep(Math.min(15_000, 500 * 2 ** attempt) * (0.7 + Math.random() * 0.6), this.stop.signal);
            }
          }
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(PARALLEL, waiting.length) }, worker));
    return [...tags].sort(([a], [b]) => a - b).map(([number, etag]) => ({ number, etag }));
  }

  async run() {
    this.stop = new AbortController();
    this.sent.clear();
    try {
      this.show("sending");
      const parts = await this.parts(await this.plan());
      this.show("checking");
      let answer = await this.call("POST", `/${encodeURIComponent(this.id)}/complete`, { parts });
      localStorage.removeItem(this.key);
      for (let waited = 0, pause = 700; answer.state === "checking"; pause = Math.min(pause * 1.3, 5000)) {
        await sleep(pause, this.stop.signal);
        waited += pause;
        if (waited > POLL_FOR) break;
        answer = await this.call("GET", `/${encodeURIComponent(this.id)}`);
      }
      this.href = answer.href;
      this.show(answer.state, answer.detail);
    } catch (error) {
      if (this.stop.signal.aborted) return;
      if (error instanceof Refused) { localStorage.removeItem(this.key); this.show("refused", error.message); }
      else this.show("failed");
    }
  }

  cancel() {
    this.stop.abort(new DOMException("cancelled", "AbortError"));
    localStorage.removeItem(this.key);
    if (this.id) fetch(`${this.element.endpoint}/${encodeURIComponent(this.id)}`, { method: "DELETE", headers: { "X-CSRF": this.element.csrf } }).catch(() => {});
    const focused = this.row.contains(document.activeElement);
    this.row.remove();
    if (focused) this.element.choose.focus();
    this.element.forget(this);
  }

  show(state, detail = "") {
    const words = this.element.words;
    const total = Math.max(1, this.file.size);
    const share = Math.min(99, Math.floor((100 * [...this.sent.values()].reduce((sum, part) => sum + part, 0)) / total));
    const changed = this.state !== state;
    this.state = state;
    this.row.dataset.state = state;
    const bar = this.row.querySelector("progress");
    bar.hidden = state !== "sending" && state !== "paused";
    bar.value = share;
    let text = words[state] ?? state;
    if (state === "sending") text = text.replace("#", share);
    if ((state === "refused" || state === "failed") && detail) text = words.refused_because.replace("#", detail);
    this.row.querySelector("[data-state-text]").textContent = text;
    for (const icon of this.row.querySelectorAll("[data-icon]")) icon.toggleAttribute("hidden", icon.dataset.icon !== state);
    this.row.querySelector("[data-cancel]").hidden = !["waiting", "sending", "paused"].includes(state);
    this.row.querySelector("[data-again]").hidden = state !== "failed";
    this.row.querySelector("[data-remove]").hidden = !["refused", "failed"].includes(state);
    // A button that goes with the old state leaves the focus to the one that chose the file.
    if (this.row.contains(document.activeElement) && document.activeElement.hidden) this.element.choose.focus();
    if (state === "filed" && this.href) {
      const name = this.row.querySelector("[data-name]");
      const link = document.createElement("a");
      link.href = this.href;
      link.textContent = this.file.name;
      name.replaceChildren(link);
    }
    if (changed && ["filed", "refused", "failed"].includes(state)) say(`${this.file.name} : ${text}`);
  }
}

class ParvisUpload extends HTMLElement {
  connectedCallback() {
    if (this.transfers) return;
    this.transfers = [];
    this.endpoint = this.getAttribute("endpoint").replace(/\/$/, "");
    this.csrf = this.getAttribute("csrf") ?? "";
    this.dataText = this.getAttribute("data") ?? "{}";
    this.data = JSON.parse(this.dataText);
    this.words = JSON.parse(this.getAttribute("words"));
    this.input = this.querySelector("input[type=file]");
    this.drop = this.querySelector(".drop");
    this.list = this.querySelector(".upload-list");
    this.template = this.querySelector("template");
    this.classList.add("ready");
    this.input.addEventListener("change", () => { this.add(this.input.files); this.input.value = ""; });
    this.choose = this.querySelector("[data-choose]");
    this.choose.addEventListener("click", () => this.input.click());
    this.drop.addEventListener("dragover", (event) => { event.preventDefault(); this.drop.dataset.over = ""; });
    this.drop.addEventListener("dragleave", (event) => { if (!this.drop.contains(event.relatedTarget)) delete this.drop.dataset.over; });
    this.drop.addEventListener("drop", (event) => { event.preventDefault(); delete this.drop.dataset.over; this.add(event.dataTransfer.files); });
    this.leaving = (event) => { if (this.transfers.some((each) => ["waiting", "sending", "paused"].includes(each.state))) event.preventDefault(); };
    addEventListener("beforeunload", this.leaving);
  }

  disconnectedCallback() { removeEventListener("beforeunload", this.leaving); }

  add(files) {
    for (const file of this.input.multiple ? files : [...files].slice(0, 1)) {
      const row = this.template.content.firstElementChild.cloneNode(true);
      const transfer = new Transfer(this, file, row);
      row.querySelector("[data-name]").textContent = file.name;
      row.querySelector("[data-name]").title = file.name;
      row.querySelector("[data-size]").textContent = size(file.size, document.documentElement.lang);
      row.querySelector("[data-cancel]").addEventListener("click", () => transfer.cancel());
      row.querySelector("[data-again]").addEventListener("click", () => { transfer.show("waiting"); this.next(); });
      row.querySelector("[data-remove]").addEventListener("click", () => transfer.cancel());
      for (const button of row.querySelectorAll("button")) button.setAttribute("aria-label", `${button.textContent.trim() || button.title} ${file.name}`);
      this.list.append(row);
      this.transfers.push(transfer);
      const limit = Number(this.getAttribute("max-bytes") ?? 0);
      if (file.size === 0) transfer.show("refused", this.words.is_empty);
      else if (limit && file.size > limit) transfer.show("refused", this.words.too_big);
      else transfer.show("waiting");
    }
    this.next();
  }

  forget(transfer) {
    this.transfers = this.transfers.filter((each) => each !== transfer);
    this.next();
  }

  next() {
    const busy = this.transfers.filter((each) => ["sending", "paused", "checking"].includes(each.state)).length;
    const waiting = this.transfers.filter((each) => each.state === "waiting").slice(0, Math.max(0, FILES_AT_ONCE - busy));
    for (const transfer of waiting) {
      transfer.state = "sending";
      transfer.run().then(() => {
        this.next();
        if (this.transfers.length && this.transfers.every((each) => ["filed", "refused", "failed"].includes(each.state)) && this.transfers.some((each) => each.state === "filed")) {
          this.dispatchEvent(new CustomEvent("parvis:filed", { bubbles: true, detail: { filed: this.transfers.filter((each) => each.state === "filed").length } }));
        }
      });
    }
  }
}
customElements.define("parvis-upload", ParvisUpload);
