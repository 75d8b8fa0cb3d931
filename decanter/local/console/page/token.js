// A token on its way to the server: a browser cannot set headers on a WebSocket, so it is offered
// as the subprotocol that follows a marker. It is shown nowhere, and kept for this tab alone.

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

// A connection's token and the URL that it is for, kept over a reload of this tab.
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

  // Storage may be forbidden: then the token lasts as long as the page.
  write(url, token) {
    try {
      if (token.trim() === "") sessionStorage.removeItem(this.key);
      else sessionStorage.setItem(this.key, JSON.stringify({ url, token }));
    } catch {
      // nothing to do about it
    }
  }
}
