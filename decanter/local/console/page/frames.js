// The frames of one connection: time, direction, size, text, and JSON indented on demand.

import { clockTime, find, readableSize, setText, stamp } from "./dom.js";
import { indent, isStructured } from "./json.js";
import { BoundedList } from "./list.js";

const MARKS = { sent: "↑", received: "↓", refused: "×", note: "·" };
const FOLDED_CHARACTERS = 240;
const SHOWN_BYTES = 64;

// The first bytes of a binary frame, in hexadecimal.
export function hexadecimal(buffer) {
  const bytes = [...new Uint8Array(buffer, 0, Math.min(buffer.byteLength, SHOWN_BYTES))];
  const digits = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return `binary ${digits}${buffer.byteLength > SHOWN_BYTES ? " …" : ""}`;
}

export class FrameLog extends BoundedList {
  record(kind, text, size, about = "") {
    const entry = stamp("entry");
    const time = clockTime(new Date());
    entry.dataset.kind = kind;
    find(".mark", entry).setAttribute("aria-label", kind);
    setText(entry, { mark: MARKS[kind], about, text, time, size: size === undefined ? "" : readableSize(size) });
    this.offerToUnfold(entry, text);
    this.add(entry, text.length);
  }

  note(text) {
    this.record("note", text);
  }

  offerToUnfold(entry, text) {
    const button = find(".unfold", entry);
    const structured = isStructured(text);
    if (!structured && text.length <= FOLDED_CHARACTERS) {
      button.remove();
      return;
    }
    button.textContent = structured ? "{ }" : "…";
    button.addEventListener("click", () => {
      const unfolds = button.getAttribute("aria-expanded") === "false";
      button.setAttribute("aria-expanded", String(unfolds));
      find(".text", entry).textContent = unfolds && structured ? indent(text) : text;
      this.look();
    });
  }
}
