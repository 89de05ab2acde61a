"""Which file an import refers to."""

from pathlib import Path

import pytest

from lsp_server.index.resolve import Root, resolve, roots_in
from lsp_server.index.values import Import
from tests.unit.index.listed import Listed

PYTHON = Listed((
    "src/app/__init__.py", "src/app/core.py", "src/app/sub/__init__.py", "src/app/sub/leaf.py", "src/app/sub/core.py",
    "tests/test_core.py", "tests/tools.py", "both.py", "both/__init__.py", "stubs/only.pyi",
))  # fmt: skip


@pytest.mark.parametrize(
    ("path", "module", "name", "found"),
    [
        ("src/app/core.py", ".sub.leaf", "f", "src/app/sub/leaf.py"),
        ("src/app/core.py", ".sub", "leaf", "src/app/sub/leaf.py"),
        ("src/app/sub/leaf.py", "..core", "f", "src/app/core.py"),
        ("src/app/sub/leaf.py", "..", "core", "src/app/core.py"),
        ("src/app/sub/leaf.py", ".", "unknown", "src/app/sub/__init__.py"),
        ("src/app/sub/leaf.py", ".....", "core", None),
        ("src/app/sub/leaf.py", "app.core", None, "src/app/core.py"),
        ("tests/test_core.py", "app", "core", "src/app/core.py"),
        ("tests/test_core.py", "app", "*", "src/app/__init__.py"),
        ("tests/test_core.py", "tools", None, "tests/tools.py"),
        ("tests/test_core.py", "both", None, "both/__init__.py"),
        ("stubs/main.py", "only", None, "stubs/only.pyi"),
        ("src/app/sub/leaf.py", "core", None, None),
        ("src/app/core.py", "os.path", None, None),
        ("src/app/core.py", "", None, None),
    ],
)
def test_python_modules_are_found_as_python_finds_them(
    path: str, module: str, name: str | None, found: str | None
) -> None:
    """From the folder that holds the package, `src` layouts included; a sibling in a package needs its dot."""
    assert resolve(PYTHON, path, "python", Import(module, name, None, 0)) == found


SCRIPT = Listed(
    ("src/a.ts", "src/b.tsx", "src/c/index.ts", "lib/d.js", "web/x/e.ts", "types.d.ts"),
    (
        Root("typescript", "", "@/*", "src/*"),
        Root("typescript", "web", "@/*", "web/x/*"),
        Root("typescript", "", "exact", "lib/d"),
    ),
)


@pytest.mark.parametrize(
    ("path", "module", "found"),
    [
        ("src/a.ts", "./b", "src/b.tsx"),
        ("src/a.ts", "./c", "src/c/index.ts"),
        ("src/a.ts", "../lib/d.js", "lib/d.js"),
        ("src/c/index.ts", "../a.js", "src/a.ts"),
        ("src/c/index.ts", "..", None),
        ("src/a.ts", "../types", "types.d.ts"),
        ("src/a.ts", "../../../etc/passwd", None),
        ("src/a.ts", "@/b", "src/b.tsx"),
        ("web/x/e.ts", "@/e", "web/x/e.ts"),
        ("src/a.ts", "exact", "lib/d.js"),
        ("src/a.ts", "react", None),
    ],
)
@pytest.mark.parametrize("language", ["typescript", "tsx", "javascript", "jsx"])
def test_script_modules_are_found_by_path_and_by_alias(
    path: str, module: str, found: str | None, language: str
) -> None:
    assert resolve(SCRIPT, path, language, Import(module, "x", None, 0)) == found


GO = Listed(
    ("server/server.go", "server/zed.go", "util/b.go", "util/a.go", "util/a_test.go", "main.go", "only/x_test.go"),
    (Root("go", "", "example.org/app", ""), Root("go", "", "example.org/app/tools", "nested")),
)


@pytest.mark.parametrize(
    ("module", "found"),
    [
        ("example.org/app/server", "server/server.go"),
        ("example.org/app/util", "util/a.go"),
        ("example.org/app", "main.go"),
        ("example.org/app/only", None),
        ("example.org/application/server", None),
        ("fmt", None),
    ],
)
def test_a_go_package_is_one_file_of_its_folder(module: str, found: str | None) -> None:
    """The one named like the folder, else the first that is no test."""
    assert resolve(GO, "main.go", "go", Import(module, None, None, 0)) == found


def test_go_mod_names_the_module(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "go.mod").write_text("// x\nmodule example.org/app // y\n\ngo 1.22\n")
    assert roots_in(tmp_path, "sub/go.mod") == [Root("go", "", "example.org/app", "sub")]


def test_tsconfig_may_have_comments_and_trailing_commas(tmp_path: Path) -> None:
    (tmp_path / "tsconfig.json").write_text(
        '{ // see https://example.org\n "compilerOptions": { /* base */ "baseUrl": "src",\n'
        ' "paths": {"@/*": ["*",], "//odd": [1, "x"]}, }, }'
    )
    assert roots_in(tmp_path, "tsconfig.json") == [
        Root("typescript", "", "@/*", "src/*"),
        Root("typescript", "", "//odd", "src/x"),
        Root("typescript", "", "*", "src/*"),
    ]


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"compilerOptions": []}', '{"compilerOptions": {"paths": {"a": 1}}}', "\0"]
)
def test_a_broken_project_file_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "tsconfig.json").write_text(text)
    assert roots_in(tmp_path, "tsconfig.json") == []
    assert roots_in(tmp_path, "gone/go.mod") == []


def test_an_unknown_language_resolves_nothing() -> None:
    assert resolve(GO, "a.zig", "zig", Import("b", None, None, 0)) is None
