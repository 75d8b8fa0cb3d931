// A live log of the gateway: invocations, posts, and the lines that handlers print.

import { clockTime, find, setText, stamp } from "./dom.js";
import { callsText, Invocations } from "./invocation.js";
import { BoundedList } from "./list.js";

const LONGEST_LOG = 16 * 1024;
const MOST_HELD = 500;

const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

// The texts of a journal entry: its subject, its text and its outcome.
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
    text: callsText(counts),
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
  log: (entry) => ({ what: entry.function, text: logText(entry) }),
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

function logText({ shown, line, traceback }) {
  return traceback ? `${shown}\n${traceback}` : line;
}

export class Activity {
  constructor(section, gateway) {
    this.section = section;
    this.invocations = new Invocations(gateway);
    this.list = new BoundedList(find(".log", section), () => this.showCounts());
    this.counts = { ran: 0, cold: 0, failed: 0 };
    this.search = find(".search", section);
    this.held = null;
    section.addEventListener("change", () => this.filter());
    this.search.addEventListener("input", () => this.filter());
    find(".pause", section).addEventListener("click", () => this.pauseOrResume());
    find(".clear", section).addEventListener("click", () => this.clear());
    this.filter();
    this.showCounts();
  }

  clear() {
    this.counts = { ran: 0, cold: 0, failed: 0 };
    this.held = this.held && [];
    this.invocations.clear();
    this.list.clear();
  }

  // -- filter and pause ---------------------------------------------------------------------

  filter() {
    find(".log", this.section).dataset.show = find("input:checked", this.section).value;
    for (const { entry: row } of this.list.kept) this.match(row);
    this.list.follow();
  }

  // Hides a row without the searched text. Request and connection ids count as text.
  match(row) {
    const wanted = this.search.value.trim().toLowerCase();
    const { request, connection } = row.dataset;
    row.hidden = !`${row.textContent} ${request} ${connection}`.toLowerCase().includes(wanted);
  }

  pauseOrResume() {
    const held = this.held;
    this.held = held ? null : [];
    find(".pause", this.section).setAttribute("aria-pressed", String(!held));
    for (const entry of held ?? []) this.add(entry);
    this.showCounts();
  }

  hold(entry) {
    this.held.push(entry);
    if (this.held.length > MOST_HELD) this.held.shift();
    this.showCounts();
  }

  add(entry) {
    if (this.held) {
      this.hold(entry);
      return;
    }
    this.invocations.saw(entry);
    if (entry.kind === "log" && this.goesOn(entry)) return;
    const read = READ[entry.kind]?.(entry) ?? { what: entry.kind, text: JSON.stringify(entry) };
    const row = stamp("happened");
    const time = clockTime(new Date(entry.time * 1000));
    row.dataset.kind = entry.kind;
    row.dataset.level = level(entry);
    row.dataset.request = entry.request ?? "";
    row.dataset.connection = entry.connection ?? "";
    row.dataset.route = entry.route ?? "";
    setText(row, { time, outcome: "", took: "", cold: "", ...read });
    this.offerDetails(row, entry);
    this.match(row);
    this.tally(entry);
    if (entry.kind === "ran" && entry.error) this.blame(entry.request);
    this.list.add(row, read.text.length);
  }

  // A click unfolds or folds the details of an invocation.
  offerDetails(row, { kind, request }) {
    const button = find(".unfold", row);
    const details = find(".details", row);
    if (kind !== "ran" || !request) {
      button.remove();
      details.remove();
      return;
    }
    row.addEventListener("click", async ({ target }) => {
      if (target.closest(".details")) return;
      const unfolds = details.hidden;
      if (unfolds) await this.invocations.show(request, details);
      details.hidden = !unfolds;
      button.setAttribute("aria-expanded", String(unfolds));
      this.list.look();
    });
  }

  // Appends a handler's line to the handler's previous line, so that a traceback is one entry.
  goesOn(entry) {
    const { request } = entry;
    const line = logText(entry);
    const { last } = this.list;
    const isNext = last?.entry.dataset.kind === "log" && last.entry.dataset.request === request;
    if (!isNext || last.characters > LONGEST_LOG) return false;
    find(".text", last.entry).append(`\n${line}`);
    if (entry.error) last.entry.dataset.level = "bad";
    this.match(last.entry);
    this.list.grow(line.length + 1);
    return true;
  }

  // Marks the log lines of a failed invocation as bad. They are usually the traceback.
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
    if (this.held) facts.push(`paused, ${this.held.length} new`);
    find(".count", this.section).textContent = facts.join(" · ");
  }
}

// The severity: bad for a failure, odd for a status other than 2xx, else good.
function level({ kind, error, outcome }) {
  if (error) return "bad";
  return kind === "ran" && !/^(2\d\d|returned)$/.test(outcome) ? "odd" : "good";
}
