"""A listener's wrapper around another plugin's factory, held to what a wrapper may do.

pluggy runs the wrappers inside one another and tells of their mistakes by a line of source. What goes wrong inside of
a wrapper is its own plugin's failure and not that of the plugin which it wraps, so each is watched by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import wraps
from typing import cast

import pluggy

from operator_tool.api.errors import OperatorToolError, PluginError
from operator_tool.api.roles import SimulatedTransport

from .blame import hint_for, is_the_operators, no_such, words_of
from .endings import ENDINGS
from .entry import PluginEntry
from .factories import MADE_BY
from .protocols import meets

_Wrapping = Generator[None, object, object]


def watch_wrapper(entry: PluginEntry, found: pluggy.HookImpl, hook: str) -> None:
    """Have a registered wrapper of a factory watched from now on: its mistakes are told as its own plugin's."""
    protocol = MADE_BY[hook]
    function = found.function

    @wraps(function)
    def watched(*arguments: object) -> _Wrapping:
        wrapping = _Watched(entry, hook, function, arguments)
        wrapping.begin()
        made: object = None
        try:
            made = yield
        except GeneratorExit:
            wrapping.close()
            raise
        except BaseException as error:  # noqa: BLE001 - the wrapper decides what becomes of it
            answer = wrapping.end_with(error)
        else:
            if not meets(made, protocol):  # whoever made this is to blame, and no wrapper is given it
                wrapping.close()
                return made
            answer = wrapping.end(made)
        if not meets(answer, protocol):
            raise wrapping.mistake(f"gave {no_such(answer, protocol)}")
        if meets(made, SimulatedTransport) and not meets(answer, SimulatedTransport):
            raise wrapping.mistake("hides that there is no drone behind the transport: it lost `simulation`")
        return answer

    found.function = watched  # type: ignore[misc] # final for pluggy's types alone, which offer no other place for it


class _Watched:
    """One call of one wrapper."""

    def __init__(
        self, entry: PluginEntry, hook: str, function: Callable[..., object], arguments: tuple[object, ...]
    ) -> None:
        self._entry = entry
        self._hook = hook
        self._function = function
        self._arguments = arguments
        self._generator: _Wrapping | None = None

    def mistake(self, what: str) -> PluginError:
        """Return the error that names the wrapper's plugin."""
        return PluginError(f"{self._entry.owner} wraps {self._hook} and {what}", hint=hint_for(self._entry))

    def begin(self) -> None:
        """Run the wrapper to its ``yield``."""
        # pluggy registers nothing but a generator's function as a wrapper.
        generator = self._generator = cast("_Wrapping", self._function(*self._arguments))
        ended, _answer = self._run(lambda: next(generator))
        if ended:
            raise self.mistake("returned before its yield: the plugin that it wraps was never asked")

    def end(self, made: object) -> object:
        """Give the wrapper what was made, and return what it makes of it."""
        generator = self._generator
        assert generator is not None
        return self._end(lambda: generator.send(made))

    def end_with(self, raised: BaseException) -> object:
        """Have the wrapper see what was raised further in, and return what it gives instead, or let it pass."""
        generator = self._generator
        assert generator is not None
        return self._end(lambda: generator.throw(raised), raised)

    def close(self) -> None:
        """End the wrapper without an answer."""
        assert self._generator is not None
        self._run(self._generator.close)

    def _end(self, resume: Callable[[], object], raised: BaseException | None = None) -> object:
        ended, answer = self._run(resume, raised)
        if not ended:
            self.close()
            raise self.mistake("yielded twice; a wrapper yields once")
        return answer

    def _run(self, step: Callable[[], object], raised: BaseException | None = None) -> tuple[bool, object]:
        """Return whether the wrapper returned, and what; its failures are its plugin's, what came to it passes."""
        try:
            step()
        except StopIteration as returned:
            return True, returned.value
        except OperatorToolError:
            raise
        except (Exception, *ENDINGS) as error:
            passes = error is raised or (isinstance(raised, StopIteration) and error.__cause__ is raised)
            if passes or is_the_operators(error):
                raise
            raise self.mistake(f"failed: {words_of(error)}") from error
        return False, None
