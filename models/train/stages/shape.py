"""Stage `shape`: a random-weight GGUF with the dimensions, the architecture and the tokens of a named family.

For measuring speed and memory, and for testing prompts; what such a model says is noise. Needs no other stage.
"""

import argparse
from pathlib import Path

import attrs

from lsp_server.errors import ModelUnavailable
from lsp_server.evaluate import shapes
from lsp_server.modelstore import catalogue, store
from lsp_server.modelstore.card import FimFormat
from models.train.shapes.families import FAMILIES, Family
from models.train.shapes.vocabulary import of_file, synthetic
from models.train.stage import TrainingError, Workplace, console, disk_trouble, need_room

QUANTISATIONS: tuple[shapes.Quantisation, ...] = ("Q8_0", "Q4_0", "F16")

_VOCABULARY_BYTES = 20_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("family", choices=sorted(FAMILIES), metavar="FAMILY", help=", ".join(FAMILIES))
    parser.add_argument("--quantisation", choices=QUANTISATIONS, default="Q8_0", help="default: %(default)s")
    parser.add_argument(
        "--out", type=Path, help="the file (default: shape/FAMILY-QUANTISATION.gguf in the work folder)"
    )
    parser.add_argument(
        "--vocabulary",
        type=Path,
        metavar="GGUF",
        help="a file with the family's vocabulary, as llama.cpp's sources have in models/ (default: made up)",
    )


def run(arguments: argparse.Namespace, workplace: Workplace) -> None:
    family = FAMILIES[arguments.family]
    path: Path = arguments.out or workplace.folder("shape") / f"{arguments.family}-{arguments.quantisation}.gguf"
    write(path, family, arguments.quantisation, arguments.vocabulary, arguments.seed)
    size, count = path.stat().st_size / 1e9, shapes.parameters(family.shape) / 1e9
    console.print(f"{path}: {size:.2f} GB, {count:.2f} billion random weights. What it says is noise.", highlight=False)


def write(
    path: Path, family: Family, quantisation: shapes.Quantisation, vocabulary: Path | None = None, seed: int = 0
) -> None:
    """Writes the model and makes sure that the product takes it for one of its family.

    vocabulary: a GGUF that has the family's; None makes one up. Raises TrainingError where the vocabulary is another
    one's, the disk too small, or the product would ask the model in another format.
    """
    tokens = of_file(vocabulary, family) if vocabulary else synthetic(family)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        need_room(path.parent, shapes.size(family.shape, quantisation) + _VOCABULARY_BYTES)
        shapes.write(path, family.shape, source=tokens, quantisation=quantisation, seed=seed)
    except OSError as error:
        raise disk_trouble(error, path) from error
    _check(path, family)


def _check(path: Path, family: Family) -> None:
    try:
        usable = store.check(path)
    except ModelUnavailable as error:
        raise TrainingError(error.sentence, error.next_step) from error
    found = catalogue.recognise(usable.facts)
    wanted = next(known for known in catalogue.FAMILIES if known.name == family.catalogue)
    fim = usable.fim
    # Stop tokens that only relatives of the family have are left out there.
    same = isinstance(fim, FimFormat) and attrs.evolve(fim, stop_tokens=wanted.fim.stop_tokens) == wanted.fim
    if found != wanted or not same:
        raise TrainingError(
            f"The product takes {path.name} for {found.name if found else 'no family'} and not for {wanted.name}.",
            "Report this: the catalogue and the shapes no longer fit together.",
        )
