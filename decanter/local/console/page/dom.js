// Find and make elements; format sizes and times. Text is set with textContent only: data from a
// peer or from the gateway never becomes markup.

export const find = (selector, parent = document) => parent.querySelector(selector);

export function stamp(id) {
  return find(`template#${id}`).content.firstElementChild.cloneNode(true);
}

export function setText(parent, texts) {
  for (const [name, text] of Object.entries(texts)) {
    const element = find(`.${name}`, parent);
    if (element.textContent !== String(text)) element.textContent = text;
  }
}

export const byteLength = (text) => new TextEncoder().encode(text).length;

export function readableSize(bytes) {
  return bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KB`;
}

export function readableAge(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  const minutes = String(Math.floor((seconds % 3600) / 60)).padStart(2, "0");
  return `${Math.floor(seconds / 3600)} h ${minutes}`;
}

export function clockTime(date) {
  const digits = (value, length) => String(value).padStart(length, "0");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()];
  return `${time.map((part) => digits(part, 2)).join(":")}.${digits(date.getMilliseconds(), 3)}`;
}

export const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
