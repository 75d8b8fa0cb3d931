// What the gateway does, as it happens: invocations, posts, and what handlers print.

import { clockTime, find, setText, stamp } from "./dom.js";
import { BoundedList } from "./list.js";

const LONGEST_LOG = 16 * 1024;

const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

// How an entry of the journal reads: what it is about, the text, and how it ended.
const READ = {
  ran: ({ route, function: name, outcome, milliseconds, cold }) => ({
    what: route,
    text: name,
    outcome,
    took: `${milliseconds} ms`,
    cold: cold ? "cold" : "",
  }),
  posts: ({ counts, bytes }) => ({
    what: "@connections",
    text: Object.entries(counts).map(([call, count]) => `${count} × ${call}`).join(", "),
    outcome: `${bytes} B`,
  }),
  connect: ({ connection, source, status }) => ({
    what: "connect",
    text: `${connection} from ${source}`,
    outcome: status,
  }),
  message: ({ connection, route, bytes }) => ({
    what: "message",
    text: `${connection} to ${route ?? "no route: Forbidden"}`,
    outcome: `${bytes} B`,
  }),
  disconnect: ({ connection, code, reason }) => ({
    what: "disconnect",
    text: `${connection} ${reason}`.trim(),
    outcome: code,
  }),
  log: ({ function: name, line }) => ({ what: name, text: line }),
  refused: ({ method, path, why, status }) => ({
    what: "refused",
    text: `${method} ${path}: ${why}`,
    outcome: status,
  }),
  note: ({ note }) => ({ what: "gateway", text: note }),
  reload: ({ changed, milliseconds, message }) => ({
    what: "reload",
    text: `${changed.join(", ")} changed${message ? `: ${message}` : ""}`,
    took: milliseconds === undefined ? "" : `${milliseconds} ms`,
  }),
  event: ({ event }) => ({ what: "event", text: JSON.stringify(event) }),
};

export class Activity {
  constructor(section) {
    this.section = section;
    this.list = new BoundedList(find(".log", section), () => this.showCounts());
    this.counts = { ran: 0, cold: 0, failed: 0 };
    section.addEventListener("change", () => this.filter());
    find(".clear", section).addEventListener("click", () => {
      this.counts = { ran: 0, cold: 0, failed: 0 };
      this.list.clear();
    });
    this.filter();
    this.showCounts();
  }

  filter() {
    find(".log", this.section).dataset.show = find("input:checked", this.section).value;
    this.list.follow();
  }

  add(entry) {
    if (entry.kind === "log" && this.goesOn(entry)) return;
    const read = READ[entry.kind]?.(entry) ?? { what: entry.kind, text: JSON.stringify(entry) };
    const row = stamp("happened");
    const time = clockTime(new Date(entry.time * 1000));
    row.dataset.kind = entry.kind;
    row.dataset.level = level(entry);
    row.dataset.request = entry.request ?? "";
    setText(row, { time, outcome: "", took: "", cold: "", ...read });
    this.tally(entry);
    if (entry.kind === "ran" && entry.error) this.blame(entry.request);
    this.list.add(row, read.text.length);
  }

  // A handler's next line stands below its last one, so that a traceback reads as one.
  goesOn({ request, line }) {
    const { last } = this.list;
    const isNext = last?.entry.dataset.kind === "log" && last.entry.dataset.request === request;
    if (!isNext || last.characters > LONGEST_LOG) return false;
    find(".text", last.entry).append(`\n${line}`);
    this.list.grow(line.length + 1);
    return true;
  }

  // What a failed invocation has printed is shown with it: as a rule, the traceback.
  blame(request) {
    for (const { entry: row } of this.list.kept) {
      if (request && row.dataset.request === request) row.dataset.level = "bad";
    }
  }

  tally({ kind, cold, error }) {
    if (kind !== "ran") return;
    this.counts.ran += 1;
    if (cold) this.counts.cold += 1;
    if (error) this.counts.failed += 1;
  }

  showCounts() {
    const { ran, cold, failed } = this.counts;
    const { dropped } = this.list;
    const facts = [plural(ran, "invocation"), `${cold} cold`, `${failed} failed`];
    if (dropped) facts.push(`${dropped} oldest dropped`);
    find(".count", this.section).textContent = facts.join(" · ");
  }
}

// How much it concerns one: a failure, a status that is no success, or all is well.
function level({ kind, error, outcome }) {
  if (error) return "bad";
  return kind === "ran" && !/^2\d\d$/.test(outcome) ? "odd" : "good";
}
