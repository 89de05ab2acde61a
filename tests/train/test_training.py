"""The `train` stage: resumes, stops on the clock, refuses what does not belong together, survives bad numbers."""

import itertools
import json
import math
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

torch = pytest.importorskip("torch")

from models.train.__main__ import main  # noqa: E402
from models.train.export import gguf_reading  # noqa: E402
from models.train.export.gguf_writing import Dimensions, Vocabulary  # noqa: E402
from models.train.network.model import Config  # noqa: E402
from models.train.network.recipe import Recipe, read_recipe  # noqa: E402
from models.train.network.training import Trainer, rate_at  # noqa: E402
from models.train.stage import TrainingError, Workplace  # noqa: E402
from tests.train.models_of_ours import tokenizer, written  # noqa: E402
from tests.train.packed import VOCABULARY, workplace  # noqa: E402

CONFIG = Config(vocabulary=VOCABULARY, width=32, layers=1, heads=2, kv_heads=1, feed_forward=32, context=64)
RECIPE = Recipe(minutes=0.02, batch_tokens=256, learning_rate=0.02, embedding_rate=0.01, warmup=2, buckets=(16, 32, 64))


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock of its own: a hundredth of a second passes each time somebody looks, so that no test depends on how
    busy the machine is."""
    ticks = itertools.count()
    monkeypatch.setattr("models.train.network.training.time", SimpleNamespace(monotonic=lambda: next(ticks) * 0.01))


def _trainer(place: Workplace, recipe: Recipe = RECIPE, config: Config = CONFIG) -> Trainer:
    return Trainer(place, place.folder("train"), config, recipe, 0, torch.device("cpu"))


def _command(work: Path) -> list[str]:
    changes = ["vocabulary=64", "width=32", "layers=1", "heads=2", "kv_heads=1", "feed_forward=32", "batch_tokens=256"]
    return ["train", "--work", str(work), *(f"--set={change}" for change in changes)]


def test_it_learns_and_stops_on_the_clock(tmp_path: Path) -> None:
    """After the schedule's time it ends by itself, and the loss is far below guessing."""
    trainer = _trainer(workplace(tmp_path))
    assert trainer.run(math.inf)
    assert trainer.progress.seconds == pytest.approx(RECIPE.minutes * 60, rel=0.05)
    assert trainer.conclude()["nats_per_token"] < math.log(VOCABULARY) / 2


def test_an_interrupted_run_is_resumed(tmp_path: Path) -> None:
    """The next run begins with the weights, the place in the data and the clock of the last."""
    place = workplace(tmp_path)
    first = _trainer(place)
    assert not first.run(0.3)
    second = _trainer(place)
    assert second.progress == first.progress
    assert torch.equal(second.model.embed.weight, first.model.embed.weight)
    assert second.run(math.inf)
    assert second.progress.step > first.progress.step


def test_an_interruption_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C and a polite kill save before they end."""
    place = workplace(tmp_path)
    step = Trainer._step

    def interrupted(self: Trainer, *arguments: Any) -> float:
        if self.progress.step == 5:
            signal.raise_signal(signal.SIGTERM)
        return step(self, *arguments)

    monkeypatch.setattr(Trainer, "_step", interrupted)
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert main([*_command(tmp_path), "--minutes", "5"]) == 130
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    assert torch.load(place.folder("train") / "checkpoint.pt", weights_only=True)["step"] == 5


def test_another_configuration_is_refused(tmp_path: Path) -> None:
    """A checkpoint of another network is left alone and the way out is named."""
    place = workplace(tmp_path)
    _trainer(place).run(0.1)
    before = (place.folder("train") / "checkpoint.pt").read_bytes()
    with pytest.raises(TrainingError, match="another network") as refused:
        _trainer(place, config=attrs.evolve(CONFIG, layers=2))
    assert "--force" in refused.value.next_step
    assert (place.folder("train") / "checkpoint.pt").read_bytes() == before


def test_a_longer_clock_goes_on_from_the_end(tmp_path: Path) -> None:
    """A finished training keeps what it learnt in the fall, and learns on at a higher rate."""
    place = workplace(tmp_path)
    finished = _trainer(place)
    finished.run(math.inf)
    longer = _trainer(place, attrs.evolve(RECIPE, minutes=2 * RECIPE.minutes))
    assert longer.progress == finished.progress
    assert torch.equal(longer.model.embed.weight, finished.model.embed.weight)
    assert longer.run(math.inf)
    assert longer.progress.step > finished.progress.step


def test_it_goes_on_from_a_model_where_no_checkpoint_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The weights are the model's, what it has read is counted on, and the rate rises anew."""
    place, model = workplace(tmp_path), _exported(tmp_path)
    command = [*_going_on(tmp_path, model), "--minutes", "0.02"]
    assert main([*command, "--run-minutes", "0"]) == 0
    kept = torch.load(place.folder("train") / "checkpoint.pt", weights_only=True)
    dimensions = Dimensions.of(kept["config"])
    for name, array in gguf_reading.read(model, dimensions).arrays.items():
        assert torch.equal(kept["model"][name], torch.from_numpy(array))
    assert main(command) == 0
    receipt = place.need("train")
    assert receipt["tokens"] > 5000
    assert receipt["step"] > receipt["begun"] == 70


def test_a_model_of_other_tokens_or_dimensions_is_no_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workplace(tmp_path)
    command = _going_on(tmp_path, _exported(tmp_path))
    assert main([*command, "--set=feed_forward=64"]) == 1
    assert "network of other dimensions" in capsys.readouterr().err
    tokenizer(tmp_path / "tokenizer" / "tokenizer.json", ("t u", "r e", "Ġ Ġ"))
    assert main(command) == 1
    assert "reads text in other tokens" in capsys.readouterr().err


def _exported(place: Path) -> Path:
    """A model of `_command`'s network but for more tokens, and its tokenizer in the workplace."""
    vocabulary = Vocabulary.read(tokenizer(place / "tokenizer" / "tokenizer.json"))
    dimensions = Dimensions.of({**attrs.asdict(CONFIG), "vocabulary": len(vocabulary.tokens)})
    return written(place / "model.gguf", vocabulary, dimensions, tokens=5000, steps=70)


def _going_on(place: Path, model: Path) -> list[str]:
    size = len(gguf_reading.vocabulary(model).tokens)
    return [*_command(place), f"--set=vocabulary={size}", "--start", str(model)]


def test_rates_and_lengths_may_change_on_the_way(tmp_path: Path) -> None:
    """The rest of a schedule may have other batches."""
    place = workplace(tmp_path)
    _trainer(place).run(0.3)
    changed = _trainer(place, attrs.evolve(RECIPE, learning_rate=0.001, buckets=(16, 24, 32)))
    assert changed.run(math.inf)
    assert changed._optimisers[0].param_groups[0]["lr"] <= 0.001


def test_a_loss_that_is_no_number_stops(tmp_path: Path) -> None:
    """It gives up with a sentence and leaves the last checkpoint as it was."""
    place = workplace(tmp_path)
    _trainer(place).run(0.1)
    before = (place.folder("train") / "checkpoint.pt").read_bytes()
    trainer = _trainer(place)
    with torch.no_grad():
        trainer.model.embed.weight.fill_(math.nan)
    with pytest.raises(TrainingError, match="not a number"):
        trainer.run(math.inf)
    assert (place.folder("train") / "checkpoint.pt").read_bytes() == before


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    """It is a sentence, not a traceback from the unpickler."""
    place = workplace(tmp_path)
    (place.folder("train") / "checkpoint.pt").write_bytes(b"half a file")
    with pytest.raises(TrainingError, match=r"checkpoint\.pt cannot be read"):
        _trainer(place)


def test_a_full_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old checkpoint stays and the user is told to make room."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    trainer = _trainer(workplace(tmp_path))
    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(TrainingError, match="No space left"):
        trainer.run(0.1)
    assert list(tmp_path.rglob("*.new")) == []


def test_the_rate_rises_stays_and_falls() -> None:
    """Warm-up over steps, then the full rate, then a line down to zero at the end of the clock."""
    recipe = attrs.evolve(RECIPE, warmup=10, decay_share=0.5)
    assert rate_at(0.0, 0, recipe) == pytest.approx(0.1)
    assert rate_at(0.4, 100, recipe) == 1.0
    assert rate_at(0.75, 100, recipe) == pytest.approx(0.5)
    assert rate_at(1.0, 100, recipe) == 0.0


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_the_recipes_can_be_read(name: str) -> None:
    """Both have the vocabulary that the tokenizer makes and the length that the product is told."""
    config, recipe = read_recipe(name, [], None)
    assert (config.vocabulary, config.context, recipe.buckets[-1]) == (16384, 2048, 2048)


def test_a_recipe_can_be_changed_on_the_command_line() -> None:
    """Sweeps change one value at a time."""
    config, recipe = read_recipe("cpu", ["layers=2", "learning_rate=0.01"], 3)
    assert (config.layers, recipe.learning_rate, recipe.minutes) == (2, 0.01, 3)


@pytest.mark.parametrize(("name", "changes"), [("none", []), ("cpu", ["colour=3"]), ("cpu", ["layers=many"])])
def test_a_bad_recipe_is_a_sentence(name: str, changes: list[str]) -> None:
    """Unknown recipes, keys and values are told apart from bugs."""
    with pytest.raises(TrainingError, match="recipe"):
        read_recipe(name, changes, None)


def test_the_whole_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Runs in two runs, leaves a receipt, a log and a picture."""
    place = workplace(tmp_path)
    command = [*_command(tmp_path), "--minutes", "0.02"]
    assert main([*command, "--run-minutes", "0.005"]) == 0
    assert place.receipt("train") is None
    assert main(command) == 0
    receipt = place.need("train")
    assert receipt["config"]["layers"] == 1
    assert receipt["validation"]["nats_per_token"] < math.log(VOCABULARY)
    assert json.dumps(receipt)
    assert "Going on at step" in capsys.readouterr().err
