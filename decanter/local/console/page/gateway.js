// The gateway that serves this page: its description, its live view, and its availability.

import { Retry } from "./backoff.js";

const HEADERS = { "X-Decanter": "1" };

async function getJson(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}

// Follows `/_gateway/events` and reconnects after a loss.
//
// Calls on the listener: up(info), down(), waiting(seconds), entry(entry).
export class Gateway {
  constructor(listener) {
    this.listener = listener;
    this.isUp = false;
    this.websocketUrl = "";
    this.urls = [];
    this.hasChannels = false;
    this.source = null;
    this.retry = new Retry(() => this.open(), (seconds) => listener.waiting(seconds));
  }

  open() {
    const source = new EventSource("_gateway/events");
    this.source = source;
    source.onopen = () => this.opened(source);
    source.onmessage = (event) => this.listener.entry(JSON.parse(event.data));
    source.onerror = () => this.lost(source);
  }

  async opened(source) {
    let info;
    try {
      info = await getJson("_gateway/info");
    } catch {
      this.lost(source);
      return;
    }
    if (source !== this.source) return;
    this.websocketUrl = here(info.websocket_url);
    this.urls = [this.websocketUrl, ...(info.mapped_url ? [here(info.mapped_url)] : [])];
    this.hasChannels = info.channels.length > 0;
    this.isUp = true;
    this.retry.reset();
    this.listener.up(info);
  }

  // Replaces the browser's own reconnect, which has a fixed delay and does not report it.
  lost(source) {
    if (source !== this.source) return;
    source.close();
    this.source = null;
    this.isUp = false;
    this.listener.down();
    this.retry.schedule();
  }

  tryNow() {
    if (this.retry.isWaiting) this.retry.now();
  }

  async connections() {
    return (await getJson("_gateway/connections")).connections;
  }

  async invocation(request) {
    return getJson(`_gateway/invocations/${encodeURIComponent(request)}`);
  }

  async functions() {
    return (await getJson("_gateway/functions")).functions;
  }

  async queues() {
    return (await getJson("_gateway/queues")).queues;
  }

  // Runs a function with an event, and returns its result, its error or the gateway's message.
  async run(name, body) {
    const path = `_gateway/functions/${encodeURIComponent(name)}`;
    return (await fetch(path, { method: "POST", headers: HEADERS, body })).json();
  }

  async close(id) {
    const path = `_gateway/connections/${encodeURIComponent(id)}`;
    await fetch(path, { method: "DELETE", headers: HEADERS });
  }

  serves(url) {
    return this.urls.includes(url.split("?")[0].replace(/\/$/, ""));
  }
}

// The same address with the host and the port of this page.
function here(address) {
  const url = new URL(address);
  url.host = location.host;
  return url.href;
}
