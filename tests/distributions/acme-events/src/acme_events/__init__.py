"""ACME's operations room: each event of a run is posted to an address as JSON, and no run ever waits for that."""

import contextlib
import json
import logging
import queue
import threading
from typing import Annotated

import httpx
import msgspec
from operator_tool import api

_log = logging.getLogger(__name__)


class Settings(api.PluginSettings, frozen=True, kw_only=True):
    url: Annotated[str, api.Meta(min_length=1, description="The address that each event is posted to.")]
    token: Annotated[api.Secret | None, api.Meta(description="The bearer token.")] = None
    waiting: Annotated[int, api.Meta(ge=1, le=100_000, description="How many events may wait; more are lost.")] = 1000
    timeout_s: Annotated[float, api.Meta(gt=0, le=4, description="The longest silence of the address.")] = 2.0
    flush_s: Annotated[float, api.Meta(ge=0, le=5, description="How long the end of a run waits for the rest.")] = 2.0


class Outbox:
    def __init__(self, settings: Settings) -> None:
        self._settings, self._told, self._arrived = settings, 0, 0
        self._waiting: queue.Queue[api.Event | None] = queue.Queue(settings.waiting)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._post_all, name="acme-events", daemon=True)
        self._thread.start()

    def put(self, event: api.Event) -> None:
        self._told += 1
        with contextlib.suppress(queue.Full):  # lost, and counted
            self._waiting.put_nowait(event)

    def close(self) -> None:
        end = api.Deadline.after(self._settings.flush_s)
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=end.remaining_s())
        self._thread.join(end.remaining_s())
        self._closing.set()
        self._thread.join(self._settings.timeout_s)  # the one that is under way
        if lost := self._told - self._arrived:
            _log.warning("acme-events: %d of %d events did not arrive", lost, self._told)

    def _post_all(self) -> None:
        token = self._settings.token
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.reveal()}"
        with httpx.Client(headers=headers, timeout=self._settings.timeout_s) as client:
            while not self._closing.is_set() and (event := self._waiting.get()) is not None:
                with contextlib.suppress(httpx.HTTPError):  # lost, and counted
                    body = json.dumps(msgspec.to_builtins(event))  # it escapes what UTF-8 has no bytes for
                    client.post(self._settings.url, content=body).raise_for_status()
                    self._arrived += 1


_outbox: Outbox | None = None


@api.hookimpl.plugin_settings
def plugin_settings() -> type[Settings]:
    return Settings


@api.hookimpl.start_listening
def start_listening(settings: Settings) -> None:
    global _outbox
    try:
        address = httpx.URL(settings.url)
    except httpx.InvalidURL as error:
        raise api.ConfigError(f"acme-events.url is no address: {error}") from None
    if address.scheme != "https" and address.host not in ("localhost", "127.0.0.1", "::1"):
        raise api.ConfigError("acme-events.url must begin with https://: what a run tells is nobody else's")
    _outbox = Outbox(settings)


@api.hookimpl.on_event
def on_event(event: api.Event) -> None:
    if _outbox is not None:
        _outbox.put(event)


@api.hookimpl.stop_listening
def stop_listening() -> None:
    global _outbox
    outbox, _outbox = _outbox, None
    if outbox is not None:
        outbox.close()
