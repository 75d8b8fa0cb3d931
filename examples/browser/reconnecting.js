// A WebSocket that reconnects. Copy this file; it has no dependencies.
const KEEPALIVE_MS = 5 * 60_000; // API Gateway closes a connection after 10 idle minutes
const RENEW_MS = 110 * 60_000; // and every connection after 2 hours
const STABLE_MS = 10_000; // a connection that lasted this long resets the backoff
const OPEN_TIMEOUT_MS = 10_000;

export class ReconnectingSocket extends EventTarget {
  #url; #options; #socket = null; #timers = []; #attempt = 0; #stopped = false;

  // options: getToken (async, called before each connect), keepalive (the message to send)
  constructor(url, options = {}) {
    super();
    this.#url = url;
    this.#options = { keepaliveMs: KEEPALIVE_MS, renewMs: RENEW_MS, baseMs: 500, capMs: 30_000,
      keepalive: '{"message":"keepalive"}', ...options };
    this.#connect();
  }

  get connected() { return this.#socket?.readyState === WebSocket.OPEN; }

  // Returns false if the message was not sent. Nothing is queued: the caller decides.
  send(text) {
    if (this.connected) this.#socket.send(text);
    return this.connected;
  }

  close() {
    this.#stopped = true;
    this.#timers.forEach(clearTimeout);
    this.#socket?.close(1000);
  }

  async #connect() {
    this.#timers = [];
    let protocols = [];
    try {
      const token = await this.#options.getToken?.();
      if (token) protocols = ["decanter.token", token];
    } catch (error) {
      this.#emit("tokenerror", { error });
      return this.#retry();
    }
    if (this.#stopped) return;
    const socket = this.#socket = new WebSocket(this.#url, protocols);
    let ended = false;
    const end = (code) => { // close() can take a minute on a dead network: do not wait for it
      if (ended) return;
      ended = true;
      this.#timers.forEach(clearTimeout);
      socket.close();
      this.#emit("close", { code });
      this.#retry();
    };
    this.#after(OPEN_TIMEOUT_MS, () => socket.readyState === WebSocket.CONNECTING && end(1006));
    socket.onopen = () => {
      this.#after(STABLE_MS, () => { this.#attempt = 0; });
      this.#keepAlive();
      this.#after(this.#options.renewMs * (1 - Math.random() / 10), () => end(1000));
      this.#emit("open");
    };
    socket.onmessage = ({ data }) => { if (!ended) this.#emit("message", { data }); };
    socket.onclose = ({ code }) => end(code);
  }

  #keepAlive() {
    this.#after(this.#options.keepaliveMs, () => {
      if (this.send(this.#options.keepalive)) this.#keepAlive();
    });
  }

  #retry() { // full jitter: a random pause below an exponentially growing limit
    if (this.#stopped) return;
    const limit = Math.min(this.#options.capMs, this.#options.baseMs * 2 ** this.#attempt++);
    this.#timers = [];
    this.#after(Math.random() * limit, () => this.#connect());
  }

  #after(milliseconds, act) { this.#timers.push(setTimeout(act, milliseconds)); }

  #emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}
