"""Which licences the training text may have, and what licence a package states; never reads licence texts.

Allowed are MIT, BSD, Apache-2.0, ISC, PSF, Unlicense, 0BSD, CC0 and Zlib. Where a package leaves the choice (`OR`), one
allowed side is enough; where it joins licences (`AND`, several classifiers), every one must be allowed.
"""

import re
from collections.abc import Iterable, Mapping
from email.message import Message

ALLOWED = frozenset(
    {
        *("MIT", "BSD", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Apache-2.0", "ISC", "PSF-2.0", "Python-2.0"),
        *("CNRI-Python", "Unlicense", "CC0-1.0", "Zlib"),
    }
)

CLASSIFIERS = {
    "MIT License": "MIT",
    "BSD License": "BSD",
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Zero-Clause BSD (0BSD)": "0BSD",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "zlib/libpng License": "Zlib",
}

_FORBIDDEN = re.compile(
    r"\b[AL]?GPL|\bMPL|\bEPL|Mozilla|Eclipse Public|General Public|Proprietary|Commercial", re.IGNORECASE
)
_SPELLINGS = (
    (r"(the )?(expat/)?mit([ -]licen[cs]e)?( \(mit\))?|expat|mit/x11", "MIT"),
    (r"(the )?mit license( \(mit\))? copyright .*", "MIT"),  # with its whole text
    (r"0bsd", "0BSD"),
    (r"(new|modified|revised) bsd( licen[cs]e)?|bsd[- ]?3([ -]clause)?( licen[cs]e)?|3[- ]clause bsd( licen[cs]e)?",
     "BSD-3-Clause"),
    (r"simplified bsd( licen[cs]e)?|bsd[- ]?2([ -]clause)?( licen[cs]e)?|2[- ]clause bsd( licen[cs]e)?",
     "BSD-2-Clause"),
    (r"(the )?bsd([- ]licen[cs]ed?)?", "BSD"),
    (r"(the )?apache([- ]software)?([ -]licen[cs]e)?,?([ -]?(version |v)?2(\.0)?)?( licen[cs]e)?", "Apache-2.0"),
    (r"isc([ -]licen[cs]e)?( \(iscl\))?|iscl", "ISC"),
    (r"psf(-2\.0)?([ -]licen[cs]e)?|psfl?|python software foundation( licen[cs]e)?", "PSF-2.0"),
    (r"python-2\.0", "Python-2.0"),
    (r"(the )?unlicen[cs]e", "Unlicense"),
    (r"cc0([ -]1\.0)?( universal)?", "CC0-1.0"),
    (r"zlib(/libpng)?( licen[cs]e)?", "Zlib"),
)  # fmt: skip
_TOKEN = re.compile(r"\s*(\(|\)|[^\s()]+)")


def of_metadata(metadata: Message) -> str | None:
    """The licence a wheel's METADATA states, as an SPDX-like expression; None where it says none that is known.

    The expression counts before the classifiers, and these before the free text. A free text naming a licence outside
    the list spoils a friendly classifier.
    """
    expression = (metadata.get("License-Expression") or "").strip()
    if expression:
        return expression
    stated = [part.split("::")[-1].strip() for part in metadata.get_all("Classifier", []) if part.startswith("License")]
    names = [name for name in stated if name not in {"OSI Approved", "License"}]
    text = " ".join((metadata.get("License") or "").split())
    if names:
        if _FORBIDDEN.search(text[:200]):
            return None
        return joined(CLASSIFIERS.get(name, f"LicenseRef-{re.sub(r'[^A-Za-z0-9.]+', '-', name)}") for name in names)
    return of_text(text)


def of_text(text: str) -> str | None:
    """The SPDX-like name for the words people write into a licence field; None where they are not understood."""
    words = " ".join(text.split()).strip(" .\"'")
    if words in ALLOWED or allowed(words):
        return words
    for pattern, name in _SPELLINGS:
        if re.fullmatch(pattern, words, re.IGNORECASE):
            return name
    return None


def of_package_json(stated: Mapping[str, object]) -> str | None:
    """The licence an npm package.json states; older files hold an object, or a list to choose from."""
    value = stated.get("license", stated.get("licenses"))
    choices = value if isinstance(value, list) else [value]
    names = [choice.get("type") if isinstance(choice, dict) else choice for choice in choices]
    if not names or not all(isinstance(name, str) for name in names):
        return None
    return " OR ".join(name if allowed(name) else of_text(name) or name for name in map(str, names))


def of_debian(words: str) -> str:
    """The SPDX-like expression for a licence field of a debian/copyright file (DEP-5)."""
    parts = re.split(r",\s+(?=(?:and|or)\s)", " ".join(words.split()))
    if len(parts) > 1:  # a comma binds weaker than the words
        pieces = [f"({of_debian(re.sub(r'^(?:and|or) ', '', part))})" for part in parts]
        joints = [" OR " if part.startswith("or ") else " AND " for part in parts[1:]]
        return pieces[0] + "".join(joint + piece for joint, piece in zip(joints, pieces[1:], strict=True))
    terms = re.split(r"\s+(and|or)\s+", parts[0])
    return " ".join(term.upper() if place % 2 else _debian_term(term) for place, term in enumerate(terms))


def joined(names: Iterable[str]) -> str:
    """All of these licences at once, as one expression."""
    return " AND ".join(sorted(set(names)))


def allowed(expression: str) -> bool:
    """Whether text under this SPDX-like expression may be learnt from; what cannot be read is not allowed."""
    tokens = _TOKEN.findall(expression)
    if not tokens:
        return False
    verdict, rest = _alternatives(tokens)
    return verdict and not rest


def forbidden_header(head: str) -> bool:
    """Whether the beginning of a file states a licence that may not be learnt from."""
    stated = re.search(r"SPDX-License-Identifier:[ \t]*([^\n*]+)", head)
    if stated is not None:
        return not allowed(stated.group(1).strip().removesuffix("-->").strip(" \"'#"))
    return re.search(r"GNU (Lesser |Affero |Library )?General Public|Mozilla Public License", head) is not None


def _debian_term(term: str) -> str:
    return of_text(term) or f"LicenseRef-{re.sub(r'[^A-Za-z0-9.+]+', '-', term)}"


def _alternatives(tokens: list[str]) -> tuple[bool, list[str]]:
    verdict, rest = _conjunction(tokens)
    while rest and rest[0].upper() == "OR":
        other, rest = _conjunction(rest[1:])
        verdict = verdict or other
    return verdict, rest


def _conjunction(tokens: list[str]) -> tuple[bool, list[str]]:
    verdict, rest = _term(tokens)
    while rest and rest[0].upper() == "AND":
        other, rest = _term(rest[1:])
        verdict = verdict and other
    return verdict, rest


def _term(tokens: list[str]) -> tuple[bool, list[str]]:
    if not tokens:
        return False, []
    first, rest = tokens[0], tokens[1:]
    if first == "(":
        verdict, rest = _alternatives(rest)
        return (verdict, rest[1:]) if rest[:1] == [")"] else (False, rest)
    if rest[:1] and rest[0].upper() == "WITH":  # an exception only ever permits more
        rest = rest[2:]
    return first in ALLOWED, rest
