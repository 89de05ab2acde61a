"""How signatures are shortened and the room of the outline is shared out."""

import pytest

from lsp_server.context.nearby import Nearby
from lsp_server.context.outline import compact, outline
from tests.unit.context.small_index import SmallIndex


@pytest.mark.parametrize(
    ("signature", "short"),
    [
        ("def add(self, item)", "def add(self, item)"),
        (
            "def grid(self, *headers: Union[Column, str], padding: Tuple[int, int] = (0, 1), expand: bool = False)",
            "def grid(self, *headers, padding, expand)",
        ),
        (
            "async load(path: string, options: { retry: number, wait: number } = {}): Promise<Map<string, Item>>",
            "async load(path, options)",
        ),
        (
            "func (service *Service) Load(context context.Context, path string, options ...Option) (*Item, error)",
            "func (service *Service) Load(context context.Context, path string, options ...Option)",
        ),
        ("def long_name(first: int, second: Dict[str, List[Tuple[int, st…", "def long_name(first, …)"),
        ("class Service(Base, metaclass=ABCMeta)", "class Service(Base, metaclass=ABCMeta)"),
    ],
)
def test_long_signatures_lose_types_and_defaults(signature: str, short: str) -> None:
    """Names stay, because they are what a call needs; short signatures stay whole."""
    assert compact(signature) == short


MODULES = {
    f"m{number}.py": f"class Class{number}:\n"
    + "".join(f"    def operation_{number}_{member}(self, argument):\n        pass\n" for member in range(20))
    for number in range(6)
}
IMPORTS = "".join(f"from m{number} import Class{number}\n" for number in range(6))


def test_the_nearest_import_gets_most_of_the_room() -> None:
    """What stands on the line above the cursor is shown in more detail than what is only imported."""
    reader = SmallIndex({**MODULES, "a.py": IMPORTS})
    text = IMPORTS + "x = Class4()\ny = "
    snippets = {snippet.path: snippet for snippet in outline("a.py", reader, Nearby.of(text, len(text)), 1500)}
    assert len(snippets["m4.py"].text) == max(len(snippet.text) for snippet in snippets.values())
    assert "def operation_4_0(self, argument)" in snippets["m4.py"].text


def test_members_named_close_by_keep_their_types() -> None:
    """The signature of a member that is being called is shown whole."""
    head = "def send(self, first: int, second: str, third: dict[str, int], fourth: bool = False) -> None:"
    source = f"class Api:\n    {head}\n        pass\n"
    reader = SmallIndex({"api.py": source, "a.py": "from api import Api\n"})
    text = "from api import Api\napi = Api()\napi.send("
    (snippet,) = outline("a.py", reader, Nearby.of(text, len(text)), 1000)
    assert "third: dict[str, int]" in snippet.text
