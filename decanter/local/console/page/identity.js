// Finds the connection id of a socket. A browser does not get the id, but the live view lists every
// handshake. If exactly one is answered during the socket's handshake, it belongs to the socket.

import { pause } from "./dom.js";

const LATE_SECONDS = 1;
const SETTLE_SECONDS = 0.15;

export class Handshakes {
  constructor() {
    this.watchers = new Set();
  }

  saw(entry) {
    for (const watcher of this.watchers) watcher(entry);
  }

  // Starts to watch. Returns a function that ends the watch and returns the one handshake that was
  // answered meanwhile; undefined if there was none or more than one.
  watch() {
    const seen = [];
    let watcher;
    const first = new Promise((resolve) => {
      watcher = (entry) => resolve(seen.push(entry));
    });
    this.watchers.add(watcher);
    return async () => {
      await Promise.race([first, pause(LATE_SECONDS)]);
      await pause(SETTLE_SECONDS);
      this.watchers.delete(watcher);
      return seen.length === 1 ? seen[0] : undefined;
    };
  }
}

// API Gateway's own frames contain the id of their connection.
export function idInFrame(value) {
  const isText = (member) => typeof member === "string";
  const { connectionId, requestId } = Object(value);
  return isText(connectionId) && isText(requestId) ? connectionId : undefined;
}
