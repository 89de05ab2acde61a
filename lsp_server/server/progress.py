"""Work-done progress: one bar per piece of long work, only where the editor shows them."""

import itertools
from collections.abc import Callable

from lsprotocol import types

from lsp_server.server.editor import Editor

_numbers = itertools.count(1)


class Progress:
    """One bar. The newest report wins while the editor has not yet agreed to show it; event loop only."""

    def __init__(self, editor: Editor, title: str, on_cancel: Callable[[], None] | None = None) -> None:
        """`on_cancel` makes the bar cancellable and is called when the person does so."""
        self.token = f"codehearth-{next(_numbers)}"
        self._editor = editor
        self._title = title
        self._on_cancel = on_cancel
        self._state: tuple[str, int | None] | None = None
        self._shown = False
        self._ended = False
        editor.run(self._begin(), "progress")

    def report(self, message: str, percentage: int | None = None) -> None:
        """`percentage` 0..100; None where nobody knows how much there is."""
        if self._ended or self._state == (message, percentage):
            return
        self._state = (message, percentage)
        if self._shown:
            self._send(types.WorkDoneProgressReport(message=message, percentage=percentage))

    def end(self, message: str) -> None:
        if self._ended:
            return
        self._ended = True
        if self._shown:
            self._send(types.WorkDoneProgressEnd(message=message))

    def cancel(self) -> None:
        """The person pressed the bar's button."""
        if self._on_cancel is not None and not self._ended:
            self._on_cancel()

    async def _begin(self) -> None:
        params = types.WorkDoneProgressCreateParams(token=self.token)
        await self._editor.request(types.WINDOW_WORK_DONE_PROGRESS_CREATE, params)
        if self._ended:  # Done before the editor had agreed: a bar would only flash.
            return
        message, percentage = self._state or (None, 0)
        self._shown = True
        self._send(
            types.WorkDoneProgressBegin(
                title=self._title,
                message=message,
                percentage=percentage,
                cancellable=self._on_cancel is not None,
            )
        )

    def _send(
        self, value: types.WorkDoneProgressBegin | types.WorkDoneProgressReport | types.WorkDoneProgressEnd
    ) -> None:
        self._editor.notify(types.PROGRESS, types.ProgressParams(token=self.token, value=value))


class Bars:
    """The bars that are shown, by name; does nothing where the editor shows none."""

    def __init__(self, editor: Editor) -> None:
        self._editor = editor
        self._bars: dict[str, Progress] = {}
        self.enabled = False

    def show(
        self,
        name: str,
        title: str,
        message: str,
        percentage: int | None = None,
        on_cancel: Callable[[], None] | None = None,
    ) -> None:
        """Begins the bar of this name, or moves it."""
        if not self.enabled:
            return
        if name not in self._bars:
            self._bars[name] = Progress(self._editor, title, on_cancel)
        self._bars[name].report(message, percentage)

    def end(self, name: str, message: str = "") -> None:
        if (bar := self._bars.pop(name, None)) is not None:
            bar.end(message)

    def cancel(self, token: str | int) -> None:
        for bar in list(self._bars.values()):
            if bar.token == token:
                bar.cancel()
