"""Filters for whitespace: the indentation of the place and the file, no trailing spaces, the document's line ends."""

from lsp_server.completion.brackets import LONG
from lsp_server.completion.place import TAB, indent_unit, indentation, is_opener, width
from lsp_server.completion.situation import Quiet, Situation


def indent(text: str, situation: Situation) -> str | Quiet:
    """Lays the lines at the cursor's column, in the file's own tabs or spaces. Insides of long strings stay."""
    place = situation.place
    first, *further = text.split("\n")
    if not place.on_blank_line:
        spaced = place.before[-1:].isspace() and situation.around.kind != "string"
        first = first.lstrip(" \t") if spaced else first
        return "\n".join([first, *_in_style(further, first, 0, situation)])
    lead, code = width(first), first.lstrip(" \t")
    above = situation.around.above
    unit = indent_unit(situation.query)
    if place.previous is not None and is_opener(place.previous, place.language) and above >= place.column:
        wanted = max(place.column + lead, above + width(unit))
        missing = wanted - place.column
        first = ("\t" * (missing // TAB) if unit == "\t" else " " * missing) + code
        return "\n".join([first, *_in_style(further, first, wanted - place.column - lead, situation)])
    if place.column:
        first = code
    surplus = 0
    ends = not is_opener(code, place.language) and not code.rstrip().endswith("\\")
    if further and place.style == "indent" and ends and len(situation.scan(first).stack) == len(situation.around.open):
        level = place.column + width(first)
        second = next((line for line in further if line.strip()), "")
        surplus = max(0, width(second) - level) if second else 0
    return "\n".join([first, *_in_style(further, first, -surplus, situation)])


def trailing_space(text: str, situation: Situation) -> str | Quiet:
    """No spaces at line ends and no line ends at the end, unless a closer after the cursor needs its own line."""
    after = situation.place.after
    lines = text.split("\n")
    stripped = [line.rstrip() for line in lines]
    if len(lines) > 1 and not stripped[-1] and after.lstrip()[:1] in tuple(")]}") and any(stripped):
        last = max(number for number, line in enumerate(stripped) if line)
        return "\n".join([*stripped[: last + 1], lines[-1]])
    result = "\n".join(stripped).rstrip()
    wants_space = lines[-1][-1:].isspace() and after[:1].isalnum() and len(lines) == 1
    return result + " " if wants_space else result


def line_ends(text: str, situation: Situation) -> str | Quiet:
    """A document with `\\r\\n` gets `\\r\\n`."""
    return text.replace("\n", situation.place.newline)


def _in_style(lines: list[str], first: str, shift: int, situation: Situation) -> list[str]:
    """Further lines, moved by `shift` columns, their indentation written as the file writes it."""
    if not lines:
        return []
    unit = indent_unit(situation.query)
    steps = [width(line.lstrip("\t")) for line in lines if line.lstrip("\t").startswith("  ")]
    step = min(steps) if steps and min(steps) in (2, 3, 4, 8) else TAB
    result: list[str] = []
    so_far = first
    for line in lines:
        stack = situation.scan(so_far).stack
        so_far += "\n" + line
        if not line.strip() or (stack and stack[-1].kind in LONG):
            result.append(line)
            continue
        lead = indentation(line)
        columns = max(0, width(line) + shift)
        if unit == "\t" and " " in lead and not shift:
            spaces = len(lead.lstrip("\t"))
            lead = "\t" * (len(lead) - spaces + spaces // step) + " " * (spaces % step)
        elif unit != "\t" and "\t" in lead:
            lead = lead.replace("\t", unit) if not shift else " " * columns
        elif shift:
            lead = "\t" * (columns // TAB) if unit == "\t" else " " * columns
        result.append(lead + line[len(indentation(line)) :])
    return result
