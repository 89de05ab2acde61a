"""The code actions behind VS Code's light bulb: chosen by a person, proven on the file that is saved afterwards."""

import ast
from pathlib import Path
from typing import Any

from tests.editors.vscode.driver import Start, VSCode

SHOP = """import math


def total(price, quantity, rate):
    if quantity > 10:
        return round(price * quantity * (1 + rate), 2) - math.floor(price * quantity * (1 + rate)) * 0.01
    return price * quantity
"""
EXPRESSION = "price * quantity * (1 + rate)"


def choose(code: VSCode, title: str) -> None:
    """Picks an entry of the menu of code actions."""
    row = code.page.locator(".action-widget .monaco-list-row", has_text=title).first
    code.until(lambda: row.count() > 0, f"the menu offers {title!r}", lambda: code.page.inner_text("body")[-600:])
    row.click()


def results(text: str) -> list[Any]:
    """What `total` of this module answers to a few calls."""
    module: dict[str, Any] = {}
    exec(compile(text, "shop.py", "exec"), module)
    return [module["total"](*call) for call in ((3, 2, 0.1), (3.5, 20, 0.2), (1, 11, 0))]


def without_docstrings(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body = node.body[1:]
    return ast.dump(tree)


def test_a_selected_expression_becomes_a_variable(start: Start, workspace: Path) -> None:
    """A name stands in its place and is assigned before it; the program answers as before."""
    (workspace / "shop.py").write_text(SHOP)
    code = start()
    before = SHOP.partition(EXPRESSION)[0]
    code.open("shop.py", before.count("\n") + 1, len(before) - before.rfind("\n"))
    code.wait_for_status("Model:")
    for _ in EXPRESSION:
        code.press("Shift+ArrowRight")
    code.press("Control+Period")
    choose(code, "Extract variable")
    code.until(lambda: f" = {EXPRESSION}" in "".join(code.lines()), "the edit", lambda: str(code.lines()))
    text = code.saved("shop.py")
    lines = text.splitlines()
    name = lines[5].strip().removesuffix(f" = {EXPRESSION}")
    assert name.isidentifier()
    assert lines[6].startswith(f"        return round({name}, 2)")
    assert results(text) == results(SHOP)


def test_the_light_bulb_documents_a_function(start: Start, workspace: Path) -> None:
    """Only a docstring is added, with exactly the parameters of the signature."""
    (workspace / "shop.py").write_text(SHOP)
    code = start()
    code.open("shop.py", 4, 7)
    code.wait_for_status("Model:")
    bulb = code.page.locator("[class*=codicon-light-bulb], [class*=lightbulb], [class*=lightBulb]").first
    bulb.wait_for()
    bulb.click()
    choose(code, "Add documentation of `total`")
    code.until(lambda: '"""' in "".join(code.lines()), "the edit", lambda: str(code.lines()))
    text = code.saved("shop.py")
    assert without_docstrings(text) == without_docstrings(SHOP)
    documentation = ast.get_docstring(ast.parse(text).body[1])  # type: ignore[arg-type]
    assert documentation
    assert all(name in documentation for name in ("price", "quantity", "rate"))
