"""The stage `train`: one training by a recipe, stopped by the clock or the user and continued by the same command."""

import argparse
import math
import signal
from pathlib import Path

import attrs

from models.train.export import gguf_reading
from models.train.export.gguf_writing import Dimensions, Vocabulary
from models.train.network import machine
from models.train.network.model import Config
from models.train.network.recipe import read_recipe
from models.train.network.training import CHECKPOINT, LOG, Start, Trainer
from models.train.stage import TrainingError, Workplace, console, digest
from models.train.tokenizer.coder import FILE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", default="cpu", help="a name in models/train/recipes or a TOML file")
    parser.add_argument("--minutes", type=float, help="length of the whole schedule, over all runs")
    parser.add_argument("--run-minutes", type=float, default=math.inf, help="stop this run, to be resumed later")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="another value for the recipe")
    parser.add_argument("--name", default="train", help="folder of this training, for sweeps (default: %(default)s)")
    parser.add_argument("--start", type=Path, metavar="GGUF", help="begin with the weights of an exported model")
    parser.add_argument("--device", default=machine.best())
    parser.add_argument("--threads", type=int, help="threads of the CPU (default: all)")
    parser.add_argument("--compile", action="store_true", help="compile the network first (needs a C++ compiler)")
    parser.add_argument("--follow", action="store_true", help="start while `pack` is still making parts")
    parser.add_argument("--force", action="store_true", help="throw away what was trained and begin again")


def run(arguments: argparse.Namespace, workplace: Workplace) -> None:
    if not arguments.follow:
        workplace.need("pack")
    device = machine.device(arguments.device, arguments.threads)
    config, recipe = read_recipe(arguments.recipe, arguments.set, arguments.minutes)
    folder = workplace.folder(arguments.name)
    if arguments.force:
        for name in (CHECKPOINT, LOG):
            (folder / name).unlink(missing_ok=True)
    start = _start(arguments.start, config, workplace) if arguments.start is not None else None
    trainer = Trainer(workplace, folder, config, recipe, arguments.seed, device, start)
    workplace.begin_again(arguments.name)
    # Also where the shell has it ignored, as for jobs in the background.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        finished = trainer.run(arguments.run_minutes * 60, compiled=arguments.compile, follow=arguments.follow)
    except KeyboardInterrupt:
        trainer.save()
        raise
    if not finished:
        console.print("This run's time is over; the same command goes on with the schedule.")
        return
    validation = trainer.conclude()
    console.print(f"Finished: {validation['nats_per_token']:.4f} nats per token on packages never seen.")
    workplace.finish(
        arguments.name,
        **attrs.asdict(trainer.progress),
        recipe=attrs.asdict(recipe),
        config=attrs.asdict(config),
        validation=validation,
        seed=arguments.seed,
        pack=digest(workplace.receipt("pack")),
        machine=machine.described(device),
    )


def _start(path: Path, config: Config, workplace: Workplace) -> Start:
    """Raises TrainingError where the model reads text in other tokens than those of the examples."""
    exported = gguf_reading.read(path, Dimensions.of(attrs.asdict(config)))
    if exported.vocabulary != Vocabulary.read(workplace.root / "tokenizer" / FILE):
        raise TrainingError(
            f"{path.name} reads text in other tokens than those of {workplace.root}.",
            f"Take its tokenizer, `tokenizer --of {path}`, and pack again; or begin without --start.",
        )
    return Start(exported.arrays, exported.tokens, exported.steps)
