"""Which model is meant, which one the user chose, and the models we keep for them. Runs no model, downloads nothing."""

import difflib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from lsp_server import paths, settings
from lsp_server.errors import ModelUnavailable, ServerError
from lsp_server.modelstore import catalogue, facts, find
from lsp_server.modelstore.card import FimFormat
from lsp_server.modelstore.facts import GgufFacts

EMBEDDED = "embedded"
"""The name of the model that is shipped with the package."""

_CHUNK = 8 * 1024 * 1024
_PACKAGE = Path(__file__).resolve().parents[1]

Report = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""


def embedded() -> Path:
    """The model shipped with the package: inside it in a wheel, beside it in a checkout."""
    for folder in (_PACKAGE / "embedded", _PACKAGE.parent / "models" / "embedded"):
        found = sorted(folder.glob("*.gguf"))
        if len(found) == 1:
            return found[0]
        if found:
            raise ModelUnavailable(f"There are {len(found)} embedded models in {folder}.", "Leave one of them there.")
    raise ModelUnavailable(
        "The embedded model is missing from this installation.",
        "Install codehearth again, or choose a model with `codehearth models use`.",
    )


def locate(name_or_path: str | None, places: find.Places | None = None) -> Path:
    """The file meant by the setting `codehearth.model`: None is the embedded model, else an absolute path or a name.

    A name is one of `find()`, upper or lower case, or the one model that has it before its tag or its quantisation.
    Relative paths are refused, because the server runs in whatever folder the editor started it: a workspace could
    otherwise bring its own model. Raises ModelUnavailable, naming near matches. Opens no file.
    """
    if name_or_path is None or name_or_path == EMBEDDED:
        return embedded()
    path = Path(name_or_path).expanduser()
    if path.is_absolute():
        if not path.exists():
            raise ModelUnavailable(
                f"There is no model file {path}.", "Correct the path, or choose one of `codehearth models list`."
            )
        return path
    return _named(name_or_path, places).path


@attrs.frozen
class Usable:
    """A complete model file that can fill in the middle; `fim` stays ambiguous until it is loaded and asked."""

    facts: GgufFacts
    fim: FimFormat | catalogue.Ambiguous


def check(path: Path) -> Usable:
    """Reads a model's header and resolves its format. Raises ModelUnavailable for what is damaged or cannot."""
    return check_facts(facts.read(path))


def check_facts(found: GgufFacts) -> Usable:
    """The same for a header that has been read."""
    kind = found.metadata.get("general.type", "model")
    if kind != "model":
        raise ModelUnavailable(f"{found.name} is no model of its own but of type `{kind}`.", "Choose the model itself.")
    fim = catalogue.resolve(found)
    if not found.parameters:
        raise ModelUnavailable(f"{found.name} holds a vocabulary and no weights.", "Use the complete model.")
    return Usable(found, fim)


def import_model(path: Path, report: Report = lambda done, total: None) -> find.FoundModel:
    """Takes a model, with all its parts, into our own folder, so that it stays when the original is removed.

    Hard-links where the folder is on the same disk and copies otherwise; each file appears at once and complete,
    with its SHA-256 beside it in `<file>.sha256`. A copy is read back and compared. Importing the same model again
    changes nothing. Raises ModelUnavailable for what cannot complete, ServerError when the disk is full or a
    different model of that name is already there.
    """
    path = path.expanduser().absolute()
    check(path)
    files = facts.parts(path)
    folder = find.own_folder()
    total = 2 * sum(file.stat().st_size for file in files)
    progress = _Progress(report, total)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in files:
            _take(file, folder / _file_name(file), progress)
    except OSError as error:
        raise ServerError(
            f"{path.name} cannot be imported ({error.strerror}).", f"Make room and permission for {folder}."
        ) from error
    report(total, total)
    first = folder / _file_name(files[0])
    return find.FoundModel(facts.plain_name(first), first, "codehearth")


def use(name_or_path: str | None, places: find.Places | None = None) -> Path:
    """Writes the user's choice into their settings file, where every server finds it. None: the embedded model.

    A relative path counts from the current folder; of a name the whole is written, because its beginning may become
    ambiguous with the next download. Other settings in the file are kept. Returns the model's file.
    Raises ModelUnavailable for what is unknown or cannot complete, ServerError when the file cannot be written.
    """
    if name_or_path is None or name_or_path == EMBEDDED:
        _write_setting(None)
        return embedded()
    given = Path(name_or_path).expanduser()
    if given.is_file() or given.is_absolute():
        path = locate(str(given.absolute()), places)
        value = str(path)
    else:
        model = _named(name_or_path, places)
        path, value = model.path, model.name
    check(path)
    _write_setting(value)
    return path


def _named(name: str, places: find.Places | None) -> find.FoundModel:
    """By the whole name, else by its beginning if only one model has it."""
    models = find.find(places)
    wanted = name.lower()
    for model in models:
        if model.name.lower() == wanted:
            return model
    beginning = [model for model in models if model.name.lower().startswith(wanted)]
    if len(beginning) == 1:
        return beginning[0]
    if beginning:
        names = ", ".join(sorted({model.name for model in beginning})[:5])
        raise ModelUnavailable(f"`{name}` can mean several models: {names}.", "Give the whole name.")
    written = {model.name.lower(): model.name for model in models}
    near = [written[found] for found in difflib.get_close_matches(wanted, written, n=3, cutoff=0.5)]
    if Path(name).name != name or wanted.endswith(".gguf"):
        step = "Give an absolute path, or a name of `codehearth models list`."
    elif near:
        step = f"Near matches: {', '.join(near)}."
    else:
        step = "`codehearth models list` shows the models there are; `codehearth models import` takes in a file."
    raise ModelUnavailable(f"No model on this machine is called `{name}`.", step)


def _file_name(file: Path) -> str:
    """Ollama's blobs have no name of their own; everything else keeps it."""
    if file.name.lower().endswith(".gguf"):
        return file.name
    name = facts.read(file).name
    return "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in name) + ".gguf"


class _Progress:
    def __init__(self, report: Report, total: int) -> None:
        self._report = report
        self._total = total
        self._done = 0

    def advance(self, count: int) -> None:
        self._done += count
        self._report(self._done, self._total)


def _take(source: Path, target: Path, progress: _Progress) -> None:
    """Brings one file in. The name appears last, so that an interrupted import leaves nothing that looks complete."""
    source = source.resolve()
    if target.exists() and source.samefile(target):
        return
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".import-") as folder:
        new = Path(folder) / target.name
        if _linked(source, new):
            digest = _digest(source, progress)
        else:
            digest = _copy(source, new, progress)
            if _digest(new, progress) != digest:
                raise ServerError(
                    f"The copy of {source.name} differs from the original.", "Check the disk and import again."
                )
        if target.exists():
            if _digest(target, progress) == digest:
                return
            raise ServerError(
                f"A different model called {target.name} has already been imported.",
                f"Remove {target}, or give the new file another name.",
            )
        note = new.with_name(new.name + ".sha256")
        note.write_text(f"{digest}  {target.name}\n", encoding="utf-8")
        note.replace(target.with_name(note.name))
        new.replace(target)


def _linked(source: Path, target: Path) -> bool:
    """Another disk, a file system without links or somebody else's file: then it has to be copied."""
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def _copy(source: Path, target: Path, progress: _Progress) -> str:
    """Copies and returns the SHA-256 of what was read."""
    free = shutil.disk_usage(target.parent).free
    if source.stat().st_size > free:
        raise ServerError(
            f"{source.name} needs {source.stat().st_size:,} bytes, and {free:,} are free.", "Make room on the disk."
        )
    digest = hashlib.sha256()
    with source.open("rb") as read, target.open("wb") as write:
        while chunk := read.read(_CHUNK):
            digest.update(chunk)
            write.write(chunk)
            progress.advance(len(chunk))
        write.flush()
        os.fsync(write.fileno())
    return digest.hexdigest()


def _digest(path: Path, progress: _Progress) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            progress.advance(len(chunk))
    return digest.hexdigest()


def _write_setting(value: str | None) -> None:
    path = paths.config_folder() / settings.USER_FILE
    content = _read_settings(path)
    if value is None:
        content.pop("model", None)
    else:
        content["model"] = value
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise ServerError(f"{path} cannot be written ({error.strerror}).", "Make it writable for you.") from error
    finally:
        temporary.unlink(missing_ok=True)


def _read_settings(path: Path) -> dict[str, Any]:
    """The file as it is: what it holds is the user's, and must not be lost by a change of one key."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ServerError(f"{path} cannot be read, so it is left as it is.", "Mend or delete it.") from error
    if not isinstance(content, dict):
        raise ServerError(f"{path} is not a JSON object, so it is left as it is.", "Mend or delete it.")
    return content
