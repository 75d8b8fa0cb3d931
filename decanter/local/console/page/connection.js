// One connection and its panel.

import { Retry } from "./backoff.js";
import { byteLength, find, setText, stamp } from "./dom.js";
import { FrameLog, hexadecimal } from "./frames.js";
import { idInFrame } from "./identity.js";
import { parse } from "./json.js";
import { comesBackAfter, Session } from "./session.js";
import { KeptToken, offers, withoutToken } from "./token.js";

const LOST = [1006, 1012, 1013];
const GOING_AWAY = 1001;
const GOING_SECONDS = 2;

export class Connection {
  constructor(name, { gateway, handshakes, onChange, onRemove }) {
    Object.assign(this, { name, gateway, handshakes, onChange });
    this.attempt = null;
    this.comesBack = false;
    this.isRemoved = false;
    this.id = "";
    this.wentAt = -Infinity;
    this.panel = stamp("connection");
    this.url = find(".url", this.panel);
    this.protocols = find(".protocols", this.panel);
    this.token = find(".token", this.panel);
    this.helloData = find(".hello", this.panel);
    this.session = null;
    this.keptToken = new KeptToken(name);
    this.log = new FrameLog(find(".log", this.panel), () => this.showCounts());
    this.retry = new Retry(() => this.connect(), (seconds) => this.showWait(seconds));
    this.counts = { sent: 0, received: 0 };
    this.label();
    this.listen(onRemove);
    this.recallToken();
    this.showCounts();
  }

  // Restores a token and, if it is for another server, that server's URL.
  recallToken() {
    const { url, token } = this.keptToken.read();
    this.token.value = token;
    if (URL.canParse(url) && new URL(url).host !== location.host) this.url.value = url;
  }

  label() {
    const name = `connection ${this.name}`;
    setText(this.panel, { badge: this.name });
    this.panel.setAttribute("aria-label", `Connection ${this.name}`);
    this.url.setAttribute("aria-label", `WebSocket URL of ${name}`);
    this.protocols.setAttribute("aria-label", `Subprotocols of ${name}`);
    this.token.setAttribute("aria-label", `Token of ${name}`);
    this.helloData.setAttribute("aria-label", `Data of ${name}`);
    find(".channels", this.panel).setAttribute("aria-label", `Channels of ${name}`);
    find(".log", this.panel).setAttribute("aria-label", `Frames of ${name}`);
    find(".remove", this.panel).setAttribute("aria-label", `Remove ${name}`);
    find(".clear", this.panel).setAttribute("aria-label", `Clear the frames of ${name}`);
  }

  listen(onRemove) {
    const form = find("form", this.panel);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.isBusy) this.disconnect();
      else this.connect();
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.isBusy) this.disconnect();
    });
    form.addEventListener("input", () => this.keptToken.write(this.url.value, this.token.value));
    find(".remove", this.panel).addEventListener("click", () => onRemove(this));
    find(".clear", this.panel).addEventListener("click", () => {
      this.counts = { sent: 0, received: 0 };
      this.log.clear();
    });
  }

  get isOpen() {
    return this.attempt?.socket.readyState === WebSocket.OPEN;
  }

  get state() {
    return this.panel.dataset.state;
  }

  get isBusy() {
    return ["connecting", "open", "waiting"].includes(this.state);
  }

  // -- the socket ---------------------------------------------------------------------------

  // Resolves when the connection is open or has failed.
  async connect() {
    this.retry.cancel();
    const address = this.url.value.trim();
    if (!/^wss?:\/\//i.test(address)) {
      this.show("failed", "not a WebSocket URL: it begins with ws:// or wss://");
      return;
    }
    const hasChannels = this.gateway.hasChannels && this.gateway.serves(address);
    try {
      if (hasChannels) this.readHello();
      const protocols = offers(this.protocols.value, hasChannels ? "" : this.token.value);
      await this.follow(new WebSocket(address, protocols), this.gateway.serves(address));
    } catch (error) {
      this.show("failed", error.message.replace(/^.*WebSocket': /, ""));
    }
  }

  follow(socket, isOurs) {
    const settle = isOurs ? this.handshakes.watch() : async () => undefined;
    const attempt = { socket, settle, wasOpen: false, wasLeft: false };
    this.channelsBefore = this.comesBack ? [...(this.session?.channels ?? [])] : [];
    this.session = isOurs && this.gateway.hasChannels ? new Session() : null;
    this.attempt = attempt;
    socket.binaryType = "arraybuffer";
    this.show("connecting", "connecting …");
    socket.addEventListener("message", (event) => this.receive(event.data));
    return new Promise((resolve) => {
      socket.addEventListener("open", () => resolve(this.opened(attempt)));
      socket.addEventListener("close", (event) => resolve(this.closed(attempt, event)));
    });
  }

  async opened(attempt) {
    const protocol = withoutToken(attempt.socket.protocol, this.token.value);
    attempt.wasOpen = true;
    this.comesBack = false;
    this.retry.reset();
    this.show("open", protocol ? `connected, ${protocol}` : "connected");
    if (this.session) this.sayHello();
    const handshake = await attempt.settle();
    if (handshake?.status === 101 && this.attempt === attempt) this.identify(handshake.connection);
  }

  async closed(attempt, { code, reason, wasClean }) {
    const handshake = attempt.wasOpen ? undefined : attempt.settle();
    this.attempt = null;
    if (this.isRemoved) return;
    if (attempt.wasOpen) {
      const why = withoutToken(reason, this.token.value);
      this.show(wasClean ? "closed" : "failed", `closed ${code} ${why}`.trim());
      this.showChannels([]);
      if (!attempt.wasLeft) this.ended(code);
    } else if (attempt.wasLeft) {
      this.show("closed", "not connected");
    } else if (this.comesBack) {
      this.comeBack();
    } else {
      await this.refused(handshake);
    }
  }

  async refused(handshake) {
    this.show("failed", "no connection", { note: false });
    const why = whyRefused((await handshake)?.status);
    if (!this.isBusy) this.show("failed", `no connection: ${why}`);
  }

  disconnect() {
    this.comesBack = false;
    this.retry.reset();
    if (!this.attempt) {
      this.show("closed", "not connected");
      return;
    }
    this.attempt.wasLeft = true;
    this.show("connecting", "closing …");
    this.attempt.socket.close(1000);
  }

  remove() {
    this.isRemoved = true;
    this.keptToken.write("", "");
    this.retry.cancel();
    this.attempt?.socket.close(1000);
    this.panel.remove();
  }

  send(text) {
    const sent = this.session?.frame(text) ?? text;
    this.attempt.socket.send(sent);
    this.count("sent", this.session ? withoutToken(sent, this.token.value) : sent, byteLength(sent));
  }

  receive(data) {
    if (typeof data === "string" && this.session) {
      for (const { kind, text, about } of this.session.receive(data)) {
        this.count("received", text, byteLength(text), { kind, about });
      }
      this.showChannels(this.session.channels);
    } else if (typeof data === "string") {
      this.count("received", data, byteLength(data));
      if (!this.id) this.identify(idInFrame(parse(data).value) ?? "");
    } else {
      this.count("received", hexadecimal(data), data.byteLength);
    }
  }

  // -- channels -----------------------------------------------------------------------------

  // Throws an error if the field has a text that is not JSON.
  readHello() {
    const text = this.helloData.value.trim();
    const { isJson, value } = parse(text);
    if (text && !isJson) throw new Error("the data of connect is not JSON");
    return value;
  }

  // In one frame: the handlers of two frames may overtake each other.
  sayHello() {
    const subscribes = this.channelsBefore.map((channel) => JSON.stringify({ subscribe: { channel } }));
    this.send([this.session.hello(this.token.value.trim(), this.readHello()), ...subscribes].join("\n"));
  }

  showChannels(names) {
    const made = [...names].sort().map((name) => {
      const chip = stamp("channel");
      setText(chip, { name });
      const button = find("button", chip);
      button.setAttribute("aria-label", `Unsubscribe from ${name}`);
      button.addEventListener("click", () => this.send(JSON.stringify({ unsubscribe: { channel: name } })));
      return chip;
    });
    find(".channels", this.panel).replaceChildren(...made);
  }

  // -- reconnect ----------------------------------------------------------------------------

  // The code 1001 has two causes: the gateway stops, or the connection is idle or too old. The
  // page reconnects for the first one only. The live view shows which one it is.
  ended(code) {
    if (this.session?.end) {
      if (comesBackAfter(this.session.end.code)) this.comeBack();
      return;
    }
    if (code === GOING_AWAY) this.wentAt = performance.now();
    const stopped = code === GOING_AWAY && !this.gateway.isUp;
    if (stopped || LOST.includes(code)) this.comeBack();
  }

  gatewayLost() {
    if (!this.gateway.serves(this.url.value.trim())) return;
    const wentWithIt = performance.now() - this.wentAt < GOING_SECONDS * 1000;
    if (this.retry.isWaiting || (wentWithIt && this.state === "closed")) this.comeBack();
  }

  // Retries with backoff; if the gateway is down, waits until it is up again.
  comeBack() {
    this.comesBack = true;
    this.retry.cancel();
    if (this.gateway.serves(this.url.value.trim()) && !this.gateway.isUp) {
      this.show("waiting", "waiting for the gateway", { note: false });
    } else {
      this.retry.schedule();
    }
  }

  showWait(seconds) {
    this.show("waiting", `lost; next try in ${Math.ceil(seconds)} s`, { note: false });
  }

  // -- the panel ----------------------------------------------------------------------------

  identify(id) {
    this.id = id;
    setText(this.panel, { id });
    this.onChange();
  }

  count(direction, text, size, { kind = direction, about = "" } = {}) {
    this.counts[direction] += 1;
    this.log.record(kind, text, size, about);
  }

  show(state, text, { note = state !== "connecting" } = {}) {
    this.panel.dataset.state = state;
    setText(this.panel, { state: text, toggle: this.isBusy ? "Disconnect" : "Connect" });
    this.url.readOnly = this.isBusy;
    if (note) this.log.note(text);
    if (!this.attempt) this.identify("");
    else this.onChange();
  }

  showCounts() {
    const { sent, received } = this.counts;
    const { dropped } = this.log;
    const facts = [`${sent} sent`, `${received} received`];
    if (dropped) facts.push(`${dropped} oldest dropped`);
    setText(this.panel, { count: facts.join(" · ") });
  }
}

// If the app chooses none of the offered subprotocols, the browser closes the connection.
function whyRefused(status) {
  if (status === undefined) return "refused, or nothing listens there";
  return status === 101 ? "the app chose none of the subprotocols" : `refused with ${status}`;
}
