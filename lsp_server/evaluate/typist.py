"""A text field that behaves as a code editor does while one types: it closes brackets, types over them, indents.

Follows VS Code's rules for Python as far as they shape the changes a server sees. It keeps the text and the list of
keys; what to type is decided in `record.py`. It never talks to a server.
"""

import attrs

from lsp_server.evaluate.keystrokes import Key, KeyKind

INDENT = "    "
_PARTNERS = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'"}
_CLOSES_BEFORE = " \t\n;:.,=}])>"
"""Characters before which VS Code adds a closing partner (its `autoCloseBefore`)."""


@attrs.define
class Typist:
    """The text, the caret and the keys so far. Every method is one key."""

    text: str
    caret: int = 0
    run: int = 0
    keys: list[Key] = attrs.field(factory=list)
    closers: list[int] = attrs.field(factory=list)
    """Offsets of partners that the editor added and that can still be typed over."""
    _undo: tuple[int, str, str] | None = None
    """(offset, inserted, removed) of the last group of keys that one undo takes back."""

    def type(self, character: str) -> None:
        """One printable character."""
        if self.caret in self.closers and self.text.startswith(character, self.caret):
            self.closers.remove(self.caret)
            self._change("over", self.caret, 1, character, self.caret + 1)
        elif character in _PARTNERS and self._wants_partner(character):
            at = self.caret
            self._change("close", at, 0, character + _PARTNERS[character], at + 1)
            self.closers.append(at + 1)
        else:
            self._change("type", self.caret, 0, character, self.caret + 1)

    def enter(self) -> None:
        """A line end: the line's indentation, one step more after a colon or an open bracket."""
        line = self.text[self.text.rfind("\n", 0, self.caret) + 1 : self.caret]
        indentation = line[: len(line) - len(line.lstrip(" "))]
        before = line.rstrip()[-1:]
        inner = indentation + INDENT if before and before in ":([{" else indentation
        inserted = "\n" + inner
        caret = self.caret + len(inserted)
        if before and before in "([{" and self.caret in self.closers:
            # The partner moves to a line of its own, and typing over it there is a movement of the caret.
            inserted += "\n" + indentation
            self.closers.remove(self.caret)
        self._change("enter", self.caret, 0, inserted, caret)

    def indent(self) -> None:
        """The Tab key at the start of a line."""
        self._change("indent", self.caret, 0, INDENT, self.caret + len(INDENT))

    def backspace(self) -> None:
        """One character, one step of indentation, or an empty pair that the editor closed."""
        line_start = self.text.rfind("\n", 0, self.caret) + 1
        before = self.text[line_start : self.caret]
        if before and before.isspace():
            back = len(before) - (len(before) - 1) // len(INDENT) * len(INDENT)
        else:
            back = 1
        ahead = 1 if self.caret in self.closers and before[-1:] in _PARTNERS else 0
        self._change("backspace", self.caret - back, back + ahead, "", self.caret - back)

    def delete(self) -> None:
        """The Delete key."""
        self._change("delete", self.caret, 1, "", self.caret)

    def paste(self, text: str) -> None:
        self._change("paste", self.caret, 0, text, self.caret + len(text))

    def popup(self, rest: str) -> None:
        """The rest of a name, chosen in the editor's own completion list."""
        self._change("popup", self.caret, 0, rest, self.caret + len(rest))

    def undo(self) -> None:
        """Takes back the last group: a paste, or characters typed in a row."""
        assert self._undo is not None, "nothing to undo"
        at, inserted, removed = self._undo
        self._change("undo", at, len(inserted), removed, at + len(removed))
        self._undo = None

    def pause(self) -> None:
        """A moment of thought, after which the next characters are a group of their own to undo. No key."""
        self._undo = None

    def jump(self, offset: int) -> None:
        """The caret goes elsewhere (a click, arrows, End); a new run begins."""
        self.run += 1
        self.caret = offset
        self.closers.clear()
        self._undo = None
        self.keys.append(Key("jump", offset, 0, "", offset, self.run))

    def _wants_partner(self, character: str) -> bool:
        after = self.text[self.caret : self.caret + 1]
        if after and after not in _CLOSES_BEFORE:
            return False
        if character in "\"'":
            before = self.text[self.caret - 1 : self.caret]
            return not (before.isalnum() or before in ("_", character)) and not self._in_string()
        return not self._in_string()

    def _in_string(self) -> bool:
        """Whether the caret stands in a string or comment of its own line; longer strings are not looked for."""
        quote = ""
        escaped = False
        for character in self.text[self.text.rfind("\n", 0, self.caret) + 1 : self.caret]:
            if escaped:
                escaped = False
            elif quote:
                escaped = character == "\\"
                quote = "" if character == quote else quote
            elif character == "#":
                return True
            elif character in "\"'":
                quote = character
        return bool(quote)

    def _change(self, kind: KeyKind, at: int, remove: int, insert: str, caret: int) -> None:
        removed = self.text[at : at + remove]
        self.text = self.text[:at] + insert + self.text[at + remove :]
        self.closers = [
            closer + len(insert) - remove if closer >= at + remove else closer
            for closer in self.closers
            if closer < at or closer >= at + remove
        ]
        in_a_row = kind == "type" and self.keys and self.keys[-1].kind == "type"
        if in_a_row and self._undo is not None and at == self._undo[0] + len(self._undo[1]):
            self._undo = (self._undo[0], self._undo[1] + insert, self._undo[2])
        else:
            self._undo = (at, insert, removed)
        self.caret = caret
        self.keys.append(Key(kind, at, remove, insert, caret, self.run))
