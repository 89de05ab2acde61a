"""Examples read as prompts that the product would send, followed by the right answer."""

import random
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest

pytest.importorskip("tokenizers")

from lsp_server.engine.protocol import Segment
from models.train import __main__ as stages
from models.train.corpus.reading import File
from models.train.examples.drawing import Example, Mix, Recipe, answered, examples_of
from models.train.examples.masks import KINDS
from models.train.tokenizer.coder import FILE, Coder
from models.train.tokenizer.special import END
from tests.train import small_corpus

FILES = (File("shop/store.py", small_corpus.STORE), File("shop/order.py", small_corpus.ORDER))
OWN_FILE = attrs.evolve(Recipe(), related=0.0, unrelated=0.0, psm=0.0, characters_per_hole=120, most_holes=50)


@pytest.fixture(scope="module")
def coder(tmp_path_factory: pytest.TempPathFactory) -> Coder:
    workplace = small_corpus.shops(tmp_path_factory.mktemp("work"))
    assert stages.main(["tokenizer", "--work", str(workplace.root)]) == 0
    return Coder(workplace.root / "tokenizer" / FILE)


def only(kind: str) -> Mix:
    return Mix(**{each: float(each == kind) for each in KINDS})


def drawn(coder: Coder, recipe: Recipe, files: Sequence[File] = FILES, seed: int = 1) -> list[Example]:
    return list(examples_of("shop", files, recipe, coder, random.Random(seed)))


def halves(coder: Coder, example: Example) -> tuple[str, str]:
    return coder.text(example.tokens[: example.middle]), coder.text(example.tokens[example.middle :])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "plain"])
def test_prompt_and_answer_are_the_file(coder: Coder, kind: str) -> None:
    """What follows the middle token ends as the file goes on before the suffix: nothing is lost and nothing twice."""
    found = drawn(coder, attrs.evolve(OWN_FILE, mix=only(kind), contexts=((2048, 1.0),), closers=0.5))
    assert any(example.kind == kind for example in found)
    texts = {file.path: file.text for file in FILES}
    for example in found:
        prompt, answer = halves(coder, example)
        head, _, rest = (prompt + answer).partition("<|fim_suffix|>")
        suffix, _, typed = rest.partition("<|fim_middle|>")
        assert head == f"<|repo_name|>shop\n<|file_sep|>{example.path}\n<|fim_prefix|>"
        assert typed.endswith("<|endoftext|>")
        assert typed.removesuffix("<|endoftext|>") + suffix == texts[example.path]


def test_the_answer_is_all_that_is_learnt_and_it_ends(coder: Coder) -> None:
    for example in drawn(coder, OWN_FILE):
        if example.kind == "plain":
            assert example.middle == len(example.tokens)
        else:
            assert 0 < example.middle < len(example.tokens) - 1
            assert example.tokens[-1] == END


def test_closers_that_the_prompt_hides_belong_to_the_answer(coder: Coder) -> None:
    """Arguments end before their bracket; where nothing else follows on the line the product hides it."""
    for example in drawn(coder, attrs.evolve(OWN_FILE, mix=only("arguments"))):
        prompt, answer = halves(coder, example)
        suffix = prompt.partition("<|fim_suffix|>")[2].partition("<|fim_middle|>")[0]
        assert not suffix.startswith(")\n")
        assert answer.count("(") <= answer.count(")") or suffix.startswith(")")


def test_examples_with_related_code_show_other_files(coder: Coder) -> None:
    recipe = attrs.evolve(OWN_FILE, related=1.0, mix=only("line"), contexts=((2048, 1.0),))
    shown = [halves(coder, example)[0] for example in drawn(coder, recipe) if example.path == "shop/store.py"]
    assert shown
    assert any("<|file_sep|>shop/order.py\n" in prompt.partition("<|fim_prefix|>")[0] for prompt in shown)


def test_no_snippet_is_of_the_file_itself(coder: Coder) -> None:
    """It would show the answer."""
    recipe = attrs.evolve(OWN_FILE, related=0.0, unrelated=1.0, mix=only("line"), contexts=((2048, 1.0),))
    for example in drawn(coder, recipe):
        head = halves(coder, example)[0].partition("<|fim_prefix|>")[0]
        assert head.count(f"<|file_sep|>{example.path}\n") == 1


def test_prefix_first_has_the_cursor_at_the_end(coder: Coder) -> None:
    for example in drawn(coder, attrs.evolve(OWN_FILE, psm=1.0, mix=only("line"))):
        prompt, answer = halves(coder, example)
        order = [prompt.index(token) for token in ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")]
        assert order == sorted(order)
        typed = (prompt + answer).partition("<|fim_middle|>")[2].removesuffix("<|endoftext|>")
        assert typed.strip()
        assert typed.strip() in {file.path: file.text for file in FILES}[example.path]


def test_plain_text_ends_only_where_its_file_ends(coder: Coder) -> None:
    long = File("shop/long.py", "\n".join(f"value_{number} = {number}" for number in range(3000)) + "\n")
    recipe = attrs.evolve(OWN_FILE, mix=only("plain"), contexts=((2048, 1.0),), characters_per_token=2.0)
    for example in drawn(coder, recipe, (long, *FILES)):
        text = coder.text(example.tokens)
        if example.path == "shop/long.py":
            assert text.endswith("<|endoftext|>") == text.endswith("value_2999 = 2999\n<|endoftext|>")
        else:
            assert text.endswith("\n<|endoftext|>")


def test_kinds_have_their_shares_although_few_files_have_them(coder: Coder) -> None:
    bare = tuple(File(f"shop/bare_{place}.py", "value = other + more\n" * 30) for place in range(6))
    mix = Mix(**{kind: {"line": 0.7, "docstring": 0.3}.get(kind, 0.0) for kind in KINDS})
    found = drawn(coder, attrs.evolve(OWN_FILE, mix=mix), (*bare, *FILES))
    assert len({halves(coder, example)[1] for example in found if example.kind == "docstring"}) >= 3


def test_equal_seeds_draw_equal_examples(coder: Coder) -> None:
    one, two, three = (drawn(coder, Recipe(characters_per_hole=200), seed=seed) for seed in (1, 1, 2))
    assert [list(example.tokens) for example in one] == [list(example.tokens) for example in two]
    assert [list(example.tokens) for example in one] != [list(example.tokens) for example in three]


def test_a_path_that_leads_outside_is_not_written(coder: Coder, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    drawn(coder, OWN_FILE, (File(str(outside), small_corpus.STORE), File("../up.py", small_corpus.STORE), *FILES))
    assert not outside.exists()


def test_a_word_cut_by_the_cursor_is_one_token_with_its_rest(coder: Coder) -> None:
    """The product heals the token at the cursor, so the answer begins with the token over it."""
    tokens, middle = answered(coder, [Segment("<|fim_middle|>", special=True), Segment("        sel")], "f.orders")
    assert coder.text(tokens[middle:]).endswith("self.orders<|endoftext|>")
    assert [*tokens] == [coder.special("<|fim_middle|>"), *coder.tokens("        self.orders"), END]
