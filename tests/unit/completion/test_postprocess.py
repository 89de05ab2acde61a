"""What is left of the model's text: one golden page per behaviour, and properties that hold for any text."""

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.completion import postprocess
from lsp_server.completion.query import Query
from lsp_server.settings import Settings
from lsp_server.syntax.trees import parse
from tests import house


def check(golden: house.Golden, update: bool) -> None:
    source = golden.source()
    marked = source.text.removesuffix("\n")
    if source.options.get("newline") == "crlf":
        marked = marked.replace("\n", "\r\n")
    text, offset, answer = house.inserted(marked)
    document = house.document(text, source.kind)
    query = Query(document, offset, Settings(), None, True, source.options.get("popup"))
    mode = source.options["mode"]
    assert mode in ("line", "block")
    result = postprocess.run(answer, query, parse(text, source.kind), "block" if mode == "block" else "line")
    assert (result.silence is None) == bool(result.text)
    actual = f"├{result.text}┤".replace("\r", "␍") if result.silence is None else f"silence: {result.silence}"
    golden.check(actual, update=update)


@pytest.mark.parametrize("golden", house.goldens("postprocess"), ids=lambda golden: golden.path.stem)
def test_golden(golden: house.Golden, update: bool) -> None:
    check(golden, update)
