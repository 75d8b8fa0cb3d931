// The message: its sender, the app's routes, and recent messages.

import { byteLength, find, readableSize, stamp } from "./dom.js";
import { History } from "./history.js";
import { memberPath, parse, selectRoute } from "./json.js";
import { commandExamples, commandIn, describeCommand } from "./session.js";

const MOST_FRAME_BYTES = 32 * 1024;
const LIFECYCLE = ["$connect", "$disconnect"];
const OPTION_CHARACTERS = 70;

export class Composer {
  constructor(form, gateway) {
    Object.assign(this, { form, gateway, connections: [], routes: [], path: null });
    this.examples = {};
    Object.assign(this, { draft: "", recalled: -1 });
    this.message = find("#message", form);
    this.routeChoice = find("#route", form);
    this.recentChoice = find("#recent", form);
    this.history = new History("");
    form.addEventListener("submit", (event) => this.submit(event));
    form.addEventListener("change", () => this.refresh());
    this.routeChoice.addEventListener("change", () => this.takeRoute(this.routeChoice.value));
    this.recentChoice.addEventListener("change", () => {
      this.recall(this.recentChoice.selectedIndex - 1);
    });
    find("#forget", form).addEventListener("click", () => this.forget());
    this.message.addEventListener("input", () => this.edited());
    this.message.addEventListener("keydown", (event) => this.key(event));
  }

  // Takes the gateway's description, at first and after each restart of the gateway.
  serve(info) {
    const { app_name } = info;
    if (this.gateway.hasChannels) this.offerCommands(info);
    else this.offerRoutes(info);
    this.history = new History(app_name);
    fill(this.routeChoice, this.routes.map((key) => [key, key]));
    this.showRecent();
    if (this.message.value === "") this.message.value = this.payloadFor(this.firstRoute);
    this.edited();
  }

  offerRoutes({ routes, selection_expression }) {
    this.routes = Object.keys(routes).filter((key) => !LIFECYCLE.includes(key));
    this.examples = Object.fromEntries(this.routes.map((key) => [key, routes[key].example]));
    this.path = memberPath(selection_expression);
  }

  offerCommands(info) {
    this.examples = commandExamples(info);
    this.routes = Object.keys(this.examples);
    this.path = null;
  }

  get firstRoute() {
    return this.routes.find((key) => key !== "$default") ?? "$default";
  }

  // -- sender -------------------------------------------------------------------------------

  offer(connection) {
    const choice = stamp("sender");
    const input = find("input", choice);
    input.value = connection.name;
    find("span", choice).textContent = connection.name;
    find("#senders", this.form).append(choice);
    this.connections.push(connection);
    input.checked = this.connections.length === 1;
    this.refresh();
  }

  withdraw(connection) {
    const input = find(`#senders input[value="${connection.name}"]`, this.form);
    this.connections = this.connections.filter((each) => each !== connection);
    input.closest("label").remove();
    if (input.checked) find("#senders input", this.form)?.click();
    this.refresh();
  }

  get sender() {
    const name = new FormData(this.form).get("sender");
    return this.connections.find((connection) => connection.name === name);
  }

  // -- text ---------------------------------------------------------------------------------

  // Typed text is the draft. Choosing a route or a recent payload does not change the draft.
  edited() {
    this.draft = this.message.value;
    this.recalled = -1;
    this.routeChoice.selectedIndex = 0;
    this.recentChoice.selectedIndex = 0;
    this.refresh();
  }

  takeRoute(route) {
    if (route === "") {
      this.recall(-1);
      return;
    }
    this.recentChoice.selectedIndex = 0;
    this.message.value = this.payloadFor(route);
    this.refresh();
  }

  // The last payload sent to this route, else the gateway's example.
  payloadFor(route) {
    const goesThere = (text) => this.path && selectRoute(text, this.path, this.routes) === route;
    return this.history.payloads.find(goesThere) ?? this.examples[route] ?? "";
  }

  // Shows an earlier payload; -1 is the draft.
  recall(index) {
    if (index >= this.history.payloads.length) return;
    this.recalled = Math.max(index, -1);
    this.message.value = this.history.payloads[this.recalled] ?? this.draft;
    this.routeChoice.selectedIndex = 0;
    this.recentChoice.selectedIndex = this.recalled + 1;
    this.refresh();
  }

  forget() {
    this.history.forget();
    this.showRecent();
    this.message.focus();
  }

  showRecent() {
    const { payloads } = this.history;
    fill(this.recentChoice, payloads.map((text, index) => [text.slice(0, OPTION_CHARACTERS), index]));
    find("#forget", this.form).hidden = payloads.length === 0;
  }

  key(event) {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.form.requestSubmit();
    } else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      this.recall(this.recalled + (event.key === "ArrowUp" ? 1 : -1));
    } else if (event.key === "Escape") {
      this.recall(-1);
    }
  }

  submit(event) {
    event.preventDefault();
    if (this.sender?.isOpen) {
      this.sender.send(this.message.value);
      this.history.add(this.message.value);
      this.recalled = -1;
      this.showRecent();
    }
    this.refresh();
  }

  // -- status -------------------------------------------------------------------------------

  refresh() {
    const { sender } = this;
    const size = byteLength(this.message.value);
    const facts = [readableSize(size)];
    if (!parse(this.message.value).isJson) facts.push("not JSON");
    if (size > MOST_FRAME_BYTES) facts.push("above 32 KB a frame");
    if (sender && this.gateway.serves(sender.url.value)) facts.push(...this.destination());
    if (!sender?.isOpen) facts.push(sender ? `${sender.name} is not connected` : "no connection");
    find("#facts", this.form).textContent = facts.join(" · ");
    find("[type=submit]", this.form).disabled = !sender?.isOpen;
  }

  destination() {
    if (this.gateway.hasChannels) {
      const command = commandIn(this.message.value);
      return [command ? `→\u00a0${describeCommand(command)}` : "not a command"];
    }
    if (!this.path) return [];
    const route = selectRoute(this.message.value, this.path, this.routes);
    return [route ? `→\u00a0${route}` : "no route: Forbidden"];
  }
}

// Replaces a menu's options, each a text and a value. Its first option, the title, stays.
function fill(select, options) {
  const made = options.map(([text, value]) => new Option(text, value));
  select.replaceChildren(select.options[0], ...made);
  select.disabled = made.length === 0;
}
