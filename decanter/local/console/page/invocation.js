// The details of an invocation: its event, its response, its log lines and its posts.

import { find, stamp } from "./dom.js";

const MOST_INVOCATIONS = 500;
const MOST_LINES = 500;

// Collects log lines and posts from the live view, by request id.
export class Invocations {
  constructor(gateway) {
    this.gateway = gateway;
    this.known = new Map();
  }

  saw({ kind, request, shown, line, traceback, counts, bytes }) {
    if (!request) return;
    const about = this.of(request);
    if (kind === "log") about.log.push(shown ?? line);
    if (kind === "log" && traceback) about.traceback.push(traceback);
    if (kind === "posts") about.posts.push(`${callsText(counts)}, ${bytes} B`);
    if (about.log.length > MOST_LINES) about.log.shift();
  }

  of(request) {
    if (!this.known.has(request)) {
      this.known.set(request, { log: [], traceback: [], posts: [] });
      if (this.known.size > MOST_INVOCATIONS) this.known.delete(this.known.keys().next().value);
    }
    return this.known.get(request);
  }

  clear() {
    this.known.clear();
  }

  // Shows the details in an element.
  async show(request, element) {
    const { log, traceback, posts } = this.of(request);
    const kept = await this.kept(request);
    const parts = [
      ["Traceback", traceback.join("\n")],
      ["Event", kept ? JSON.stringify(kept.event, null, 2) : "no longer kept"],
      ["Response", kept ? JSON.stringify(kept.response, null, 2) : "no longer kept"],
      ["Log", log.join("\n")],
      ["Posts", posts.join("\n") || "none"],
    ];
    element.replaceChildren(...parts.filter(([, text]) => text).map(part));
  }

  async kept(request) {
    try {
      return await this.gateway.invocation(request);
    } catch {
      return undefined;
    }
  }
}

export function callsText(counts) {
  return Object.entries(counts).map(([call, count]) => `${count} × ${call}`).join(", ");
}

function part([title, text]) {
  const section = stamp("part");
  find("h3", section).textContent = title;
  const pre = find("pre", section);
  pre.textContent = text;
  pre.setAttribute("aria-label", title);
  section.dataset.part = title.toLowerCase();
  return section;
}
