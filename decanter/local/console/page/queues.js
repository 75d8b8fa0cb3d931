// The app's SQS queues: how many messages each has, and the age of the oldest.

import { find, readableAge, setText, stamp } from "./dom.js";

const POLL_SECONDS = 1;

export class Queues {
  constructor(section, gateway) {
    Object.assign(this, { section, gateway, rows: new Map() });
    setInterval(() => this.poll(), POLL_SECONDS * 1000);
  }

  poll() {
    if (!this.section.hidden && !document.hidden && this.gateway.isUp) this.refresh();
  }

  // Reads the queues: at first, after each change of the app, and regularly if there are any.
  async refresh() {
    try {
      this.show(await this.gateway.queues());
    } catch {
      // the gateway has stopped; the live view shows it
    }
  }

  show(list) {
    this.section.hidden = list.length === 0;
    const names = new Set(list.map(({ name }) => name));
    for (const [name, row] of this.rows) {
      if (names.has(name)) continue;
      row.remove();
      this.rows.delete(name);
    }
    const dead = new Set(list.map(({ deadLetterQueue }) => deadLetterQueue));
    for (const each of list) this.update(each, dead.has(each.name));
  }

  update({ name, visible, inFlight, delayed, oldestSeconds }, isDead) {
    const row = this.rows.get(name) ?? this.add(name);
    const oldest = oldestSeconds === null ? "" : readableAge(oldestSeconds);
    setText(row, { visible, flying: inFlight, delayed, oldest, kind: isDead ? "dead letters" : "" });
    row.dataset.state = isDead && visible + inFlight > 0 ? "bad" : "";
  }

  add(name) {
    const row = stamp("queue");
    setText(row, { name });
    this.rows.set(name, row);
    find("tbody", this.section).append(row);
    return row;
  }
}
