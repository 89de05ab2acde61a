"""Where the GGUF models of this machine lie: ours, Ollama's, LM Studio's, Hugging Face's and llama.cpp's.

Lists files and reads Ollama's manifests; opens no model and reaches no network. Folders that are missing, unreadable
or half-written are passed over: a model that cannot be listed is simply not there.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import attrs

from lsp_server import paths
from lsp_server.modelstore.facts import is_later_part, plain_name

Source = Literal["codehearth", "ollama", "lm-studio", "hugging-face", "llama.cpp"]

_OLLAMA_MODEL = "application/vnd.ollama.image.model"
_OLLAMA_REGISTRY = "registry.ollama.ai"
_DEEPEST = 6
"""Levels of folders below a models folder that are searched; LM Studio and Hugging Face use at most five."""


@attrs.frozen
class FoundModel:
    """A model on this disk. `name` is what `codehearth models use` and the setting take; `path` its first file."""

    name: str
    path: Path
    source: Source


@attrs.frozen
class Places:
    """The folders to search, in order of precedence."""

    own: Path
    ollama: tuple[Path, ...] = ()
    lm_studio: tuple[Path, ...] = ()
    hugging_face: tuple[Path, ...] = ()
    llama_cpp: tuple[Path, ...] = ()

    @classmethod
    def of_this_machine(
        cls, environment: Mapping[str, str] = os.environ, home: Path | None = None, platform: str = sys.platform
    ) -> "Places":
        """The places as those programs choose them, from their environment variables and the user's home."""
        home = home or Path.home()
        cache = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
        ollama = [home / ".ollama" / "models"]
        llama_cpp = [cache / "llama.cpp"]
        if platform == "darwin":
            llama_cpp = [home / "Library" / "Caches" / "llama.cpp"]
        elif platform == "win32":
            llama_cpp = [Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local") / "llama.cpp"]
        else:  # where the packages of Linux distributions run Ollama as a service
            ollama += [Path("/usr/share/ollama/.ollama/models"), Path("/var/lib/ollama/models")]
        if environment.get("OLLAMA_MODELS"):
            ollama = [Path(environment["OLLAMA_MODELS"])]
        if environment.get("LLAMA_CACHE"):
            llama_cpp = [Path(environment["LLAMA_CACHE"])]
        hub = Path(environment["HF_HOME"]) / "hub" if environment.get("HF_HOME") else cache / "huggingface" / "hub"
        for variable in ("HUGGINGFACE_HUB_CACHE", "HF_HUB_CACHE"):
            hub = Path(environment[variable]) if environment.get(variable) else hub
        return cls(
            own=own_folder(),
            ollama=tuple(ollama),
            lm_studio=(home / ".lmstudio" / "models", home / ".cache" / "lm-studio" / "models"),
            hugging_face=(hub,),
            llama_cpp=tuple(llama_cpp),
        )


def own_folder() -> Path:
    """Where imported models are kept; the folder may not exist yet."""
    return paths.data_folder() / "models"


def find(places: Places | None = None) -> list[FoundModel]:
    """Every model once, even where two programs share a file; ours first, then by place and name."""
    places = places or Places.of_this_machine()
    found = [
        *_folder(places.own, "codehearth"),
        *(model for folder in places.ollama for model in _ollama(folder)),
        *(model for folder in places.lm_studio for model in _folder(folder, "lm-studio")),
        *(model for folder in places.hugging_face for model in _hugging_face(folder)),
        *(model for folder in places.llama_cpp for model in _folder(folder, "llama.cpp")),
    ]
    once: dict[Path, FoundModel] = {}
    for model in found:
        once.setdefault(model.path.resolve(), model)
    return list(once.values())


def _folder(folder: Path, source: Source) -> Iterator[FoundModel]:
    """Models by their file names, however deep."""
    for path in _models_below(folder):
        yield FoundModel(plain_name(path), path, source)


def _hugging_face(hub: Path) -> Iterator[FoundModel]:
    """`models--owner--name/snapshots/<revision>/…`: of several snapshots the newest that has the file."""
    for repository in _children(hub):
        if not repository.name.startswith("models--"):
            continue
        snapshots = sorted(_children(repository / "snapshots"), key=_changed, reverse=True)
        seen = set()
        for snapshot in snapshots:
            for path in _models_below(snapshot):
                inside = path.relative_to(snapshot)
                if inside not in seen:
                    seen.add(inside)
                    yield FoundModel(plain_name(path), path, "hugging-face")


def _ollama(folder: Path) -> Iterator[FoundModel]:
    """Ollama's manifests name blobs by their digest: `manifests/<registry>/<owner>/<name>/<tag>`."""
    manifests = folder / "manifests"
    for manifest in _files_below(manifests, 5):
        blob = _ollama_blob(folder, manifest)
        if blob is not None:
            registry, *parts, tag = manifest.relative_to(manifests).parts
            if registry != _OLLAMA_REGISTRY:
                parts.insert(0, registry)
            elif parts[:1] == ["library"]:
                del parts[0]
            yield FoundModel(f"{'/'.join(parts)}:{tag}", blob, "ollama")


def _ollama_blob(folder: Path, manifest: Path) -> Path | None:
    try:
        layers = json.loads(manifest.read_text(encoding="utf-8"))["layers"]
        digests = [layer["digest"] for layer in layers if layer.get("mediaType") == _OLLAMA_MODEL]
        blob = folder / "blobs" / digests[0].replace(":", "-")
        return blob if blob.is_file() else None
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError):
        return None


def _models_below(folder: Path) -> Iterable[Path]:
    """First files of GGUF models, without image projectors, which are no models of their own."""
    for path in _files_below(folder, _DEEPEST):
        name = path.name.lower()
        if name.endswith(".gguf") and "mmproj" not in name and not is_later_part(path) and path.is_file():
            yield path


def _files_below(folder: Path, depth: int) -> Iterator[Path]:
    """Follows links to files, as Hugging Face has them, but not to folders, which may lead in circles."""
    for child in _children(folder):
        if child.is_dir() and not child.is_symlink():
            if depth > 1:
                yield from _files_below(child, depth - 1)
        else:
            yield child


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
