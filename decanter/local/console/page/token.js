// A token for the server. A browser cannot set headers on a WebSocket, so the token is offered as the
// subprotocol after a marker. It is never shown, and it is kept for this tab only.

const MARKER = "decanter.token";
const SUBPROTOCOL = /^[\w!#$%&'*+.^`|~-]+$/;

// The subprotocols to offer: those in the text, then the marker and the token, if any. The token is
// checked here, because the browser's own error would show it.
export function offers(text, token) {
  const protocols = text.split(/[\s,]+/).filter(Boolean);
  const given = token.trim();
  if (given === "") return protocols;
  if (!SUBPROTOCOL.test(given)) throw new Error("the token has a character that is not allowed in a token");
  if (protocols.includes(given)) throw new Error("the token is also one of the subprotocols");
  return [...protocols, MARKER, given];
}

// Masks the token in a text from the server.
export function withoutToken(words, token) {
  const given = token.trim();
  return given === "" ? words : words.replaceAll(given, "(the token)");
}

// A connection's token and its URL. They survive a reload of this tab.
export class KeptToken {
  constructor(name) {
    this.key = `decanter.token.${name}`;
  }

  read() {
    try {
      const { url, token } = Object(JSON.parse(sessionStorage.getItem(this.key)));
      return { url: String(url ?? ""), token: String(token ?? "") };
    } catch {
      return { url: "", token: "" };
    }
  }

  // Storage may be forbidden. Then the token is lost with the page.
  write(url, token) {
    try {
      if (token.trim() === "") sessionStorage.removeItem(this.key);
      else sessionStorage.setItem(this.key, JSON.stringify({ url, token }));
    } catch {
      // not kept
    }
  }
}
