// The last payloads that were sent, newest first. They are kept if the browser allows it.

const MOST = 20;
const LONGEST = 8 * 1024;

export class History {
  constructor(name) {
    this.key = `decanter.payloads.${name}`;
    this.payloads = this.read();
  }

  read() {
    try {
      const kept = JSON.parse(localStorage.getItem(this.key));
      return Array.isArray(kept) ? kept.filter((each) => typeof each === "string") : [];
    } catch {
      return [];
    }
  }

  add(payload) {
    if (payload.length > LONGEST) return;
    this.payloads = [payload, ...this.payloads.filter((each) => each !== payload)].slice(0, MOST);
    this.write();
  }

  forget() {
    this.payloads = [];
    this.write();
  }

  // Storage may be full or forbidden. Then the payloads are lost with the page.
  write() {
    try {
      localStorage.setItem(this.key, JSON.stringify(this.payloads));
    } catch {
      // not kept
    }
  }
}
