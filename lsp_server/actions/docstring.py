"""A documentation string as a literal in the source: its quotes and the lines between them.

The lines are those of the source, escapes as they were written: whatever is kept is kept to the character.
"""

import ast
import re

import attrs

_LITERAL = re.compile(r"(?P<prefix>[A-Za-z]*)(?P<quotes>\"\"\"|'''|\"|')(?P<content>.*)(?P=quotes)\Z", re.DOTALL)
_END_OF_LINE = re.compile(r"\r\n|\n|\r")


@attrs.frozen
class Docstring:
    """One literal. The first line stands behind the opening quotes; the last one is what stands before the closing
    ones, often nothing but indentation."""

    prefix: str
    quotes: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, source: str) -> "Docstring | None":
        """The literal `source`; None where its lines are not those of the string it stands for, as with `\\n`."""
        found = _LITERAL.match(source)
        if found is None:
            return None
        lines = tuple(_END_OF_LINE.split(found["content"]))
        value = ast.literal_eval(source)
        continued = sum(line.endswith("\\") for line in lines[:-1]) if "r" not in found["prefix"].lower() else 0
        if not isinstance(value, str) or value.count("\n") != len(lines) - 1 - continued:
            return None
        return cls(found["prefix"], found["quotes"], lines)

    @property
    def blank(self) -> bool:
        return not "".join(self.lines).strip(" \t\\")

    def margin(self, default: str) -> str:
        """The indentation that all lines but the first share; `default` where there is only one line."""
        margins = [line[: len(line) - len(line.lstrip())] for line in self.lines[1:] if line.strip()]
        return min(margins, key=len) if margins else default

    def source(self, newline: str) -> str:
        """The literal. Single quotes become triple ones where there is more than one line."""
        quotes = self.quotes
        if len(quotes) == 1 and len(self.lines) > 1:
            quotes = "'''" if self.lines[0].startswith('"') or '"""' in "".join(self.lines) else '"""'
        return self.prefix + quotes + newline.join(self.lines) + quotes
