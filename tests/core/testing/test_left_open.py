"""What a plugin leaves open is found, and what it closes in time is not."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

from operator_tool.testing.left_open import LeftOpen


def test_a_thread_is_found_until_it_ends() -> None:
    """By its name."""
    ending = threading.Event()
    open_now = LeftOpen()
    thread = threading.Thread(target=ending.wait, name="acme")
    thread.start()
    assert open_now.since(0.05) == ["the thread acme"]
    ending.set()
    assert open_now.since() == []


def test_a_file_and_a_socket_are_found_until_they_are_closed(tmp_path: Path) -> None:
    """By their numbers and by what they lead to; one that takes the number of another is no less found."""
    with (tmp_path / "before").open("wb") as before:
        open_now = LeftOpen()
        before.close()
        with (tmp_path / "after").open("wb") as after, socket.socket() as way:
            found = open_now.since(0.05)
            assert len(found) == 2
            assert any(f"descriptor {after.fileno()}, {tmp_path / 'after'}" in one for one in found)
            assert any(f"descriptor {way.fileno()}, socket:" in one for one in found)
    assert open_now.since() == []


def test_the_kits_own_threads_are_no_plugins() -> None:
    """The services that the kit plays run in threads of this process."""
    open_now = LeftOpen()
    thread = threading.Thread(target=threading.Event().wait, name="operator-tool-kit", daemon=True)
    thread.start()
    assert open_now.since(0.05) == []
