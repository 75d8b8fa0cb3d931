// A list that keeps the newest entries and scrolls with them while its end is visible.

export const MOST_ENTRIES = 500;
export const MOST_CHARACTERS = 1024 * 1024;
const END_PIXELS = 40;

export class BoundedList {
  constructor(element, onChange = () => {}) {
    this.element = element;
    this.onChange = onChange;
    this.kept = [];
    this.characters = 0;
    this.dropped = 0;
    this.pending = new DocumentFragment();
    this.frame = null;
    this.follows = true;
    element.addEventListener("scroll", () => this.look());
    element.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.follow()).observe(element);
  }

  // New entries do not scroll the list while the reader has scrolled up or unfolded an entry.
  look() {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    this.follows = scrollHeight - scrollTop - clientHeight < END_PIXELS;
  }

  follow() {
    if (this.follows) this.element.scrollTop = this.element.scrollHeight;
  }

  // Entries that come between two animation frames are shown together. A page in the background
  // gets no animation frames, so the waiting entries are bounded, too.
  add(entry, characters) {
    this.pending.append(entry);
    this.kept.push({ entry, characters: 0 });
    this.grow(characters);
  }

  get last() {
    return this.kept.at(-1);
  }

  // Adds characters to the size of the last entry.
  grow(characters) {
    this.last.characters += characters;
    this.characters += characters;
    while (this.kept.length > MOST_ENTRIES || this.isTooLong()) this.drop();
    this.frame ??= requestAnimationFrame(() => this.show());
  }

  isTooLong() {
    return this.characters > MOST_CHARACTERS && this.kept.length > 1;
  }

  drop() {
    const { entry, characters } = this.kept.shift();
    entry.remove();
    this.characters -= characters;
    this.dropped += 1;
  }

  show() {
    this.frame = null;
    this.element.append(this.pending);
    this.follow();
    this.onChange();
  }

  clear() {
    this.kept = [];
    this.characters = 0;
    this.dropped = 0;
    this.pending.replaceChildren();
    this.element.replaceChildren();
    this.onChange();
  }

  // The list is one tab stop. The arrow keys move between the buttons of its entries.
  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.move(event, step);
    if (event.key === "Escape") this.element.focus();
  }

  move(event, step) {
    const all = [...this.element.querySelectorAll(".unfold")];
    const buttons = all.filter((button) => button.checkVisibility());
    const at = buttons.indexOf(document.activeElement);
    const next = at < 0 ? buttons.at(step > 0 ? 0 : -1) : buttons[at + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }
}
