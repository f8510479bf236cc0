"""The downloads of one run: whoever needs the same tiles at the same time shares one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from operator_tool.api.build import BuildCacheRequest
from operator_tool.api.context import RunContext
from operator_tool.api.errors import DownloadError
from operator_tool.api.order import CacheGaps, TileRecord
from operator_tool.api.roles import TileProvider
from operator_tool.failpoints import failpoint
from operator_tool.pictures import Repeats

from .download import Download
from .freshness import FreshnessGate
from .plan import CachePlan

_TICK_S = 0.1


class Reading:
    """One reader's view of a download, which counts the pictures that it took."""

    def __init__(self, download: Download) -> None:
        self._download = download
        self.pictures = 0

    def batches(self) -> Iterator[Sequence[TileRecord]]:
        """As the download's."""
        return self._download.batches()

    def read(self, record: TileRecord) -> bytes:
        """As the download's."""
        self.pictures += 1
        picture = self._download.read(record)
        failpoint("transfer.after_read")
        return picture

    def gaps(self) -> CacheGaps:
        """As the download's."""
        return self._download.gaps()


class Supplies:
    """Starts a download when its tiles are first needed, and stops it when nobody needs them any more.

    ``stores_dir`` is an existing folder. Any number of threads may ask; all of them for one plan.
    """

    def __init__(self, providers: Sequence[tuple[str, TileProvider]], stores_dir: Path, context: RunContext) -> None:
        self._providers = providers
        self._stores_dir = stores_dir
        self._context = context
        self._repeats = {name: Repeats() for name, _ in providers}
        """What each provider repeats, for the whole run: what was found out once is known when it asks again."""
        self._began_at = datetime.now(UTC)
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._readers: dict[Download, int] = {}
        self._shared: Download | None = None
        self._last: Download | None = None

    @contextmanager
    def running(
        self, plan: CachePlan, request: BuildCacheRequest, *, anew: bool, note: Callable[[Download], None]
    ) -> Iterator[Download]:
        """Give a download that runs or has ended, the one that others read from if there is one.

        ``anew``: what is shared turned out to be no good, so look again, at a download of one's own. ``note`` is told,
        however it ends, once the download is left, which stops it where nobody else reads it.
        """
        download = self._taken(plan, request, anew=anew)
        try:
            yield download
        finally:
            self._left(download)
            note(download)

    def _taken(self, plan: CachePlan, request: BuildCacheRequest, *, anew: bool) -> Download:
        with self._starting:
            with self._lock:
                if self._shared is not None and not anew:
                    self._readers[self._shared] += 1
                    return self._shared
            # A provider is asked by one thread at a time, so one download waits for the one before.
            while self._last is not None and not self._last.ended_within(_TICK_S):
                if self._context.cancelled.is_set() or self._context.deadline.passed:
                    raise DownloadError("the run was given up while one download waited for another")
            freshness = FreshnessGate(max_age_s=request.max_age_s, sectors=plan.sectors, now=self._began_at)
            download = Download(plan, self._providers, self._stores_dir, self._context, freshness, self._repeats)
            with self._lock:
                self._readers[download] = 1
                self._last = download
                if not anew:
                    self._shared = download
            download.start()
            return download

    def _left(self, download: Download) -> None:
        with self._lock:
            self._readers[download] -= 1
            unused = self._readers[download] == 0
            if unused:
                del self._readers[download]
                if self._shared is download:
                    self._shared = None
        if unused:
            download.close()
