// Which of the gateway's connections a socket of this page is. A browser is not told, but the
// live view tells of every handshake: if just one was answered while ours was, it is ours.

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

  // Begins to watch; the function that it returns ends that and gives the one handshake that was
  // answered meanwhile, or undefined where there were none or several.
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

// API Gateway's own frames name the connection that they go to.
export function idInFrame(value) {
  const isText = (member) => typeof member === "string";
  const { connectionId, requestId } = Object(value);
  return isText(connectionId) && isText(requestId) ? connectionId : undefined;
}
