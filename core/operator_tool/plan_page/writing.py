"""The files: whole or not at all, and nothing beside them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from operator_tool.api.errors import ConfigError, UsageError
from operator_tool.api.files import replaced_file
from operator_tool.build_cache.estimate import Estimate
from operator_tool.build_cache.foreseen import Foreseen
from operator_tool.build_cache.freshness import FreshnessGate
from operator_tool.build_cache.plan import CachePlan

from .facts import facts_of
from .scene import scene_of


def check_targets(page: Path | None, picture: Path | None) -> None:
    """Refuse, before anything is asked for, what can't be written.

    Raises ``UsageError`` for a folder, for a file whose folder isn't there, and for one file that is to be both.
    """
    for option, path in (("--page", page), ("--picture", picture)):
        if path is None:
            continue
        if path.exists() and not path.is_file():
            raise UsageError(
                f"{option} {path} is no file", hint=f"Name a file, such as {path / 'plan'}{_SUFFIX[option]}."
            )
        if not path.absolute().parent.is_dir():
            raise UsageError(f"{option}: there is no folder {path.parent}", hint="Make it, or name another file.")
    if page is not None and picture is not None and page.absolute() == picture.absolute():
        raise UsageError(f"--page and --picture are both {page}", hint="Name two files.")


def draw_plan(
    plan: CachePlan,
    estimate: Estimate,
    stores_dir: Path,
    *,
    page: Path | None,
    picture: Path | None,
    at: datetime,
    max_age_s: float | None = None,
) -> None:
    """Draw a plan into the files that are named; one that is there is replaced.

    Raises ``ConfigError`` when a file can't be written, and what opening a store raises.
    """
    with Foreseen(plan, stores_dir, FreshnessGate(max_age_s=max_age_s, sectors=plan.sectors)) as foreseen:
        scene = scene_of(plan, foreseen.known)
    facts = facts_of(plan, estimate, scene)
    if page is not None:
        from .page import page_of

        document = page_of(scene, facts, at).encode("utf-8", "backslashreplace")
        _write(page, lambda file: _ignored(file.write(document)))
    if picture is not None:
        from .picture import picture_of

        sheet = picture_of(scene, facts, at)
        _write(picture, lambda file: sheet.save(file, format="PNG", compress_level=6))


_SUFFIX = {"--page": ".html", "--picture": ".png"}


def _write(path: Path, write: Callable[[BinaryIO], None]) -> None:
    try:
        with replaced_file(path) as file:
            write(file)
    except OSError as error:
        raise ConfigError(
            f"{path} can't be written: {error.strerror or error}", hint="Name another file, or make room for this one."
        ) from error


def _ignored(_written: int) -> None:
    return None
