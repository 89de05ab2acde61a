"""What can go wrong, sorted by who can do something about it.

    ServerError            the user can act: a sentence and a next step
    ├─ ModelUnavailable    the model is missing, damaged, too large or cannot fill in the middle
    ├─ EngineUnavailable   the engine process cannot be started or keeps crashing
    ├─ IndexUnavailable    the index cannot be kept in the cache folder (a private temporary one serves)
    └─ SettingsProblem     one setting has a bad value (its default is used)

Absence is not an error: it is `None` or an empty list. Anything that is not a `ServerError` is a bug; it is
reported once by the guard in `server/app.py` or by the command line, and never kills the server.
`asyncio.CancelledError` is neither, and is never swallowed.
"""


class ServerError(Exception):
    """A problem of the user's, told as one sentence and one next step.

    Neither text may contain the user's source code: both reach logs and notifications.
    """

    def __init__(self, sentence: str, next_step: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.sentence} {self.next_step}".strip()


class ModelUnavailable(ServerError):
    """The configured model cannot be used for completion."""


class EngineUnavailable(ServerError):
    """The engine process cannot be reached, started or kept alive."""


class IndexUnavailable(ServerError):
    """The index cannot be stored where it should be."""


class SettingsProblem(ServerError):
    """One setting was refused; `path` names it, e.g. `completion.debounceMs`."""

    def __init__(self, path: str, sentence: str, next_step: str = "") -> None:
        super().__init__(sentence, next_step)
        self.path = path
