"""How a command ends that somebody else ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_ENDING: Final = ("SIGTERM", "SIGHUP")  # of a cancelled job, `timeout`, a closed terminal; Windows knows the first alone


class Ended(BaseException):
    """A signal asked the process to end; not an Exception, so that nothing takes it for an error and goes on."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def unwinding() -> Iterator[None]:
    """A signal that would end the process at once ends the block as an exception first: half-written files go, git is not left alone.

    Then the process dies of that signal, as whoever waits for it expects. Signals that somebody else handles or ignores (nohup) are
    left to them; a process forked inside the block dies at once, as before.
    """
    own = os.getpid()

    def end(number: int, _: FrameType | None) -> None:
        if os.getpid() != own:
            _die(number)
        raise Ended(number)

    numbers = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)] if threading.current_thread() is threading.main_thread() else []
    taken = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, end)
    try:
        yield
    except Ended as ended:
        _die(ended.number)
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _die(number: int) -> None:
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
