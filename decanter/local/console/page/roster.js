// The gateway's connections: id, source, age, idle time, and a button that closes one.

import { find, readableAge, setText, stamp } from "./dom.js";

const SHOWN = 200;
const REST_SECONDS = 0.4;

export class Roster {
  constructor(section, gateway, ownName) {
    Object.assign(this, { section, gateway, ownName, rows: new Map(), list: [], readAt: 0 });
    this.resting = null;
    this.isStale = false;
    this.cleared = 0;
    setInterval(() => this.showAges(), 1000);
  }

  // Reads the list again after a change, at a limited rate.
  async refresh() {
    this.isStale = true;
    if (this.resting !== null) return;
    this.resting = setTimeout(() => {
      this.resting = null;
      if (this.isStale) this.refresh();
    }, REST_SECONDS * 1000);
    this.isStale = false;
    const { cleared } = this;
    try {
      const list = await this.gateway.connections();
      if (cleared === this.cleared) this.show(list);
    } catch {
      // the gateway has stopped; the live view shows it
    }
  }

  // Empties the list: the gateway has stopped. A late answer is ignored.
  clear() {
    this.cleared += 1;
    this.isStale = false;
    this.show([]);
  }

  show(list) {
    this.list = list;
    this.readAt = performance.now();
    const shown = list.slice(0, SHOWN);
    const ids = new Set(shown.map(({ connectionId }) => connectionId));
    for (const [id, row] of this.rows) if (!ids.has(id)) this.remove(id, row);
    for (const { connectionId } of shown) if (!this.rows.has(connectionId)) this.add(connectionId);
    const more = list.length - shown.length;
    find(".more", this.section).textContent = more ? `and ${more} more, not shown` : "";
    find(".total", this.section).textContent = list.length;
    this.section.dataset.empty = String(list.length === 0);
    this.showAges();
    this.showOwn();
  }

  add(id) {
    const row = stamp("open");
    setText(row, { id });
    const button = find("button", row);
    button.setAttribute("aria-label", `Close ${id}`);
    button.addEventListener("click", () => this.close(id, button));
    this.rows.set(id, row);
    find("tbody", this.section).append(row);
  }

  remove(id, row) {
    const hadFocus = row.contains(document.activeElement);
    const neighbour = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    this.rows.delete(id);
    if (hadFocus) (neighbour ? find("button", neighbour) : this.section).focus();
  }

  async close(id, button) {
    button.setAttribute("aria-disabled", "true");
    try {
      await this.gateway.close(id);
    } catch {
      button.removeAttribute("aria-disabled");
    }
    this.refresh();
  }

  showAges() {
    const passed = (performance.now() - this.readAt) / 1000;
    for (const { connectionId, ageSeconds, idleSeconds, sourceIp } of this.list) {
      const row = this.rows.get(connectionId);
      if (!row) break;
      const age = readableAge(ageSeconds + passed);
      setText(row, { age, idle: readableAge(idleSeconds + passed), source: sourceIp });
    }
  }

  // Marks the connections of this page.
  showOwn() {
    for (const [id, row] of this.rows) setText(row, { own: this.ownName(id) });
  }
}
