// The app's other functions: a list, an editor for the event, and a run by hand.

import { find } from "./dom.js";

const CLIENTS_SEND = "websocket"; // the events of these functions come from the connections

export class Invoker {
  constructor(form, gateway) {
    Object.assign(this, { form, gateway, known: new Map(), drafts: new Map() });
    this.choice = find("#function", form);
    this.event = find("#event", form);
    this.result = find(".result", form);
    form.addEventListener("submit", (event) => this.run(event));
    this.choice.addEventListener("change", () => this.show());
    this.event.addEventListener("input", () => this.drafts.set(this.name, this.event.value));
    this.event.addEventListener("keydown", (event) => this.key(event));
    find(".example", form).addEventListener("click", () => this.restore());
  }

  get name() {
    return this.choice.value;
  }

  // Reads the list, at first and after each change of the app.
  async refresh() {
    let list;
    try {
      list = await this.gateway.functions();
    } catch {
      return; // the gateway has stopped; the live view shows it
    }
    const others = list.filter(({ kind }) => kind !== CLIENTS_SEND);
    const { name } = this;
    this.known = new Map(others.map((each) => [each.name, each]));
    this.choice.replaceChildren(...others.map(option));
    this.choice.value = this.known.has(name) ? name : (others[0]?.name ?? "");
    this.choice.size = Math.min(Math.max(others.length, 2), 3);
    find(".total", this.form).textContent = others.length;
    this.form.hidden = others.length === 0;
    this.show();
  }

  show() {
    const example = JSON.stringify(this.known.get(this.name)?.example, null, 2);
    this.event.value = this.drafts.get(this.name) ?? example ?? "";
  }

  restore() {
    this.drafts.delete(this.name);
    this.show();
    this.event.focus();
  }

  key(event) {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    this.form.requestSubmit();
  }

  async run(event) {
    event.preventDefault();
    const { name } = this;
    this.tell("busy", `${name} runs …`);
    try {
      const answer = await this.gateway.run(name, this.event.value);
      this.tell(...outcome(answer));
    } catch {
      this.tell("bad", "The gateway does not answer.");
    }
  }

  tell(state, text) {
    this.result.hidden = false;
    this.result.dataset.state = state;
    this.result.textContent = text;
  }
}

function outcome({ result, error, message, milliseconds }) {
  if (message !== undefined) return ["bad", message];
  if (!error) return ["good", `${JSON.stringify(result, null, 2)}\n${milliseconds} ms`];
  const trace = error.traceback.join("\n");
  return ["bad", trace || `${error.type}: ${error.message}`];
}

function option({ name, kind, source }) {
  return new Option(`${name} · ${kind}${source && ` ${source}`}`, name);
}
