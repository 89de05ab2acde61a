"""Makes the pictures of the read-mes in a real VS Code: `python -m tests.editors.vscode.screenshots`, after
`make test-editors` has installed it. Ghost text is the embedded model's, in a package that it was never trained on.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import pygls

from tests.editors.engines import engines
from tests.editors.vscode.driver import ROOT, Browser, VSCode

IMAGES = ROOT / "editors" / "vscode" / "images"
LARGEST_BYTES = 200_000

FILE = "pygls/progress.py"
FUNCTION = "def _register_token("
BEFORE = "self._check_token_registered("

QUIET = {
    "window.commandCenter": False,
    "workbench.layoutControl.enabled": False,
    "workbench.activityBar.location": "hidden",
    "workbench.colorTheme": "Default Dark Modern",
    "editor.fontSize": 14,
    "editor.stickyScroll.enabled": False,
    "breadcrumbs.enabled": False,
    "editor.occurrencesHighlight": "off",
}


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, Browser() as browser:
        folder = Path(temporary)
        home, workspace = folder / "home", folder / "pygls"
        home.mkdir()
        shutil.copytree(Path(pygls.__file__).parent, workspace / "pygls", ignore=shutil.ignore_patterns("__pycache__"))
        with VSCode(
            browser, folder / "vscode", workspace, home=home, settings=QUIET, size=(860, 470), scale=1.5
        ) as code:
            code.wait_for_status("codehearth: (ready|indexing|loading)")
            code.press("Control+B")
            text = (workspace / FILE).read_text()
            code.open(FILE, text.partition(FUNCTION)[0].count("\n") + 1, len("    def _"))
            code.wait_for_status("codehearth: ready.*Model:")
            code.press("Control+Period")
            menu = code.page.locator(".action-widget .monaco-list-row")
            code.until(lambda: menu.count() > 0, "the menu is open")
            save(code, "code-action.png")
            code.press("Escape")
            offset = text.index(BEFORE) + len(BEFORE)
            code.open(FILE, text[:offset].count("\n") + 1, offset - text.rfind("\n", 0, offset))
            code.press("Shift+End")
            code.press("Delete")
            code.wait_for_ghost()
            code.wait_for_status("codehearth: ready")
            save(code, "ghost-text.png")
            code.page.locator("[id$='codehearth.status']").click()
            code.page.locator(".quick-input-list .monaco-list-row").first.wait_for()
            save(code, "menu.png")
        for engine in engines(home):
            engine.kill()


def save(code: VSCode, name: str) -> None:
    """Once everything stands still; small enough for a repository."""
    path = IMAGES / name
    code.pause(0.5)
    code.picture(path)
    size = path.stat().st_size
    assert size <= LARGEST_BYTES, f"{name} has {size} bytes"
    sys.stdout.write(f"{path.relative_to(ROOT)}: {size} bytes\n")


if __name__ == "__main__":
    main()
