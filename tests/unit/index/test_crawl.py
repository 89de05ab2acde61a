"""Which files of a workspace count."""

import os
from pathlib import Path

import pytest

from lsp_server.index.crawl import Crawler
from lsp_server.index.ignore import looks_secret
from lsp_server.settings import IndexSettings
from tests.unit.index.conftest import Workspace


def counted(workspace: Workspace, settings: IndexSettings | None = None) -> list[str]:
    crawler = Crawler(workspace.folder, settings or IndexSettings())
    found = [file.path for file in crawler.files()]
    # The two ways of asking must agree, or an edit would index what the crawl leaves out.
    assert [path for path in found if crawler.file(path) is None] == []
    return found


def test_files_of_known_languages_are_found_in_a_stable_order(workspace: Workspace) -> None:
    """Files of a folder come before its folders, each by name; what is no source is not there."""
    for path in ("b.py", "a.ts", "z/y.go", "c/d.jsx", "notes.md", "Makefile", "c/a.pyi"):
        workspace.write(path)
    assert counted(workspace) == ["a.ts", "b.py", "c/a.pyi", "c/d.jsx", "z/y.go"]


def test_a_nested_gitignore_can_take_in_what_its_parent_leaves_out(workspace: Workspace) -> None:
    """Deeper ignore files win, also with a negation; other places keep the parent's rule."""
    workspace.write(".gitignore", "*_gen.py\n/secret/\n")
    workspace.write("keep/.gitignore", "!*_gen.py\nlocal.py\n")
    for path in ("a_gen.py", "a.py", "keep/b_gen.py", "keep/local.py", "secret/c.py", "deep/secret/d.py"):
        workspace.write(path)
    assert counted(workspace) == ["a.py", "deep/secret/d.py", "keep/b_gen.py"]


def test_nothing_inside_an_ignored_folder_can_be_taken_in_again(workspace: Workspace) -> None:
    """As in git, a negation does not reach into a folder that is left out as a whole."""
    workspace.write(".gitignore", "out_of_sight/\n!out_of_sight/a.py\nhalf/*\n!half/b.py\n")
    workspace.write("out_of_sight/a.py")
    workspace.write("half/a.py")
    workspace.write("half/b.py")
    assert counted(workspace) == ["half/b.py"]


def test_git_info_exclude_and_codehearthignore_are_honoured(workspace: Workspace) -> None:
    workspace.write(".git/info/exclude", "mine.py\n")
    workspace.write(".codehearthignore", "yours.py\n")
    for path in ("mine.py", "yours.py", "ours.py"):
        workspace.write(path)
    assert counted(workspace) == ["ours.py"]


def test_codehearthignore_takes_in_what_gitignore_and_our_own_rules_leave_out(workspace: Workspace) -> None:
    workspace.write(".gitignore", "stubs.py\n")
    workspace.write(".codehearthignore", "!stubs.py\n!vendor/\n")
    workspace.write("stubs.py")
    workspace.write("vendor/a.py")
    assert counted(workspace) == ["stubs.py", "vendor/a.py"]


def test_a_workspace_inside_a_repository_obeys_the_ignore_files_above_it(workspace: Workspace) -> None:
    workspace.write(".git/HEAD")
    workspace.write(".gitignore", "/app/tmp.py\nscratch/\n")
    workspace.write("app/tmp.py")
    workspace.write("app/scratch/a.py")
    workspace.write("app/main.py")
    inner = Workspace(workspace.folder / "app", workspace.cache)
    assert counted(inner) == ["main.py"]


def test_a_workspace_that_its_repository_ignores_is_read_all_the_same(workspace: Workspace) -> None:
    """Whoever opens an ignored folder wants to work in it."""
    workspace.write(".git/HEAD")
    workspace.write(".gitignore", "sandbox/\n")
    workspace.write("sandbox/a.py")
    assert counted(Workspace(workspace.folder / "sandbox", workspace.cache)) == ["a.py"]


@pytest.mark.parametrize("pattern", ["[z-a]", "!", "\\", "a["])
def test_a_pattern_that_cannot_be_read_costs_that_pattern_only(workspace: Workspace, pattern: str) -> None:
    workspace.write(".gitignore", f"{pattern}\nb.py\n")
    workspace.write("a.py")
    workspace.write("b.py")
    assert counted(workspace) == ["a.py"]


def test_the_exclude_setting_leaves_out_and_no_ignore_file_overrules_it(workspace: Workspace) -> None:
    workspace.write(".codehearthignore", "!big/\n")
    workspace.write("big/a.py")
    workspace.write("b.py")
    assert counted(workspace, IndexSettings(exclude=("big/",))) == ["b.py"]


def test_vendored_hidden_and_built_folders_are_left_out(workspace: Workspace) -> None:
    """By their names, and a virtual environment by what lies in it, whatever it is called."""
    workspace.write("myenv/pyvenv.cfg")
    for folder in ("node_modules", "vendor", "third_party", "site-packages", "dist", "build", ".hidden", "myenv"):
        workspace.write(f"{folder}/a.py")
    workspace.write("a.py")
    assert counted(workspace) == ["a.py"]


def test_a_package_that_is_called_build_counts(workspace: Workspace) -> None:
    """`build` is output beside a manifest and an ordinary name elsewhere."""
    workspace.write("build/__init__.py")
    workspace.write("internal/build/a.go")
    workspace.write("web/package.json")
    workspace.write("web/build/a.js")
    assert counted(workspace) == ["build/__init__.py", "internal/build/a.go"]


def test_large_files_are_left_out(workspace: Workspace) -> None:
    workspace.write("small.py", "a" * 1024)
    workspace.write("large.py", "a" * 1025)
    assert counted(workspace, IndexSettings(max_file_kb=1)) == ["small.py"]


def test_symbolic_links_are_not_followed(workspace: Workspace) -> None:
    """Neither a loop of folders nor a file of somewhere else becomes part of the workspace."""
    workspace.write("a/b.py")
    outside = workspace.folder.parent / "outside.py"
    outside.write_text("SECRET = 1\n")
    (workspace.folder / "a" / "loop").symlink_to(workspace.folder)
    (workspace.folder / "linked.py").symlink_to(outside)
    assert counted(workspace) == ["a/b.py"]
    assert Crawler(workspace.folder, IndexSettings()).file("linked.py") is None


def test_what_is_named_like_a_source_file_but_is_none_does_not_block(workspace: Workspace) -> None:
    """A pipe is not opened, a folder `x.py` is walked."""
    os.mkfifo(workspace.folder / "pipe.py")
    workspace.write("x.py/inner.py")
    assert counted(workspace) == ["x.py/inner.py"]


def test_a_name_that_is_no_text_is_left_out(workspace: Workspace) -> None:
    Path(os.fsdecode(os.fsencode(workspace.folder) + b"/caf\xe9.py")).write_text("a = 1\n")
    workspace.write("naïve.py")
    assert counted(workspace) == ["naïve.py"]


def test_a_folder_that_is_not_there_is_empty(workspace: Workspace) -> None:
    assert list(Crawler(workspace.folder / "gone", IndexSettings()).files()) == []


@pytest.mark.parametrize(
    "name", [".env", ".env.local", "server.PEM", "id_rsa", "id_ed25519.pub", ".netrc", "prod.tfvars"]
)
def test_files_that_usually_hold_secrets_are_recognised(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize("name", ["environment.py", "secrets.py", "keys.go", "env.ts"])
def test_code_about_secrets_is_code(name: str) -> None:
    assert not looks_secret(name)


def test_no_ignore_file_takes_in_a_secret_file(workspace: Workspace) -> None:
    workspace.write(".codehearthignore", "!.env.py\n")
    workspace.write(".env.py", "PASSWORD = 1\n")
    assert counted(workspace) == []
