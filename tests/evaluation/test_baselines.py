"""Baselines without a model are good, and honest."""

from pathlib import Path

import pytest

from models.evaluation import baselines
from models.evaluation.corpus_index import RepositoryTokens
from models.evaluation.holes import Hole, Kind, Opened

SERVER = """\
def connect(host, port):
    client = Client(host, port, timeout=DEFAULT)
    client.open()
    return client


def disconnect(client):
    client.close()
    log("closed", client)
"""

BLOCK = """\
class Store:
    def load(self, path):
        with open(path) as file:
            text = file.read()

            return parse(text)
"""


def opened(text: str, path: str = "here.py", kind: Kind = "line") -> Opened:
    """`├…┤` is the truth that stood in the hole."""
    before, _, rest = text.partition("├")
    truth, _, after = rest.partition("┤")
    return Opened(Hole("p", path, "", len(before), len(before + truth), kind, "other"), before, truth, after)


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryTokens:
    (tmp_path / "server.py").write_text(SERVER, encoding="utf-8")
    (tmp_path / "store.py").write_text(BLOCK, encoding="utf-8")
    (tmp_path / "here.py").write_text("def secret():\n    return only_on_disk(in_this, file)\n", encoding="utf-8")
    return RepositoryTokens(tmp_path)


ASKED = "def again(host):\n    client = Client(host, ├port, timeout=DEFAULT)┤\n    client.open()\n"


@pytest.mark.parametrize("name", ["similar line", "n-gram"])
def test_a_line_that_exists_elsewhere_is_continued(name: str, repository: RepositoryTokens) -> None:
    assert baselines.BASELINES[name](opened(ASKED), repository) == "port, timeout=DEFAULT)"


@pytest.mark.parametrize("name", ["similar line", "n-gram"])
def test_the_hole_s_own_file_on_disk_is_not_seen(name: str, repository: RepositoryTokens) -> None:
    """It holds the truth; the document without the hole is read instead."""
    found = baselines.BASELINES[name](opened("def secret():\n    return ├only_on_disk(in_this, file)┤\n"), repository)
    assert "only_on_disk" not in found


def test_of_equal_agreement_the_surroundings_decide(repository: RepositoryTokens) -> None:
    text = "def one(x):\n    warn(x)\n    use(alpha)\n\n\ndef two(y):\n    shout(y)\n    use(beta)\n\n\n"
    asked = opened(text + "def three(y):\n    shout(y)\n    use(├beta)┤\n")
    assert baselines.similar_line(asked, repository) == "beta)"


def test_the_most_frequent_continuation_wins(repository: RepositoryTokens) -> None:
    asked = opened("a = zap(one)\nb = zap(two)\nc = zap(two)\nd = zap(├two)┤\n")
    assert baselines.n_gram(asked, repository) == "two)"


def test_a_block_goes_on_below_and_takes_the_place_s_indentation(repository: RepositoryTokens) -> None:
    asked = opened("def read(path):\n    with open(path) as file:\n        ├text = file.read()┤\n", kind="block")
    assert baselines.similar_line(asked, repository) == "text = file.read()"


def test_a_comment_behind_a_similar_line_is_left_out(repository: RepositoryTokens) -> None:
    asked = opened("limit = most(3)  # three at most\nother = most(├3)┤\n")
    assert baselines.similar_line(asked, repository) == "3)"


def test_where_nothing_is_alike_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("", encoding="utf-8")
    assert baselines.n_gram(opened("├x = 1┤"), RepositoryTokens(tmp_path)) == ""
