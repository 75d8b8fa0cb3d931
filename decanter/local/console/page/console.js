// The console: connections to a WebSocket API, and a live view of the gateway that serves it.

import { Activity } from "./activity.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { find, pause } from "./dom.js";
import { Gateway } from "./gateway.js";
import { Handshakes } from "./identity.js";
import { Invoker } from "./invoker.js";
import { Queues } from "./queues.js";
import { Roster } from "./roster.js";

const MOST_CONNECTIONS = 12;
const FIRST_CONNECTIONS = 2;
const TURN_SECONDS = 5;
const CHANGES_ROSTER = ["connect", "message", "disconnect", "posts", "ran"];

class Console {
  constructor() {
    this.connections = [];
    this.handshakes = new Handshakes();
    this.gateway = new Gateway(this);
    this.composer = new Composer(find("#composer"), this.gateway);
    this.activity = new Activity(find("#activity"), this.gateway);
    this.invoker = new Invoker(find("#functions"), this.gateway);
    this.queues = new Queues(find("#queues"), this.gateway);
    this.roster = new Roster(find("#roster"), this.gateway, (id) => this.nameOf(id));
    find("#add").addEventListener("click", () => this.addAndFocus());
    find("#try").addEventListener("click", () => this.gateway.tryNow());
    window.addEventListener("online", () => this.gateway.tryNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.gateway.tryNow());
    for (let each = 0; each < FIRST_CONNECTIONS; each += 1) this.add();
    this.gateway.open();
  }

  // -- connections --------------------------------------------------------------------------

  add() {
    const connection = new Connection(this.freeName(), {
      gateway: this.gateway,
      handshakes: this.handshakes,
      onChange: () => this.changed(),
      onRemove: (removed) => this.remove(removed),
    });
    connection.url.value ||= this.gateway.websocketUrl;
    this.connections.push(connection);
    find("#connections").append(connection.panel);
    this.composer.offer(connection);
    this.changed();
    return connection;
  }

  addAndFocus() {
    const connection = this.add();
    connection.panel.scrollIntoView({ block: "nearest" });
    connection.url.focus();
    connection.url.select();
  }

  remove(connection) {
    connection.remove();
    this.connections = this.connections.filter((each) => each !== connection);
    this.composer.withdraw(connection);
    this.changed();
    find("#add").focus();
  }

  freeName() {
    const names = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
    return names.find((name) => this.connections.every((each) => each.name !== name));
  }

  nameOf(id) {
    return this.connections.find((connection) => connection.id === id)?.name ?? "";
  }

  changed() {
    find("#add").disabled = this.connections.length >= MOST_CONNECTIONS;
    this.composer.refresh();
    this.roster.showOwn();
  }

  // One at a time, so that each can be identified in the live view. The wait for one is limited,
  // so a handler that hangs delays the others only briefly.
  async connectInTurn(connections) {
    for (const connection of connections) {
      await Promise.race([connection.connect(), pause(TURN_SECONDS)]);
    }
  }

  // -- events of the gateway ----------------------------------------------------------------

  up(info) {
    const isFirst = document.body.dataset.gateway === "unknown";
    document.body.dataset.gateway = "up";
    document.body.dataset.channels = String(this.gateway.hasChannels);
    document.title = `${info.app_name} · Decanter`;
    find("#served").textContent = `${info.app_name}, stage ${info.stage}`;
    find("#live").textContent = "live";
    this.composer.serve(info);
    this.roster.refresh();
    this.invoker.refresh();
    this.queues.refresh();
    const { websocketUrl } = this.gateway;
    for (const { url } of this.connections) url.value ||= websocketUrl;
    const due = ({ state, url }) => state === "waiting" || (isFirst && url.value === websocketUrl);
    this.connectInTurn(this.connections.filter(due));
  }

  down() {
    document.body.dataset.gateway = "down";
    find("#live").textContent = "stopped";
    this.roster.clear();
    for (const connection of this.connections) connection.gatewayLost();
  }

  waiting(seconds) {
    find("#next").textContent = `next try in ${Math.ceil(seconds)} s`;
  }

  entry(entry) {
    if (entry.kind === "connect") this.handshakes.saw(entry);
    if (CHANGES_ROSTER.includes(entry.kind)) this.roster.refresh();
    if (entry.kind === "reload") {
      this.invoker.refresh();
      this.queues.refresh();
    }
    this.activity.add(entry);
  }
}

new Console();
