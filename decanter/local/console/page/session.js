// A connection's part of the channels' protocol: the ids of commands, and the meaning of replies and
// pushes. Source: Centrifugo's documentation, "Client protocol".

import { parse } from "./json.js";

const METHODS = ["connect", "subscribe", "unsubscribe", "publish", "presence", "presence_stats", "history", "rpc",
  "send", "refresh", "sub_refresh"];
const PUSHES = { pub: "publication", join: "joins", leave: "leaves" };

// The one command in a text: its name and its members; undefined if the text is not one command.
export function commandIn(text) {
  const { value } = parse(text);
  const names = METHODS.filter((name) => Object.hasOwn(Object(value), name));
  return names.length === 1 ? { name: names[0], body: Object(value[names[0]]), value } : undefined;
}

// A command in words: its name, and its channel or its method.
export function describeCommand({ name, body }) {
  return [name, body.channel ?? body.method].filter(Boolean).join(" ");
}

// Examples of commands for an app's channels and routes: a title → a command's text.
export function commandExamples({ channels, routes }) {
  const made = {};
  const add = (name, of, body) => {
    made[`${name} ${of}`] = JSON.stringify({ [name]: body });
  };
  for (const pattern of channels) {
    const channel = pattern.replaceAll(/[{}]/g, "");
    add("subscribe", pattern, { channel });
    add("publish", pattern, { channel, data: { text: "hello world !" } });
    add("presence", pattern, { channel });
    add("unsubscribe", pattern, { channel });
  }
  for (const [method, { example }] of Object.entries(routes)) {
    if (!method.startsWith("$")) add("rpc", method, { method, data: parse(example).value?.data ?? {} });
  }
  return made;
}

// True if a client comes back after this disconnect code.
export const comesBackAfter = (code) => code < 3500 || (code >= 4000 && code < 4500);

export class Session {
  constructor() {
    this.lastId = 0;
    this.pending = new Map();
    this.channels = new Set();
    this.end = null;
  }

  // Returns the connect command, still without its id.
  hello(token, data) {
    const connect = { ...(token && { token }), ...(data !== undefined && { data }) };
    return JSON.stringify({ connect });
  }

  // Returns the frame to send: each line's command gets the next id, unless it has one or needs none.
  frame(text) {
    return commandIn(text) ? this.command(text) : text.split("\n").map((line) => this.command(line)).join("\n");
  }

  command(text) {
    const found = commandIn(text);
    if (!found) return text;
    const { name, value } = found;
    if (name !== "send" && !Object.hasOwn(value, "id")) {
      this.lastId += 1;
      text = text.replace("{", `{"id":${this.lastId},`);
      this.pending.set(this.lastId, found);
    } else if (Number.isInteger(value.id)) {
      this.lastId = Math.max(this.lastId, value.id);
      this.pending.set(value.id, found);
    }
    return text;
  }

  // Reads a frame. Returns its lines, each with its kind and what it is about.
  receive(frame) {
    return frame.split("\n").map((text) => ({ text, kind: "received", about: "", ...this.read(parse(text).value) }));
  }

  read(value) {
    if (Object.hasOwn(Object(value), "push")) return this.push(Object(value.push));
    const command = this.pending.get(value?.id);
    if (!command) return {};
    this.pending.delete(value.id);
    const about = describeCommand(command);
    if (value.error) return { kind: "refused", about: `${about}: ${value.error.code} ${value.error.message ?? ""}` };
    return { about: `${about}${this.replied(command, value[command.name])}` };
  }

  replied({ name, body }, reply) {
    if (name === "connect") for (const channel of Object.keys(reply.subs ?? {})) this.channels.add(channel);
    if (name === "subscribe") this.channels.add(body.channel);
    if (name === "unsubscribe") this.channels.delete(body.channel);
    if (name === "presence") return `: ${membersText(reply.presence ?? {})}`;
    if (name === "presence_stats") return `: ${reply.num_clients ?? 0} clients, ${reply.num_users ?? 0} users`;
    return "";
  }

  push({ channel = "", ...push }) {
    const [kind] = Object.keys(push);
    const body = Object(push[kind]);
    if (kind === "subscribe") this.channels.add(channel);
    if (kind === "unsubscribe") this.channels.delete(channel);
    if (kind === "disconnect") this.end = body;
    const who = kind === "join" || kind === "leave" ? body.info?.user || body.info?.client : "";
    const code = kind === "disconnect" || kind === "unsubscribe" ? `${body.code} ${body.reason ?? ""}` : "";
    return { about: [who, PUSHES[kind] ?? kind, channel, code].filter(Boolean).join(" ") };
  }
}

function membersText(presence) {
  const names = Object.values(presence).map(({ user, client }) => user || client);
  return `${names.length} there${names.length ? `: ${names.sort().join(", ")}` : ""}`;
}
