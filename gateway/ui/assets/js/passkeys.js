// <parvis-passkey mode="get" options="{…}" words="{…}"> in a form: asks the browser for a passkey, puts its answer into the
// form's field `credential` and sends it. With `conditional`, the browser also offers passkeys where a user name is typed.
const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const described = (list) => list?.map((each) => ({ ...each, id: bytes(each.id) }));

function read(options) {
  const found = { ...options, challenge: bytes(options.challenge) };
  if (options.user) found.user = { ...options.user, id: bytes(options.user.id) };
  if (options.excludeCredentials) found.excludeCredentials = described(options.excludeCredentials);
  if (options.allowCredentials) found.allowCredentials = described(options.allowCredentials);
  return found;
}

function written(credential) {
  const { response } = credential;
  const told = { clientDataJSON: text(response.clientDataJSON) };
  if (response.attestationObject) {
    told.attestationObject = text(response.attestationObject);
    told.transports = response.getTransports?.() ?? [];
  } else {
    told.authenticatorData = text(response.authenticatorData);
    told.signature = text(response.signature);
    if (response.userHandle) told.userHandle = text(response.userHandle);
  }
  const { id, type } = credential;
  return JSON.stringify({ id, rawId: text(credential.rawId), type, response: told, clientExtensionResults: credential.getClientExtensionResults() });
}

class Passkey extends HTMLElement {
  connectedCallback() {
    this.words = JSON.parse(this.getAttribute("words"));
    this.options = JSON.parse(this.getAttribute("options"));
    const button = this.querySelector("button");
    if (!window.PublicKeyCredential) {
      button.hidden = true;
      if (!this.hasAttribute("conditional")) this.say("unsupported");
      return;
    }
    button.addEventListener("click", () => this.ask());
    if (this.hasAttribute("conditional")) this.offer();
  }

  disconnectedCallback() {
    this.waiting?.abort();
  }

  async ask() {
    this.waiting?.abort();
    this.say("");
    try {
      const publicKey = read(this.options);
      const made = this.getAttribute("mode") === "create" ? await navigator.credentials.create({ publicKey }) : await navigator.credentials.get({ publicKey });
      this.send(made);
    } catch (error) {
      this.say(error.name === "InvalidStateError" ? "known" : error.name === "NotAllowedError" ? "cancelled" : "failed");
      this.offer();
    }
  }

  // The browser lists passkeys beside the names that it knows; nothing is said when nobody picks one.
  async offer() {
    if (!this.hasAttribute("conditional") || !(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
    this.waiting = new AbortController();
    try {
      this.send(await navigator.credentials.get({ publicKey: read(this.options), mediation: "conditional", signal: this.waiting.signal }));
    } catch {
      // Aborted, or declined: the page works as before.
    }
  }

  send(made) {
    const form = this.closest("form");
    form.elements.namedItem("credential").value = written(made);
    form.submit();
  }

  say(word) {
    const place = this.querySelector("[role=status]");
    place.hidden = !word;
    place.textContent = word ? this.words[word] : "";
  }
}
customElements.define("parvis-passkey", Passkey);
