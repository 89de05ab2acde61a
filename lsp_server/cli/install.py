"""Makes the virtual environment that `make demo` and `make test` use. Standard library only: it runs before anything
is installed, and on Pythons too old for the rest, to say so in a sentence.

Usage: python3 -I lsp_server/cli/install.py [--venv FOLDER] [--extra NAME ...]

llama.cpp is compiled once, with progress; a second run with nothing to do returns at once. A folder `wheelhouse/`
in the checkout (`make wheelhouse`) is used first, so a machine with one needs neither a compiler nor a network.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
OLDEST = (3, 11)
COMPILE_MINUTES = "3 to 10 minutes"


def main():
    parser = argparse.ArgumentParser(description="Install codehearth into a virtual environment of this checkout.")
    parser.add_argument("--venv", default=".venv")
    parser.add_argument("--extra", action="append", default=[], help="optional dependencies, e.g. test")
    arguments = parser.parse_args()
    if sys.version_info < OLDEST:
        stop(
            "codehearth needs Python {}.{} or newer; this is {}.{}.".format(*OLDEST, *sys.version_info[:2]),
            "Install one and run: make PYTHON=/path/to/python3.11 demo",
        )
    venv = CHECKOUT / arguments.venv
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = venv / "codehearth-installed"
    wanted = fingerprint()
    done = stamp.read_text().split() if stamp.exists() else []
    if done[:1] == [wanted] and set(arguments.extra) <= set(done[1:]) and python.exists():
        return
    extras = sorted(set(arguments.extra) | set(done[1:]))
    make_venv(venv, python)
    log = venv / "install.log"
    log.write_text("")
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    house = CHECKOUT / "wheelhouse"
    if house.is_dir():
        pip += ["--find-links", str(house)]
    requirement = llama_requirement()
    if not installed(python, requirement):
        if compiler() is None and not list(house.glob("llama_cpp_python-*.whl")):
            stop(
                "No C++ compiler was found, and llama.cpp has to be compiled once.",
                "Install one (Debian, Ubuntu: apt install g++; Fedora: dnf install gcc-c++; macOS: xcode-select "
                "--install; Windows: Visual Studio Build Tools), or put a wheelhouse/ beside this Makefile.",
            )
        say("Installing llama.cpp; compiling it takes {} once.".format(COMPILE_MINUTES))
        run([*pip, "-v", requirement], log, "compiling llama.cpp")
    what = ".[{}]".format(",".join(extras)) if extras else "."
    say("Installing codehearth and its other dependencies.")
    run([*pip, "-v", "--editable", what], log, "installing")
    stamp.write_text(" ".join([wanted, *extras]))
    say("Installed into {}.".format(venv))


def fingerprint():
    """Changes when what must be installed does, or the interpreter that runs it."""
    facts = (CHECKOUT / "pyproject.toml").read_bytes() + sys.version.encode() + str(CHECKOUT).encode()
    return hashlib.sha256(facts).hexdigest()[:16]


def llama_requirement():
    found = re.search(r'"(llama-cpp-python==[^"]+)"', (CHECKOUT / "pyproject.toml").read_text())
    return found.group(1)


def make_venv(venv, python):
    if python.exists():
        return
    say("Making {} with Python {}.{}.".format(venv, *sys.version_info[:2]))
    made = subprocess.run([sys.executable, "-m", "venv", str(venv)], capture_output=True, text=True)
    if made.returncode != 0:
        shutil.rmtree(venv, ignore_errors=True)
        stop(
            "Python could not make a virtual environment: {}".format((made.stdout + made.stderr).strip()[-300:]),
            "On Debian and Ubuntu: apt install python3-venv",
        )


def installed(python, requirement):
    name, version = requirement.split("==")
    code = "import importlib.metadata as m; raise SystemExit(m.version('{}') != '{}')".format(name, version)
    return subprocess.run([str(python), "-I", "-c", code], capture_output=True).returncode == 0


def compiler():
    candidates = [os.environ.get("CXX", "").split(" ")[0], "c++", "g++", "clang++", "cl"]
    return next((name for name in candidates if name and shutil.which(name)), None)


def run(command, log, label):
    """Runs pip, keeps all it prints in `log`, and shows the build's `[done/total]` lines as progress."""
    began = time.monotonic()
    shown = -1
    quiet_since = began
    with log.open("a", encoding="utf-8", errors="replace") as keep:
        process = subprocess.Popen(
            command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        for line in process.stdout:
            keep.write(line)
            step = re.match(r"\s*\[(\d+)/(\d+)\]", line)
            if step is None:
                continue
            percent = 100 * int(step.group(1)) // int(step.group(2))
            now = time.monotonic()
            if sys.stdout.isatty():
                print("\r  {} {:3d} %  {:4.0f} s".format(label, percent, now - began), end="", flush=True)
            elif percent // 10 > shown // 10 or now - quiet_since > 30:
                say("  {} {} %, {:.0f} s".format(label, percent, now - began))
                quiet_since = now
            shown = percent
        code = process.wait()
    if shown >= 0 and sys.stdout.isatty():
        print()
    if code != 0:
        tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-25:]
        print("\n".join(tail), file=sys.stderr)
        stop("The installation failed while {}.".format(label), "The whole log is in {}.".format(log))
    say("  done in {:.0f} s".format(time.monotonic() - began))


def say(text):
    print(text, flush=True)


def stop(sentence, next_step):
    sys.stdout.flush()
    print("{}\n{}".format(sentence, next_step), file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    main()
