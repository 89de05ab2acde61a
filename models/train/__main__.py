"""`python -m models.train STAGE`: the stages' command line. A stage is imported only when it is run."""

import argparse
import importlib
import sys
from pathlib import Path

from lsp_server.errors import ServerError
from models.train.stage import Workplace, console

STAGES = {
    "corpus": "fetch the packages of the manifest and keep what may be learnt from",
    "tokenizer": "learn the byte-level BPE vocabulary",
    "pack": "render training examples as the product's own prompts",
    "train": "train, resume, stop on the clock",
    "export": "write the GGUF, whole or in parts, and join and verify parts",
    "fingerprint": "write the compact n-gram fingerprint of the training text",
    "evaluate": "measure a model on held-out packages (make eval-model)",
    "gpu": "run the stages in order, on a machine that is lent for minutes",
    "shape": "write a random-weight model with the shape of a named family",
}
WORK = Path(".training")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m models.train", description=__doc__)
    stages = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    given = sys.argv[1:] if arguments is None else arguments
    for name, purpose in STAGES.items():
        stage = stages.add_parser(name, help=purpose, description=purpose)
        stage.add_argument("--work", type=Path, default=WORK, help="folder of all stages (default: %(default)s)")
        stage.add_argument("--seed", type=int, default=0, help="of everything drawn (default: %(default)s)")
        if given[:1] == [name]:
            importlib.import_module(f"models.train.stages.{name}").add_arguments(stage)
    chosen = parser.parse_args(given)
    module = importlib.import_module(f"models.train.stages.{chosen.stage}")
    try:
        module.run(chosen, Workplace(chosen.work))
    except ServerError as error:
        console.print(f"[red]{error.sentence}[/red]\n{error.next_step}", highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted. What was finished is kept; run the same command to go on.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
