// A token on its way to the server: a browser cannot set headers on a WebSocket, so it is offered
// as the subprotocol that follows a marker. It is read from its field alone, and shown nowhere.

const MARKER = "decanter.token";
const SUBPROTOCOL = /^[\w!#$%&'*+.^`|~-]+$/;

// What to offer: the subprotocols of a text, then the token, if there is one. The browser's own
// errors would repeat it.
export function offers(text, token) {
  const protocols = text.split(/[\s,]+/).filter(Boolean);
  const given = token.trim();
  if (given === "") return protocols;
  if (!SUBPROTOCOL.test(given)) throw new Error("the token has a character that none may have");
  if (protocols.includes(given)) throw new Error("the token stands among the subprotocols too");
  return [...protocols, MARKER, given];
}

// A server's words, which may repeat it.
export function withoutToken(words, token) {
  const given = token.trim();
  return given === "" ? words : words.replaceAll(given, "(the token)");
}
