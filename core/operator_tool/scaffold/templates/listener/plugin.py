"""Listener {{name}}: posts each event of a run to an address, and never keeps the run waiting."""

import contextlib
import json
import logging
import queue
import threading
import urllib.request
from http.client import HTTPException, HTTPMessage
from typing import IO, Annotated

import msgspec
from operator_tool import api

requires_contract = ">={{contract}},<2"

NAME = "{{name}}"
"""What an operator selects it by, as in pyproject.toml."""

_log = logging.getLogger(__name__)


class Settings(api.PluginSettings, frozen=True, kw_only=True):
    """Where the events go."""

    url: Annotated[
        str,
        api.Meta(
            description="Each event is posted to this address as JSON; https, or http on this machine.",
            pattern=r"^(https://|http://(127\.0\.0\.1|localhost|\[::1\])(:|/|$))",
        ),
    ]
    token: Annotated[api.Secret | None, api.Meta(description="The bearer token, where the address wants one.")] = None
    waiting: Annotated[
        int,
        api.Meta(description="How many events may wait to be posted; what comes then is dropped.", ge=1, le=100_000),
    ] = 1000
    timeout_s: Annotated[float, api.Meta(description="How long the address may be silent.", gt=0, le=4)] = 2.0
    flush_s: Annotated[float, api.Meta(description="How long the end of a run waits for the rest.", ge=0, le=5)] = 2.0


class _Poster:
    """Posts events from a thread of its own."""

    def __init__(self, settings: Settings, context: api.RunContext) -> None:
        self._settings, self._context = settings, context
        self._waiting: queue.Queue[api.Event | None] = queue.Queue(settings.waiting)
        self._stopped = threading.Event()
        self._told = self._arrived = 0
        self._opener = urllib.request.build_opener(_StayHere)
        self._thread = threading.Thread(target=self._post_all, name=NAME, daemon=True)
        self._thread.start()

    def tell(self, event: api.Event) -> None:
        """Take an event in; it is posted later, or dropped where too many wait."""
        self._told += 1
        with contextlib.suppress(queue.Full):  # dropped, and counted
            self._waiting.put_nowait(event)

    def stop(self) -> None:
        """Post what still waits, for a moment, and end the thread; the run waits ten seconds at most."""
        end = api.Deadline.after(self._settings.flush_s)
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=end.remaining_s())
        self._thread.join(end.remaining_s())
        self._stopped.set()
        self._thread.join(self._settings.timeout_s)  # the one that is under way
        if lost := self._told - self._arrived:
            _log.warning("%s: %d of %d events did not arrive", NAME, lost, self._told)

    def _post_all(self) -> None:
        failed = False
        while not self._stopped.is_set() and (event := self._waiting.get()) is not None:
            try:
                self._post(event)
                self._arrived += 1
            except (OSError, HTTPException, ValueError) as error:
                if not failed:
                    _log.warning("%s: an event could not be posted: %s", NAME, self._context.redact(str(error)))
                failed = True

    def _post(self, event: api.Event) -> None:
        headers = {"Content-Type": "application/json", "User-Agent": self._context.user_agent}
        if self._settings.token is not None:
            headers["Authorization"] = f"Bearer {self._settings.token.reveal()}"
        body = self._context.redact(json.dumps(msgspec.to_builtins(event)))
        request = urllib.request.Request(self._settings.url, body.encode(), headers)
        with self._opener.open(request, timeout=self._settings.timeout_s):
            pass


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the token is for one host alone."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Say that there is nothing to follow; the answer is a failure then."""


_poster: _Poster | None = None


@api.hookimpl.plugin_settings
def plugin_settings() -> type[api.PluginSettings]:
    """Return the class of the settings."""
    return Settings


@api.hookimpl.start_listening
def start_listening(settings: Settings, context: api.RunContext) -> None:
    """Begin with a run."""
    global _poster
    _poster = _Poster(settings, context)


@api.hookimpl.on_event
def on_event(event: api.Event) -> None:
    """Take each event; one at a time, though not always from the same thread."""
    if _poster is not None:
        _poster.tell(event)


@api.hookimpl.stop_listening
def stop_listening() -> None:
    """End with the run, however it ended."""
    global _poster
    poster, _poster = _poster, None
    if poster is not None:
        poster.stop()
