// The last payloads that were sent, newest first, kept for the next visit if the browser allows.

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

  // Storage may be full, or forbidden: then they last as long as the page.
  write() {
    try {
      localStorage.setItem(this.key, JSON.stringify(this.payloads));
    } catch {
      // nothing to do about it
    }
  }
}
