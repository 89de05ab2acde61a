"""Stage `export`: the checkpoint becomes the GGUF that the product loads.

Writes it quantised, lets llama.cpp and PyTorch answer the same prompt, and refuses a file that answers differently.
Cuts it into parts to be carried, joins such parts, and puts the model into the package. Never trains.
"""

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.train.export import check, gguf_writing, parts
from models.train.export.check import BEST, PROMPT, TEXTS, Agreement, Expected
from models.train.export.gguf_writing import QUANTISATIONS, Array, Dimensions, Provenance, Vocabulary
from models.train.export.quantising import need_tool, quantise
from models.train.stage import TrainingError, Workplace, console, need_room, replacing, sha256

STAGE = "export"

EMBEDDED_BYTES = 40_000_000
"""Most that the package has room for."""

_HERE = Path(__file__).resolve().parents[1]
MANIFEST = "manifest.jsonl"
EMBEDDED = _HERE.parent / "embedded"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, help="default: train/checkpoint.pt in the work folder")
    parser.add_argument("--last", action="store_true", help="the last weights rather than their average")
    parser.add_argument(
        "--quantisation",
        default="Q8_0",
        metavar="TYPE",
        help=f"{', '.join(QUANTISATIONS)}, or with --llama-quantize any it knows (default: %(default)s)",
    )
    parser.add_argument("--llama-quantize", type=Path, metavar="PATH", help="llama.cpp's tool for other types")
    parser.add_argument("--manifest", type=Path, nargs="+", help="packages it was trained on (default: the corpus's)")
    parser.add_argument(
        "--prompt-tokens", type=int, metavar="N", help="say in the file that longer prompts are not worth reading"
    )
    parser.add_argument("--parts", type=Path, metavar="DIR", help="also write the file in parts of 16 MB into DIR")
    parser.add_argument("--join", type=Path, metavar="DIR", help="take the model from the parts in DIR instead")
    parser.add_argument("--install", action="store_true", help="put the file into the package as its embedded model")
    parser.add_argument("--embedded", type=Path, default=EMBEDDED, metavar="DIR", help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace, workplace: Workplace) -> None:
    checkpoint = arguments.checkpoint or workplace.root / "train" / "checkpoint.pt"
    if arguments.join:
        path, facts = _joined(arguments.join, workplace)
    elif arguments.checkpoint or checkpoint.exists() or workplace.receipt(STAGE) is None:
        path, facts = _exported(checkpoint, arguments, workplace)
    else:
        # Joined here earlier: there is a file and no checkpoint.
        facts = workplace.need(STAGE)
        path = workplace.folder(STAGE) / facts["file"]
    if arguments.parts:
        answers = json.loads(check.expected_file(path).read_text(encoding="utf-8"))
        parts.split(path, arguments.parts, {"facts": facts, "expected": answers})
    if arguments.install:
        _need_check(facts)
        console.print(f"The embedded model is now {install(path, arguments.embedded)}.", highlight=False)


def install(model: Path, folder: Path) -> Path:
    """Makes the file the one model in `folder`, which holds exactly one at every moment.

    Raises TrainingError when it is too large or the folder holds several.
    """
    size = model.stat().st_size
    if size > EMBEDDED_BYTES:
        raise TrainingError(
            f"{model.name} has {size / 1e6:.1f} MB, and the package has room for {EMBEDDED_BYTES / 1e6:.0f} MB.",
            "Export it in fewer bits with --llama-quantize, or train a smaller one.",
        )
    present = sorted(folder.glob("*.gguf"))
    if len(present) > 1:
        raise TrainingError(f"There are {len(present)} models in {folder}.", "Leave one of them there.")
    target = folder / model.name
    with replacing(present[0] if present else target) as temporary:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model, temporary)
    # The new model has taken the old one's place; now it takes its own name.
    if present and present[0] != target:
        present[0].replace(target)
    return target


def _joined(folder: Path, workplace: Workplace) -> tuple[Path, dict[str, Any]]:
    workplace.begin_again(STAGE)
    path, index = parts.join(folder, workplace.folder(STAGE))
    notes = index.notes
    if not isinstance(notes.get("facts"), dict) or "expected" not in notes:
        raise TrainingError(f"The index of {index.name} has no recorded answers.", "Carry it over again.")
    facts: dict[str, Any] = notes["facts"]
    _write_json(check.expected_file(path), notes["expected"])
    console.print(f"{path.name} is complete: {index.bytes / 1e6:.1f} MB, SHA-256 {index.sha256}.", highlight=False)
    agreement = _verified(path, str(facts["quantisation"]))
    return path, _finish(workplace, path, {**facts, **_agreement_facts(agreement)})


def _exported(checkpoint: Path, arguments: argparse.Namespace, workplace: Workplace) -> tuple[Path, dict[str, Any]]:
    quantisation: str = arguments.quantisation
    tool: Path | None = arguments.llama_quantize
    asked: int | None = arguments.prompt_tokens
    need_tool(quantisation, tool)
    try:
        from models.train.network.checkpoint import load
    except ImportError as error:
        raise TrainingError("Checkpoints are read with PyTorch.", "Run `pip install .[train]`.") from error
    config, arrays, state = load(checkpoint, last=arguments.last)
    dimensions = Dimensions.of(config)
    tokenizer = workplace.root / "tokenizer" / "tokenizer.json"
    vocabulary = Vocabulary.read(tokenizer)
    provenance = _provenance(arguments.manifest, state, workplace.receipt("corpus"))
    workplace.begin_again(STAGE)
    folder = workplace.folder(STAGE)
    need_room(folder, 6 * dimensions.parameters)
    name = gguf_writing.plain_name(dimensions)
    path = folder / (f"{name}.gguf" if quantisation == "Q8_0" else f"{name}-{quantisation}.gguf")
    if tool is None or quantisation in QUANTISATIONS:
        kind = next(each for each in QUANTISATIONS if each == quantisation)
        gguf_writing.write(path, arrays, dimensions, vocabulary, provenance, kind, prompt_tokens=asked)
    else:
        exact = folder / f"{name}.exact"
        try:
            gguf_writing.write(exact, arrays, dimensions, vocabulary, provenance, "F32", prompt_tokens=asked)
            quantise(tool, exact, path, quantisation)
        finally:
            exact.unlink(missing_ok=True)
    _write_json(check.expected_file(path), _expected(config, arrays, tokenizer).as_json())
    agreement = _verified(path, quantisation)
    size = path.stat().st_size
    fits = "fits" if size <= EMBEDDED_BYTES else f"is too large for the {EMBEDDED_BYTES / 1e6:.0f} MB of"
    console.print(f"{path} has {size / 1e6:.1f} MB and {fits} the package.", highlight=False)
    facts = {
        "file": path.name,
        "quantisation": quantisation,
        "parameters": dimensions.parameters,
        "tokens": provenance.tokens,
        "steps": provenance.steps,
        "recipe": provenance.recipe,
        "manifest_sha256": provenance.manifest,
        "weights": "last" if arguments.last or not state.get("averaged") else "average",
        **_agreement_facts(agreement),
    }
    return path, _finish(workplace, path, facts)


def _finish(workplace: Workplace, path: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    complete = {**facts, "file": path.name, "bytes": path.stat().st_size, "sha256": sha256(path)}
    workplace.finish(STAGE, **complete)
    return complete


def _provenance(manifests: list[Path] | None, state: Mapping[str, Any], corpus: Mapping[str, Any] | None) -> Provenance:
    """manifests: None means those of the corpus. corpus: its receipt, where it is at hand."""
    recorded: Mapping[str, str] = (corpus or {}).get("manifests", {})
    found = []
    for path in manifests or [_HERE / name for name in recorded or (MANIFEST,)]:
        if not path.is_file():
            raise TrainingError(
                f"There is no manifest {path}, and a model must say what it was trained on.",
                "Run `python -m models.train corpus --pin`, which writes it, or name it with --manifest.",
            )
        found.append(sha256(path))
    if recorded and set(found) != set(recorded.values()):
        raise TrainingError(
            f"The manifests are not those the corpus was made of: {', '.join(recorded)} had other content then.",
            "Name the ones of then with --manifest: whoever checks the model must find its packages.",
        )
    recipe = state["recipe"]
    return Provenance(
        manifest=",".join(found),
        tokens=int(state["tokens"] or 0),
        steps=int(state["step"] or 0),
        recipe=", ".join(f"{key} {value}" for key, value in recipe.items())
        if isinstance(recipe, dict)
        else recipe or "",
    )


def _expected(config: Mapping[str, Any], arrays: Mapping[str, Array], tokenizer: Path) -> Expected:
    """Lets PyTorch answer the prompt, and the tokenizer read it."""
    from models.train.network.checkpoint import answers
    from models.train.tokenizer.coder import Coder

    coder = Coder(tokenizer)
    prompt = [
        token for part in PROMPT for token in ([coder.special(part.text)] if part.special else coder.tokens(part.text))
    ]
    return Expected(
        prompt=tuple(prompt),
        answers=answers(config, arrays, prompt, BEST),
        texts=tuple(tuple(coder.tokens(text)) for text in TEXTS),
    )


def _verified(path: Path, quantisation: str) -> Agreement | None:
    """None where llama.cpp is not installed. A file that fails is renamed, so that nothing takes it for a model."""
    if not check.can_verify():
        console.print(
            f"llama.cpp is not installed here: {path.name} is compared with the trained model where it is, "
            "by `export --join`.",
            highlight=False,
        )
        return None
    try:
        return check.verify(path, check.read(check.expected_file(path)), quantisation)
    except TrainingError:
        path.replace(path.with_name(f"{path.name}.refused"))
        raise


def _agreement_facts(agreement: Agreement | None) -> dict[str, float | None]:
    same, off = (agreement.same, agreement.off) if agreement else (None, None)
    return {"same_token": same, "nats_off": off}


def _need_check(facts: Mapping[str, Any]) -> None:
    if facts.get("same_token") is None:
        raise TrainingError(
            f"{facts['file']} has not been compared with the trained model.",
            "Install it on a machine that has llama.cpp: `pip install .`, then run the command again.",
        )


def _write_json(path: Path, value: object) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value) + "\n", encoding="utf-8")
