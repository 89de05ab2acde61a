"""Decode and prefill of one thread: our engine, and llama-bench on the same file right after it where one is given."""

import json
import statistics
import subprocess
import time
from pathlib import Path

import attrs

from lsp_server.engine.loaded import LoadedModel
from lsp_server.engine.protocol import ModelSpec, Segment
from lsp_server.errors import ServerError

PROMPT, ANSWER, ROUNDS = 512, 128, 5
"""Tokens read at once and tokens written one by one, as llama-bench does by default; the median of so many rounds."""


@attrs.frozen
class Speed:
    """Tokens per second, one thread. Decoding begins with an empty context, as in llama-bench."""

    prefill: float
    decode: float


@attrs.frozen
class Speeds:
    engine: Speed
    llama_bench: Speed | None


def measure(model: Path, llama_bench: Path | None) -> Speeds:
    """Raises ServerError where the model or the program cannot be used."""
    return Speeds(_engine(model), _llama_bench(llama_bench, model) if llama_bench is not None else None)


def _engine(path: Path) -> Speed:
    """Each token is chosen as the product chooses it, which llama-bench leaves out."""
    model = LoadedModel(ModelSpec(str(path), context_tokens=1024, threads=1, gpu_layers=0), progress=lambda _: True)
    try:
        word = model.tokens([Segment("value")])[:1]
        prefill, decode = [], []
        for round_ in range(ROUNDS + 1):
            sequence, _ = model.place(f"prefill {round_}", [*word, *word])
            began = time.perf_counter()
            model.evaluate(sequence, word * PROMPT, 0)
            prefill.append(PROMPT / (time.perf_counter() - began))
            # A first token of its own, so that nothing of what was read before can be reused.
            sequence, reused = model.place(f"decode {round_}", [round_ + 7, *word])
            began = time.perf_counter()
            token = word[0]
            for place in range(reused, reused + ANSWER):
                model.evaluate(sequence, [token], place)
                token, _ = model.greedy()
            decode.append(ANSWER / (time.perf_counter() - began))
    finally:
        model.close()
    return Speed(statistics.median(prefill[1:]), statistics.median(decode[1:]))


def _llama_bench(program: Path, model: Path) -> Speed:
    options = ["-m", model, "-t", 1, "-p", PROMPT, "-n", ANSWER, "-r", ROUNDS, "-ngl", 0, "-o", "json"]
    try:
        done = subprocess.run([program, *map(str, options)], capture_output=True, text=True, timeout=600, check=True)
        found = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise ServerError(f"{program.name} did not measure {model.name}.", "Name a llama-bench that runs.") from error
    rates = {("prefill" if test["n_prompt"] else "decode"): _median(test["samples_ts"]) for test in found}
    return Speed(rates["prefill"], rates["decode"])


def _median(samples: list[float]) -> float:
    return float(statistics.median(samples))
