"""Puts one missing part after the other into the lines of a documentation string, in its place and style.

Pure, and the only file that knows how the styles look. What stands already keeps every character; only blank lines
around an insertion may change in number.
"""

import textwrap
from collections.abc import Sequence
from typing import Literal

import attrs

from lsp_server.actions import docstring_reading as reading
from lsp_server.actions.docstring_reading import Reading, Section
from lsp_server.actions.docstring_styles import ORDER, SectionKind, Style
from lsp_server.actions.signature import Definition, Parameter, Result

_TIED = "\x01"
"""Stands for a space at which no line is broken: names and types are read back line by line."""

_GOOGLE_HEADINGS = {
    "parameters": "Args",
    "attributes": "Attributes",
    "returns": "Returns",
    "yields": "Yields",
    "raises": "Raises",
}
_NUMPY_HEADINGS = {**_GOOGLE_HEADINGS, "parameters": "Parameters"}
_FIELDS = {"parameters": "param", "attributes": "ivar", "returns": "returns", "yields": "yields", "raises": "raises"}
_RETURNING = ("return", "yield", "get ", "gets ")


@attrs.frozen
class Part:
    """One thing to be documented. fallback: what the source says about it, for where nobody has better words.

    Texts are empty where the source says nothing; `default` and `optional` are of a parameter.
    """

    kind: Literal["summary"] | SectionKind
    name: str = ""
    stars: str = ""
    annotation: str = ""
    default: str = ""
    optional: bool = False
    type: str = ""
    fallback: str = ""


@attrs.frozen
class Layout:
    """margin: indentation of the text; unit: of one level more; width: longest line, in characters."""

    margin: str
    unit: str
    width: int


def missing(definition: Definition, present: Reading | None) -> tuple[Part, ...]:
    """What documentation lacks, in the order in which it is written; everything where there is none.

    An existing string gets what its sections lack. One without sections gets them only for parameters: a sentence is
    all that a function without any needs, and one that begins with "Return" tells about the result.
    """
    documented = present.names("parameters", "attributes") if present is not None else ()
    parts = [_listed("parameters", each) for each in definition.parameters if each.name not in documented]
    parts += [_listed("attributes", each) for each in definition.attributes if each.name not in documented]
    if present is None:
        parts.insert(0, Part("summary", fallback=definition.statement))
    elif not parts and not present.sections:
        return ()
    tells = present is not None and present.summary.lower().startswith(_RETURNING)
    results: tuple[tuple[SectionKind, Result | None], ...] = (
        ("returns", definition.returns),
        ("yields", definition.yields),
    )
    for kind, result in results:
        if result is not None and not (present is not None and present.has(kind)) and not tells:
            fallback = f"`{result.source}`." if result.source else ""
            parts.append(Part(kind, annotation=result.annotation, type=result.type, fallback=fallback))
    raised = {name.split(".")[-1] for name in present.names("raises")} if present is not None else set()
    for each in definition.raises:
        if each.name.split(".")[-1] not in raised:
            parts.append(Part("raises", each.name, fallback=f"If `{each.condition}`." if each.condition else ""))
            raised.add(each.name.split(".")[-1])
    return tuple(parts)


def with_part(
    lines: Sequence[str], part: Part, text: str, definition: Definition, style: Style, layout: Layout
) -> tuple[str, ...]:
    """The lines, as `docstring.Docstring` has them, with `part` described by `text`, which may be empty."""
    margin = layout.margin
    if part.kind == "summary":
        rows = _wrapped(text, margin, margin, layout, taken=len(style.quotes))
        return (rows[0].removeprefix(margin), *rows[1:], *([margin] if len(rows) > 1 else ()))
    closing = lines[-1] if len(lines) > 1 and not lines[-1].strip() else None
    body = [margin + lines[0], *lines[1:]]
    while body and not body[-1].strip():
        body.pop()
    present = reading.read(body, margin)
    section = _section(present, part.kind)
    if section is not None:
        row, kind = _row(section, part, definition), section.kind
        body[row:row] = _entry(part, kind, text, style, layout, section.indent)
    else:
        body = _with_section(body, present, part, text, style, layout)
    if closing is None and len(lines) == 1:
        closing = margin
    return (body[0].removeprefix(margin), *body[1:], *([closing] if closing is not None else ()))


def _listed(kind: SectionKind, given: Parameter) -> Part:
    fallback = {"*": "Further positional arguments.", "**": "Further keyword arguments."}.get(given.stars, "")
    if given.default:
        fallback = f"Defaults to `{given.default}`."
    return Part(
        kind,
        given.name,
        given.stars,
        given.annotation,
        given.default,
        given.optional,
        type=given.type,
        fallback=fallback,
    )


def _section(present: Reading, kind: str) -> Section | None:
    """The section that takes an entry of this kind: classes list their attributes under either heading."""
    for wanted in (kind, "parameters") if kind == "attributes" else (kind,):
        found = [section for section in present.sections if section.kind == wanted]
        if found:
            return found[-1] if kind == "raises" else found[0]
    return None


def _row(section: Section, part: Part, definition: Definition) -> int:
    """Behind the nearest entry before it in the signature, or else before the nearest after it."""
    listed = definition.parameters if part.kind == "parameters" else definition.attributes
    order = [each.name for each in listed]
    place = order.index(part.name) if part.name in order else len(order)
    for name in reversed(order[:place]):
        for entry in section.entries:
            if name in entry.names:
                return entry.end
    for name in order[place + 1 :]:
        for entry in section.entries:
            if name in entry.names:
                return entry.first
    return section.end


def _with_section(body: list[str], present: Reading, part: Part, text: str, style: Style, layout: Layout) -> list[str]:
    rank: dict[str, int] = {kind: number for number, kind in enumerate(ORDER)}
    own = rank[part.kind]
    after = [section for section in present.sections if rank[section.kind] > own]
    before = [section for section in present.sections if rank[section.kind] < own]
    row = after[0].first if after else before[-1].end if before else len(body)
    margin, kind = layout.margin, part.kind
    if style.name == "sphinx":
        block = _entry(part, kind, text, style, layout, margin)
    elif style.name == "google":
        block = [f"{margin}{_GOOGLE_HEADINGS[kind]}:"]
        block += _entry(part, kind, text, style, layout, margin + layout.unit)
    else:
        heading = _NUMPY_HEADINGS[kind]
        block = [margin + heading, margin + "-" * len(heading), *_entry(part, kind, text, style, layout, margin)]
    above, below = body[:row], body[row:]
    while above and not above[-1].strip():
        above.pop()
    while below and not below[0].strip():
        below.pop(0)
    fields = style.name == "sphinx"
    if above and above != [margin] and not (fields and before and row == before[-1].end):
        above.append("")
    if below and not (fields and after):
        block.append("")
    return [*above, *block, *below]


def _entry(part: Part, kind: str, text: str, style: Style, layout: Layout, indent: str) -> list[str]:
    text = style.quoted(text)
    if style.name == "google":
        return _google(part, kind, text, style, layout, indent)
    if style.name == "numpy":
        head = _numpy_head(part, kind)
        if part.default and head.endswith(f"default {part.default}") and text == style.quoted(part.fallback):
            text = ""  # the default stands in the head already
        deeper = indent + layout.unit
        return [indent + head, *(_wrapped(text, deeper, deeper, layout) if text else ())]
    return _sphinx(part, kind, text, style, layout, indent)


def _google(part: Part, kind: str, text: str, style: Style, layout: Layout, indent: str) -> list[str]:
    if kind in ("returns", "yields"):
        told = part.annotation or part.type
        if not text:
            head, text = "", told or "The computed value."
        else:
            head = f"{told}: " if told and (style.typed or text.startswith("`")) else ""
    elif kind == "raises":
        head = f"{part.name}: "
    else:
        shown = [part.annotation] if part.annotation and (style.typed or not text) else []
        if shown and part.optional:
            shown.append("optional")
        head = f"{part.stars}{part.name}" + (f" ({', '.join(shown)})" if shown else "") + ": "
    return _wrapped((_tied(head.rstrip()) + " " + text).strip(), indent, indent + layout.unit, layout)


def _numpy_head(part: Part, kind: str) -> str:
    if kind in ("returns", "yields"):
        return part.annotation or part.type or "object"
    if kind == "raises":
        return part.name
    told = [part.annotation or part.type] if part.annotation or part.type else []
    if part.optional:
        told.append(f"default {part.default}" if part.default and part.default != "None" else "optional")
    return f"{part.stars}{part.name}" + (f" : {', '.join(told)}" if told else "")


def _sphinx(part: Part, kind: str, text: str, style: Style, layout: Layout, indent: str) -> list[str]:
    field = _FIELDS[kind]
    name = f" {part.name}" if part.name else ""
    result = kind in ("returns", "yields")
    told = part.annotation or (part.type if result else "")
    typed = bool(told) and (style.typed or not text or text.startswith("`")) and kind != "raises"
    if result and not text:
        if kind == "returns" and told:
            return [f"{indent}:rtype: {told}"]
        text, typed = told or "The computed value.", False
    rows = _wrapped(f"{_tied(f':{field}{name}:')} {text}".strip(), indent, indent + layout.unit, layout)
    if typed and kind != "yields":
        type_field = {"param": "type", "ivar": "vartype", "returns": "rtype"}[field]
        rows.append(f"{indent}:{type_field}{name}: {told}")
    return rows


def _tied(text: str) -> str:
    return text.replace(" ", _TIED)


def _wrapped(text: str, first: str, rest: str, layout: Layout, *, taken: int = 0) -> list[str]:
    """Lines within the width. `taken`: columns that the first line has less, besides its indentation's."""
    width = max(layout.width - 3 * rest.count("\t"), len(rest) + 30)
    lead = "\x02" * taken
    rows = textwrap.wrap(
        lead + text,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [row.replace(lead, "", 1).replace(_TIED, " ") if lead else row.replace(_TIED, " ") for row in rows]
