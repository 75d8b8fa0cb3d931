r"""The tests' own reader of JSON, character by character: RFC 8259 and the framework's rules."""

import re

MAX_DEPTH, MAX_DIGITS = 128, 4300
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Scanner:
    """Reads one text.

    Attributes:
        members: the last text of each member of the outermost object; empty for another value.
    """

    def __init__(self, text: str) -> None:
        """Read the text.

        Raises:
            ValueError: it is not valid.
        """
        text.encode()  # no unpaired surrogate
        self._text = text
        self._at = 0
        self.members: dict[str, str] = {}
        self._space()
        self._value(0)
        self._space()
        if self._at < len(text):
            raise ValueError(f"more text at {self._at}")

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, expected: str) -> None:
        if self._peek() != expected:
            raise ValueError(f"no {expected} at {self._at}")
        self._at += 1

    def _space(self) -> None:
        while self._peek() and self._peek() in " \t\n\r":
            self._at += 1

    def _value(self, depth: int) -> None:
        start = self._peek()
        if start == '"':
            self._string()
        elif start == "{":
            self._items(depth + 1, "}")
        elif start == "[":
            self._items(depth + 1, "]")
        elif word := next(
            (w for w in ("null", "true", "false") if self._text.startswith(w, self._at)), ""
        ):
            self._at += len(word)
        else:
            self._number()

    def _number(self) -> None:
        match = _NUMBER.match(self._text, self._at)
        if match is None:
            raise ValueError(f"no value at {self._at}")
        self._at = match.end()
        if match[2] or match[3]:
            if float(match[0]) in (float("inf"), float("-inf")):
                raise ValueError(f"{match[0]} is beyond a double")
        elif len(match[1]) > MAX_DIGITS:
            raise ValueError("a long integer")

    def _items(self, depth: int, end: str) -> None:
        if depth > MAX_DEPTH:
            raise ValueError("too deep")
        self._at += 1
        self._space()
        more = self._peek() != end
        while more:
            self._item(depth, end)
            self._space()
            more = self._peek() == ","
            if more:
                self._at += 1
                self._space()
        self._take(end)

    def _item(self, depth: int, end: str) -> None:
        name = None
        if end == "}":
            name = self._string()
            self._space()
            self._take(":")
            self._space()
        start = self._at
        self._value(depth)
        if name is not None and depth == 1:
            self.members[name] = self._text[start : self._at]

    def _string(self) -> str:
        self._take('"')
        characters = ""
        while self._peek() != '"':
            if self._peek() < " ":  # a control character, or the end
                raise ValueError(f"no string at {self._at}")
            characters += self._character()
        self._at += 1
        return characters.encode("utf-16", "surrogatepass").decode("utf-16")  # joins pairs

    def _character(self) -> str:
        self._at += 1
        character = self._text[self._at - 1]
        if character != "\\":
            return character
        kind = self._peek()
        self._at += 1
        if kind != "u":
            return _ESCAPES[kind] if kind in _ESCAPES else self._refuse()
        digits = self._text[self._at : self._at + 4]
        self._at += 4
        return chr(int(digits, 16)) if re.fullmatch("[0-9a-fA-F]{4}", digits) else self._refuse()

    def _refuse(self) -> str:
        raise ValueError(f"no escape at {self._at}")
