// JSON as its sender wrote it: indenting keeps number formats, escapes and repeated keys.
// JSON.parse and JSON.stringify would lose them.

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const INDENT = "  ";
const DEEPEST = 100;

export function parse(text) {
  try {
    return { isJson: true, value: JSON.parse(text) };
  } catch {
    return { isJson: false, value: undefined };
  }
}

// True for an object or a list that is not empty: indenting makes it easier to read.
export function isStructured(text) {
  return /^\s*[{[]\s*[^\s}\]]/.test(text) && parse(text).isJson;
}

// Puts each member and each item on a line. The text must be JSON.
export function indent(text) {
  let result = "";
  let depth = 0;
  let before = "";
  const line = () => `\n${INDENT.repeat(Math.min(depth, DEEPEST))}`;
  for (const [token] of text.matchAll(TOKEN)) {
    const closes = token === "}" || token === "]";
    const wasOpened = before === "{" || before === "[";
    if (closes) depth -= 1;
    if (before === "," || wasOpened !== closes && (wasOpened || closes)) result += line();
    result += token === ":" ? ": " : token;
    if (token === "{" || token === "[") depth += 1;
    before = token;
  }
  return result;
}

// The path to the one member that a route selection expression names, else null.
export function memberPath(expression) {
  const match = /^(?:\$\{request\.body\.([\w.]+)\}|\$request\.body\.([\w.]+))$/.exec(expression);
  return match ? (match[1] ?? match[2]).split(".") : null;
}

// The route that API Gateway selects for a message; undefined if no route matches.
export function selectRoute(text, path, routes) {
  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
  let value = parse(text).value;
  for (const name of path) {
    value = isObject(value) && Object.hasOwn(value, name) ? value[name] : "";
  }
  const key = ["$connect", "$disconnect"].includes(value) ? "$default" : keyText(value);
  return [key, "$default"].find((each) => routes.includes(each));
}

// A value as the text of a route key, as in decanter/gateway/selection.py.
function keyText(value) {
  if (Array.isArray(value)) return `[${value.map(keyText).join(", ")}]`;
  return typeof value === "string" ? value : JSON.stringify(value);
}
