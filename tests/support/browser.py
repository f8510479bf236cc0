"""A real Chromium without a window, spoken to by its own protocol over a pipe: what it shows, asks for and says.

The protocol: https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from tests.support.real_parts import not_installed

_WAIT_S = 40.0
_BECOME = """
import fcntl, os, sys
read_fd, write_fd = (fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3])
os.dup2(read_fd, 3)
os.dup2(write_fd, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""The protocol's pipe is what the browser finds open as 3 (it reads) and 4 (it writes)."""
_NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Page:
    """One page that was opened, and all that it asked for and said."""

    _browser: _Pipe
    _session: str
    requests: list[str] = field(default_factory=list)
    """The addresses that it asked for, its own first."""
    said: list[str] = field(default_factory=list)
    """What it wrote to the console, and what the browser complained about."""

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol for this page, and return its result."""
        return self._browser.call(method, params, self._session, self)

    def resize(self, width: int, height: int) -> None:
        """Show it in a window of this size."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def media(self, *, kind: str = "screen", dark: bool = False) -> None:
        """Show it on a screen or on paper, light or dark."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=kind, features=[scheme])

    def open(self, path: Path, *, scripts: bool = True) -> None:
        """Open a file and wait until it is there."""
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self._browser.loaded = False
        self.call("Page.navigate", url=path.as_uri())
        self._browser.wait(lambda: self._browser.loaded, self)

    def screenshot(self) -> Image.Image:
        """Return the whole page, however long."""
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")

    def box(self, selector: str) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of the first element that a selector finds."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        assert node, f"the page has no {selector}"
        quad = self.call("DOM.getBoxModel", nodeId=node)["model"]["border"]
        return quad[0], quad[1], quad[4], quad[5]

    def click(self, selector: str) -> None:
        """Click into the middle of an element."""
        left, top, right, bottom = self.box(selector)
        for kind in ("mousePressed", "mouseReleased"):
            where = {"x": (left + right) / 2, "y": (top + bottom) / 2, "button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, **where)

    def words(self) -> list[str]:
        """Return what an assistive program is told: every name that the page's tree of accessibility has."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            str(node["name"]["value"]) for node in nodes if not node["ignored"] and node.get("name", {}).get("value")
        ]

    def pdf(self) -> bytes:
        """Return the page as it is printed."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])


@contextlib.contextmanager
def chromium_page(folder: Path) -> Iterator[Page]:
    """Give a blank page of a new Chromium with a profile of its own, which can reach nothing; skips where none is."""
    binary = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if binary is None:
        not_installed("chromium")
    folder.mkdir(parents=True, exist_ok=True)
    to_read, to_write = os.pipe(), os.pipe()
    argv = [
        binary,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--hide-scrollbars",
        "--force-color-profile=srgb",
        "--remote-debugging-pipe",
        f"--user-data-dir={folder / 'profile'}",
        "about:blank",
    ]
    becoming = [sys.executable, "-c", _BECOME, str(to_read[0]), str(to_write[1]), *argv]
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            becoming,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(to_read[0], to_write[1]),
            env={**os.environ, "HOME": str(folder)},
            start_new_session=True,
        )
    os.close(to_read[0])
    os.close(to_write[1])
    try:
        yield _first_page(_Pipe(to_write[0], to_read[1]))
    finally:
        os.close(to_read[1])  # the browser ends when nobody speaks to it any more
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        os.close(to_write[0])


def _first_page(browser: _Pipe) -> Page:
    targets = browser.call("Target.getTargets", {}, None, None)["targetInfos"]
    target = next(one["targetId"] for one in targets if one["type"] == "page")
    attached = browser.call("Target.attachToTarget", {"targetId": target, "flatten": True}, None, None)
    page = Page(browser, attached["sessionId"])
    for domain in ("Page", "Network", "Log", "Runtime", "DOM", "Accessibility"):
        page.call(f"{domain}.enable")
    return page


class _Pipe:
    """The two ends of the pipe; each message ends with a zero byte."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd, self._write_fd = read_fd, write_fd
        self._buffer = b""
        self._number = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self.loaded = False

    def call(self, method: str, params: dict[str, Any], session: str | None, page: Page | None) -> dict[str, Any]:
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write_fd, data) :]
        self.wait(lambda: number in self._answers, page)
        answer = self._answers.pop(number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    def wait(self, done: Any, page: Page | None) -> None:
        """Take messages until something is so; fails the test after a while."""
        deadline_s = time.monotonic() + _WAIT_S
        while not done():
            left_s = deadline_s - time.monotonic()
            assert left_s > 0, "the browser did not answer in time"
            if select.select([self._read_fd], [], [], left_s)[0]:
                data = os.read(self._read_fd, 1 << 20)
                assert data, "the browser ended"
                *whole, self._buffer = (self._buffer + data).split(b"\0")
                for message in whole:
                    self._take(json.loads(message), page)

    def _take(self, message: dict[str, Any], page: Page | None) -> None:
        if "id" in message:
            self._answers[message["id"]] = message
            return
        params = message.get("params", {})
        match message["method"]:
            case "Page.loadEventFired":
                self.loaded = True
            case "Network.requestWillBeSent" if page is not None:
                page.requests.append(params["request"]["url"])
            case "Log.entryAdded" if page is not None:
                page.said.append(params["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" if page is not None:
                page.said.append(json.dumps(params))
