"""`codehearth doctor`: what this machine has, what would make completion better, and each problem with its remedy.

`--json` prints

    {"ok": bool, "version": str,
     "python": {"version": str, "executable": str}, "platform": str,
     "cpu": {"name": str, "cores": int, "features": [str], "unused_features": [str]},
     "gpus": [{"vendor": "nvidia" | "amd" | "intel" | "apple", "name": str, "memory_bytes": int or null,
               "driver": str or null, "used": bool, "command": str}],
     "memory": {"total_bytes": int, "free_bytes": int},
     "llama_cpp": {"package": str, "version": str, "gpu": bool, "backends": {NAME: [FEATURE]}, "free_device_bytes": int}
                  or {"failure": str},
     "model": null or {"setting": str or null, "path": str, "name": str, "architecture": str, "quantisation": str,
               "parameters": int, "bytes": int, "trained_context": int, "family": str or null,
               "order": "spm" | "psm" | "self-test", "prompt_format": int or null, "tested_with": str,
               "memory": {"fits": bool, "on": "gpu" | "ram", "needed_bytes": int, "free_bytes": int,
                          "context_tokens": int, "cache": "f16" | "q8_0", "kv_bytes_per_token": int}},
     "engine": null or the fields of `engine.protocol.EngineStatus`,
     "folders": {NAME: {"path": str, "bytes": int}},
     "editors": [{"name": str, "version": str or null}],
     "problems": [{"level": "error" | "advice", "sentence": str, "remedy": str}]}

`command` builds llama.cpp for that card. Exit code 1 when a problem is an error, which means no completion.
"""

import argparse
import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from lsp_server import __version__
from lsp_server.cli import machine, output
from lsp_server.cli.machine import LlamaBuild, LlamaFailure
from lsp_server.errors import ServerError

OLDEST_NEOVIM = (0, 12)
"""The first with `vim.lsp.inline_completion`."""

_WORTH_REBUILDING = frozenset({"AVX2", "FMA", "F16C", "AVX512", "AVX512_VNNI", "DOTPROD", "MATMUL_INT8"})
"""Features without which llama.cpp's matrix products are several times slower."""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Registers the command."""
    parser = subparsers.add_parser("doctor", help="check this machine and say what would make completion better")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Examines the machine and prints what it found; returns 1 when completion cannot work."""
    report = examine()
    if arguments.json:
        output.emit_json(report)
    else:
        _print(report)
    return 0 if report["ok"] else 1


def examine() -> dict[str, Any]:
    """The whole report, as `--json` prints it. Starts no engine and loads no model."""
    problems: list[dict[str, str]] = []
    folders = _folders(problems)
    llama = machine.llama_build() if "log" in folders else LlamaFailure("it was not tried", False)
    cpu = machine.cpu()
    unused = _cpu_problems(cpu, llama, problems)
    engine = _engine(problems) if "runtime" in folders else None
    free = _free_memory(engine)
    model = _model(free[1], llama, problems) if "config" in folders else None
    editors = machine.editors()
    _editor_problems(editors, problems)
    return {
        "ok": not any(problem["level"] == "error" for problem in problems),
        "version": __version__,
        "python": {"version": platform.python_version(), "executable": sys.executable},
        "platform": platform.platform(),
        "cpu": {**attrs.asdict(cpu), "unused_features": unused},
        "gpus": _gpus(llama, problems),
        "memory": {"total_bytes": free[0], "free_bytes": free[1]},
        "llama_cpp": {"failure": llama.reason} if isinstance(llama, LlamaFailure) else attrs.asdict(llama),
        "model": model,
        "engine": engine,
        "folders": folders,
        "editors": [attrs.asdict(editor) for editor in editors],
        "problems": problems,
    }


def _problem(problems: list[dict[str, str]], level: str, sentence: str, remedy: str) -> None:
    problems.append({"level": level, "sentence": sentence, "remedy": remedy})


def _folders(problems: list[dict[str, str]]) -> dict[str, dict[str, Any]]:
    """Ours, with what they take. A folder that cannot be used is a problem and has no path."""
    from lsp_server import paths

    wanted: dict[str, Callable[[], Path]] = {
        "cache": paths.cache_folder,
        "config": paths.config_folder,
        "data": paths.data_folder,
        "log": paths.log_folder,
        "runtime": paths.runtime_folder,
    }
    folders: dict[str, dict[str, Any]] = {}
    for name, folder in wanted.items():
        try:
            path = folder()
        except ServerError as error:
            # Without its cache the index lives in memory; without the others nothing starts.
            _problem(problems, "advice" if name == "cache" else "error", error.sentence, error.next_step)
            continue
        if not os.access(path, os.W_OK):
            level = "advice" if name == "cache" else "error"
            _problem(problems, level, f"{path} cannot be written.", "Make it writable or set CODEHEARTH_HOME.")
        folders[name] = {"path": str(path), "bytes": _bytes_in(path)}
    return folders


def _bytes_in(folder: Path) -> int:
    total = 0
    for place, _, files in os.walk(folder):
        for file in files:
            try:
                total += (Path(place) / file).lstat().st_size
            except OSError:
                continue  # gone in the meantime: a lock or a socket of another process
    return total


def _cpu_problems(cpu: machine.Cpu, llama: LlamaBuild | LlamaFailure, problems: list[dict[str, str]]) -> list[str]:
    """The features llama.cpp could use and was built without."""
    rebuild = machine.rebuild_command(None)
    if isinstance(llama, LlamaFailure):
        if llama.illegal_instruction:
            sentence = "llama.cpp was built for another processor and cannot run on this one."
        else:
            sentence = f"llama.cpp cannot be loaded: {llama.reason}."
        _problem(problems, "error", sentence, f"Build it here: {rebuild}")
        return []
    pinned = machine.pinned_version()
    if pinned is not None and llama.package != pinned:
        sentence = f"llama-cpp-python is {llama.package}, and codehearth is made for {pinned}."
        _problem(problems, "advice", sentence, f"Install that one: {rebuild}")
    built = llama.backends.get("CPU", ())
    unused = [feature for feature in cpu.features if feature not in built]
    worth = [feature for feature in unused if feature in _WORTH_REBUILDING]
    if worth:
        sentence = f"llama.cpp was built without {', '.join(worth)}, which this processor has."
        _problem(problems, "advice", sentence, f"Build it here: {rebuild}")
    return unused


def _gpus(llama: LlamaBuild | LlamaFailure, problems: list[dict[str, str]]) -> list[dict[str, Any]]:
    """The cards, each with the command that would use it."""
    used = isinstance(llama, LlamaBuild) and llama.gpu
    found = []
    for gpu in machine.gpus():
        command = machine.rebuild_command(gpu.cmake_flag)
        found.append({**attrs.asdict(gpu), "used": used, "command": command})
        if not used:
            tool, origin = gpu.tool
            first = "" if shutil.which(tool) else f"Install {origin}, then run: "
            _problem(problems, "advice", f"{gpu.name} is not used: llama.cpp was built without it.", first + command)
    return found


def _free_memory(engine: dict[str, Any] | None) -> tuple[int, int]:
    """(total, free) in bytes; what our engine holds counts as free, because a new model takes its place."""
    import psutil

    memory = psutil.virtual_memory()
    return memory.total, memory.available + (engine["memory_bytes"] if engine else 0)


def _model(free: int, llama: LlamaBuild | LlamaFailure, problems: list[dict[str, str]]) -> dict[str, Any] | None:
    """The chosen model and whether it fits; None, with a problem, where it cannot be used."""
    from lsp_server import paths, settings
    from lsp_server.modelstore import budget, catalogue, store

    chosen, faults = settings.read_user_file(paths.config_folder())
    for fault in faults:
        _problem(problems, "advice", fault.sentence, fault.next_step)
    try:
        path = store.locate(chosen.model)
        usable = store.check(path)
    except ServerError as error:
        _problem(problems, "error", error.sentence, error.next_step)
        return None
    facts = usable.facts
    on_gpu = isinstance(llama, LlamaBuild) and llama.gpu and llama.free_device_bytes > facts.file_bytes
    room = llama.free_device_bytes if on_gpu and isinstance(llama, LlamaBuild) else free
    wanted = chosen.engine.context_tokens or 8192
    fit = budget.memory_fit(facts, room, context_tokens=wanted)
    if not fit.fits:
        sentence = f"{facts.name} needs {output.size(fit.needed)} of memory, and {output.size(room)} are free."
        _problem(problems, "error", sentence, "Close other programs, or choose a smaller model or quantisation.")
    family = catalogue.recognise(facts)
    return {
        "setting": chosen.model,
        "path": facts.path,
        "name": facts.name,
        "architecture": facts.architecture,
        "quantisation": facts.quantisation,
        "parameters": facts.parameters,
        "bytes": facts.file_bytes,
        "trained_context": facts.trained_context,
        "family": family.name if family else None,
        "order": "self-test" if isinstance(usable.fim, catalogue.Ambiguous) else usable.fim.order,
        "prompt_format": catalogue.prompt_format(facts),
        "tested_with": catalogue.tested_with(facts),
        "memory": {
            "fits": fit.fits,
            "on": "gpu" if on_gpu else "ram",
            "needed_bytes": fit.needed,
            "free_bytes": fit.free,
            "context_tokens": fit.context_tokens,
            "cache": fit.cache,
            "kv_bytes_per_token": fit.kv_per_token,
        },
    }


def _engine(problems: list[dict[str, str]]) -> dict[str, Any] | None:
    """The running engine; None when there is none, which is no problem: servers start it when they need it."""
    from lsp_server.engine.client import running_engine_status

    try:
        status = asyncio.run(running_engine_status())
    except ServerError as error:
        _problem(problems, "advice", error.sentence, error.next_step)
        return None
    return attrs.asdict(status) if status else None


def _editor_problems(editors: list[machine.Editor], problems: list[dict[str, str]]) -> None:
    for editor in editors:
        if editor.name == "Neovim" and editor.version:
            version = tuple(int(part) for part in editor.version.split(".")[:2])
            if version < OLDEST_NEOVIM:
                sentence = f"Neovim {editor.version} cannot show inline completions."
                _problem(problems, "advice", sentence, "Install Neovim 0.12 or newer.")


def _print(report: dict[str, Any]) -> None:
    out = output.console()
    for name, value in _lines(report):
        out.print(f"{name:<12}{value}")
    problems = report["problems"]
    if not problems:
        out.print("Everything is in order.", style="green")
    for problem in problems:
        error = problem["level"] == "error"
        out.print(
            f"\n{'Problem' if error else 'Advice'}: {problem['sentence']}", style="bold red" if error else "yellow"
        )
        out.print(f"  {problem['remedy']}")


def _lines(report: dict[str, Any]) -> list[tuple[str, str]]:
    cpu, llama, model, engine = report["cpu"], report["llama_cpp"], report["model"], report["engine"]
    memory = report["memory"]
    lines = [
        ("codehearth", report["version"]),
        ("Python", f"{report['python']['version']} ({report['python']['executable']})"),
        ("system", report["platform"]),
        ("processor", f"{cpu['name']}, {cpu['cores']} cores; {', '.join(cpu['features']) or 'features unknown'}"),
        ("memory", f"{output.size(memory['free_bytes'])} free of {output.size(memory['total_bytes'])}"),
    ]
    lines += [("graphics", f"{gpu['name']} ({'used' if gpu['used'] else 'not used'})") for gpu in report["gpus"]]
    if not report["gpus"]:
        lines.append(("graphics", "none found"))
    if "failure" in llama:
        lines.append(("llama.cpp", llama["failure"]))
    else:
        backends = ", ".join(llama["backends"])
        lines.append(("llama.cpp", f"{llama['version']} in llama-cpp-python {llama['package']}; backends: {backends}"))
    if model:
        fit, family = model["memory"], model["family"] or ("our own" if model["tested_with"] == "own" else "not known")
        size, needed = output.size(model["bytes"]), output.size(fit["needed_bytes"])
        lines += [
            ("model", f"{model['name']}, {model['quantisation']}, {size} ({model['path']})"),
            ("", f"family {family}; order {model['order']}; trained at {model['trained_context']:,} tokens"),
            ("", f"needs {needed} of {fit['on'].upper()} with a context of {fit['context_tokens']:,} tokens"),
        ]
    if engine:
        size = output.size(engine["memory_bytes"])
        lines.append(("engine", f"running as process {engine['pid']}, {engine['clients']} clients, {size}"))
    else:
        lines.append(("engine", "not running; a server starts it when it needs it"))
    lines += [(name, f"{folder['path']}, {output.size(folder['bytes'])}") for name, folder in report["folders"].items()]
    lines += [("editor", f"{editor['name']} {editor['version'] or ''}".strip()) for editor in report["editors"]]
    return lines
