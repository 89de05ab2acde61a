"""Draws the README's picture of Neovim: the real screen with ghost text from the embedded model, as an SVG.

    python tests/editors/picture_neovim.py [FILE]

Neovim sends its screen as cells with colours, as it does to any graphical front end; nothing is drawn by hand but the
frame. Needs pynvim and what `install_neovim.py` brings.
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.editors import install_neovim  # noqa: E402  # Run as a script, this file finds its neighbours only now.
from tests.editors.neovim import PLUGIN, Neovim, end_engines, environment, lua_list  # noqa: E402

WIDTH, HEIGHT = 92, 22
CELL, LINE = 8.4, 18
"""Pixels of a cell at 14 pixels of type."""

PLACE = "self._lsp.notify(PROGRESS, ProgressParams("
"""In `pygls/progress.py`; what follows on the line is deleted and asked for."""

SETUP = """
vim.o.termguicolors = true
vim.o.number = true
vim.o.signcolumn = 'no'
vim.o.laststatus = 3
vim.o.ruler = false
vim.o.showmode = true
vim.o.statusline = " %t%=%{v:lua.require'codehearth'.status()} "
vim.api.nvim_set_hl(0, 'ComplHint', { fg = '#7f849c', italic = true })
"""


class Screen:
    """What the redraw events say: a grid of characters with highlights."""

    def __init__(self) -> None:
        self.rows: list[list[tuple[str, int]]] = []
        self.styles: dict[int, dict[str, Any]] = {0: {}}
        self.foreground, self.background = 0xE0E2EA, 0x14161B
        self.cursor = (0, 0)

    def apply(self, events: Iterable[list[Any]]) -> None:
        for name, *calls in events:
            handler = getattr(self, name, None)
            if handler is not None:
                for call in calls:
                    handler(*call)

    # Events of Neovim's interface; those that are not here say nothing about the picture.

    def default_colors_set(self, foreground: int, background: int, *_: Any) -> None:
        self.foreground, self.background = foreground, background

    def hl_attr_define(self, number: int, style: dict[str, Any], *_: Any) -> None:
        self.styles[number] = style

    def grid_resize(self, _grid: int, width: int, height: int) -> None:
        self.rows = [[(" ", 0)] * width for _ in range(height)]

    def grid_clear(self, _grid: int) -> None:
        self.rows = [[(" ", 0)] * len(row) for row in self.rows]

    def grid_cursor_goto(self, _grid: int, row: int, column: int) -> None:
        self.cursor = (row, column)

    def grid_line(self, _grid: int, row: int, column: int, cells: list[list[Any]], *_: Any) -> None:
        style = 0
        for text, *more in cells:
            style = more[0] if more else style
            for _ in range(more[1] if len(more) > 1 else 1):
                self.rows[row][column] = (text, style)
                column += 1

    def grid_scroll(self, _grid: int, top: int, bottom: int, left: int, right: int, rows: int, *_: Any) -> None:
        moved = range(top, bottom - rows) if rows > 0 else range(bottom - 1, top - rows - 1, -1)
        for row in moved:
            self.rows[row][left:right] = self.rows[row + rows][left:right]

    # Drawing

    def svg(self) -> str:
        width, height = len(self.rows[0]) * CELL + 24, len(self.rows) * LINE + 52
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" {_TYPE}>',
            f'<rect width="100%" height="100%" rx="10" fill="{_colour(self.background)}"/>',
            *(f'<circle cx="{22 + 20 * n}" cy="20" r="6" fill="{c}"/>' for n, c in enumerate(_LIGHTS)),
            '<g transform="translate(12 40)">',
        ]
        for number, row in enumerate(self.rows):
            for start, text, style in _runs(row):
                parts.extend(self._run(number, start, text, self.styles.get(style, {})))
        row, column = self.cursor
        colour = _colour(self.foreground)
        parts.append(f'<rect x="{column * CELL:.1f}" y="{row * LINE}" width="2" height="{LINE}" fill="{colour}"/>')
        return "\n".join([*parts, "</g>", "</svg>", ""])

    def _run(self, row: int, column: int, text: str, style: dict[str, Any]) -> Iterator[str]:
        foreground, background = style.get("foreground", self.foreground), style.get("background", self.background)
        if style.get("reverse"):
            foreground, background = background, foreground
        if background != self.background:
            x, wide = f"{column * CELL:.1f}", f"{len(text) * CELL:.1f}"
            yield f'<rect x="{x}" y="{row * LINE}" width="{wide}" height="{LINE}" fill="{_colour(background)}"/>'
        for word in re.finditer(r"\S+", text):  # One by one: viewers disagree on spaces in a row.
            x, wide = f"{(column + word.start()) * CELL:.1f}", f"{len(word[0]) * CELL:.1f}"
            face = ' font-weight="bold"' if style.get("bold") else ""
            face += ' font-style="italic"' if style.get("italic") else ""
            yield (
                f'<text x="{x}" y="{row * LINE + 14}" textLength="{wide}" lengthAdjust="spacingAndGlyphs" '
                f'fill="{_colour(foreground)}"{face}>{escape(word[0])}</text>'
            )


_TYPE = 'font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="14"'
_LIGHTS = ("#ff5f57", "#febc2e", "#28c840")


def _runs(row: list[tuple[str, int]]) -> Iterator[tuple[int, str, int]]:
    """Neighbouring cells of one style: first column, text, style."""
    start = 0
    for end in range(1, len(row) + 1):
        if end == len(row) or row[end][1] != row[start][1]:
            yield start, "".join(text for text, _ in row[start:end]), row[start][1]
            start = end


def _colour(number: int) -> str:
    return f"#{number:06x}"


def draw(program: Path, folder: Path) -> str:
    """The picture. `folder` is for what this Neovim needs while it runs."""
    import pygls

    work = folder / "work"
    shutil.copytree(Path(pygls.__file__).parent, work / "pygls", ignore=shutil.ignore_patterns("__pycache__"))
    (work / ".git").mkdir()
    serve = lua_list([sys.executable, "-P", "-m", "lsp_server", "serve"])
    setup = f"{SETUP}\nrequire('codehearth').setup({{ cmd = {serve} }})"
    file = work / "pygls" / "progress.py"
    home = folder / "home"
    with ExitStack() as stack:
        stack.callback(end_engines, home)
        neovim = stack.enter_context(
            Neovim(program, folder / "neovim", file=file, setup=setup, environment=environment(home))
        )
        screen = neovim.screen(Screen(), WIDTH, HEIGHT)
        neovim.wait_until_ready()
        neovim.goto(PLACE)
        neovim.keys("<C-o>D<C-o>zz")
        neovim.until(neovim.ghost, "ghost text")
        neovim.wait_until_ready()
        return str(screen().svg())


def main() -> int:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PLUGIN / "images" / "ghost_text.svg"
    program = install_neovim.installed()
    if program is None:
        print("There is no Neovim 0.12: run python tests/editors/install_neovim.py", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        target.write_text(draw(program, Path(folder)), encoding="utf-8")
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
