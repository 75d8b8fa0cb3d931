// The console: connections to a WebSocket API, what they send and what they receive.
// Whatever a peer sends is shown with textContent, never as markup.

const SHOWN_ENTRIES = 500;
const NAMES = ["A", "B"];
const MARKS = { sent: "↑", received: "↓", note: "·" };

const find = (selector, parent = document) => parent.querySelector(selector);
const stamp = (id) => find(`template#${id}`).content.firstElementChild.cloneNode(true);
const byteLength = (text) => new TextEncoder().encode(text).length;

function readableSize(bytes) {
  return bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KB`;
}

function clockTime(date) {
  const digits = (value, length) => String(value).padStart(length, "0");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()];
  return `${time.map((part) => digits(part, 2)).join(":")}.${digits(date.getMilliseconds(), 3)}`;
}

// The frames of one connection, the oldest dropped when there are too many.
class Log {
  constructor(list) {
    this.list = list;
  }

  add(kind, text, size) {
    const entry = stamp("entry");
    const time = clockTime(new Date());
    entry.dataset.kind = kind;
    find(".mark", entry).textContent = MARKS[kind];
    find(".mark", entry).setAttribute("aria-label", kind);
    find(".text", entry).textContent = text;
    find(".facts", entry).textContent = size === undefined ? time : `${readableSize(size)} · ${time}`;
    this.append(entry);
  }

  append(entry) {
    const { scrollHeight, scrollTop, clientHeight } = this.list;
    const followed = scrollHeight - scrollTop - clientHeight < 40;
    this.list.append(entry);
    while (this.list.children.length > SHOWN_ENTRIES) this.list.firstElementChild.remove();
    if (followed) this.list.scrollTop = this.list.scrollHeight;
  }

  clear() {
    this.list.replaceChildren();
  }
}

// One connection and its panel.
class Connection {
  constructor(name, onChange) {
    this.name = name;
    this.onChange = onChange;
    this.socket = null;
    this.counts = { sent: 0, received: 0 };
    this.panel = stamp("connection");
    this.url = find(".url", this.panel);
    this.log = new Log(find(".log", this.panel));
    this.label();
    this.listen();
    this.showCounts();
  }

  label() {
    find("h2", this.panel).textContent = this.name;
    this.panel.setAttribute("aria-label", `Connection ${this.name}`);
    this.url.setAttribute("aria-label", `WebSocket URL of connection ${this.name}`);
    find(".log", this.panel).setAttribute("aria-label", `Frames of connection ${this.name}`);
  }

  listen() {
    find("form", this.panel).addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.socket) this.disconnect();
      else this.connect();
    });
    find(".clear", this.panel).addEventListener("click", () => {
      this.log.clear();
      this.counts = { sent: 0, received: 0 };
      this.showCounts();
    });
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  connect() {
    let socket;
    try {
      socket = new WebSocket(this.url.value.trim());
    } catch {
      this.show("failed", "not a WebSocket URL: it begins with ws:// or wss://");
      return;
    }
    this.socket = socket;
    this.show("connecting", "connecting …");
    socket.addEventListener("open", () => this.show("open", "connected"));
    socket.addEventListener("message", (event) => this.receive(event.data));
    socket.addEventListener("close", (event) => this.closed(event));
  }

  disconnect() {
    this.show("connecting", "closing …");
    this.socket.close(1000);
  }

  send(text) {
    this.socket.send(text);
    this.count("sent", text, byteLength(text));
  }

  receive(data) {
    if (typeof data === "string") this.count("received", data, byteLength(data));
    else this.count("received", "(binary)", data.size);
  }

  closed({ code, reason, wasClean }) {
    const opened = this.panel.dataset.state !== "connecting" || wasClean;
    this.socket = null;
    if (!opened) this.show("failed", "no connection: refused, or nothing listens there");
    else this.show(wasClean ? "closed" : "failed", `closed ${code} ${reason}`.trim());
  }

  count(kind, text, size) {
    this.counts[kind] += 1;
    this.log.add(kind, text, size);
    this.showCounts();
  }

  show(state, text) {
    this.panel.dataset.state = state;
    find(".state", this.panel).textContent = text;
    find(".toggle", this.panel).textContent = this.socket ? "Disconnect" : "Connect";
    this.url.readOnly = this.socket !== null;
    if (state !== "connecting") this.log.add("note", text);
    this.onChange();
  }

  showCounts() {
    const { sent, received } = this.counts;
    find(".count", this.panel).textContent = `${sent} sent, ${received} received`;
  }
}

// The message, and which connection sends it.
class Composer {
  constructor(form, connections) {
    this.form = form;
    this.connections = connections;
    this.message = find("#message", form);
    connections.forEach((connection) => this.offer(connection));
    form.addEventListener("submit", (event) => this.submit(event));
    form.addEventListener("change", () => this.refresh());
    this.message.addEventListener("input", () => this.refresh());
    this.message.addEventListener("keydown", (event) => this.key(event));
    this.refresh();
  }

  offer(connection) {
    const choice = stamp("sender");
    const input = find("input", choice);
    input.value = connection.name;
    input.checked = connection === this.connections[0];
    find("span", choice).textContent = connection.name;
    find("#senders", this.form).append(choice);
  }

  get sender() {
    const name = new FormData(this.form).get("sender");
    return this.connections.find((connection) => connection.name === name);
  }

  key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.form.requestSubmit();
  }

  submit(event) {
    event.preventDefault();
    if (this.sender.isOpen) this.sender.send(this.message.value);
    else this.refresh();
  }

  refresh() {
    const { name, isOpen } = this.sender;
    const facts = [readableSize(byteLength(this.message.value))];
    if (!isJson(this.message.value)) facts.push("not JSON");
    if (!isOpen) facts.push(`${name} is not connected`);
    find("#facts", this.form).textContent = facts.join(" · ");
    find("button", this.form).disabled = !isOpen;
  }
}

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

// What the gateway that serves this page says of itself, or nothing from any other server.
async function gatewayInfo() {
  try {
    const response = await fetch("_gateway/info");
    return response.ok ? await response.json() : {};
  } catch {
    return {};
  }
}

async function start() {
  let composer = null;
  const connections = NAMES.map((name) => new Connection(name, () => composer?.refresh()));
  find("#connections").append(...connections.map((connection) => connection.panel));
  composer = new Composer(find("#composer"), connections);
  const info = await gatewayInfo();
  if (info.app_name) find("#about").textContent = info.app_name;
  if (!info.websocket_url) return;
  for (const connection of connections) {
    connection.url.value = info.websocket_url;
    connection.connect();
  }
}

start();
