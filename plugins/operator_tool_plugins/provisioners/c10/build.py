"""``build``: the order goes over, the companion makes and verifies, its files are put into the final manifest, the
commit is given, the report judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from operator_tool.api import (
    BuildError,
    CacheGaps,
    CacheOrder,
    LinkError,
    Meta,
    Notice,
    NotReadyError,
    PlanError,
    RemoteBuildReport,
    RunContext,
    TileTable,
    TransferSummary,
    VerifyError,
)

from .conversation import Conversation, NoAgentError, Progress, request_line
from .escaping import printable
from .fields import MAX_ITEMS, Count, Hex64, Seq, Text, Word, as_fields
from .manifest import DATABASE, FileEntry, Manifest, manifest_of
from .place import Place
from .prepare import Greeting, replaced_error, writing_request
from .report import AgentFailureError
from .settings import C10Settings
from .signing import SIGN_NAMESPACE, Signer
from .stage_events import STAGE_HINT, STAGES_CHANGED_HINT, StageRates, last_lines, show_stage
from .transfer import KEPT_HINT, NOT_READY
from .wire import MAX_LINE_BYTES

_MAX_NOTES = 20
_LEGIBLE_BYTES = 1024 * 1024
_FILES_BYTES = 3 * 1024 * 1024
"""What 4,096 files of a companion's stages take in a manifest."""
_REST_BYTES = 256 * 1024
"""What else is in an order: names, attribution, artefacts, signature."""
_Made = Annotated[tuple[FileEntry, ...], Meta(max_length=MAX_ITEMS)]
_ORDERED_HINT = "The switch had been ordered, and may have been made. Run the same command again: it looks first."
_BEFORE_THE_SWITCH = ("armed", "not_committed")
"""The agent's codes for why it did not switch, though it was told to."""
_STAGE_HINTS = {"stage": STAGE_HINT, "stages": STAGES_CHANGED_HINT}
_RESTARTS_HINT = "The drone still has its old cache. Don't build again before it is known what restarts the companion."


class Built(msgspec.Struct, frozen=True):
    """The report of ``build``."""

    generation: Word
    previous_generation: Word | None
    seq: Seq
    tiles: Count
    bytes: Count
    tiles_digest: Hex64
    files: Count
    signer: Text
    tidied: dict[str, Any] = {}
    """What became of what nobody needs any more; told, and not judged: the switch is made."""


class PreparedBuild(msgspec.Struct, frozen=True):
    """A build as it is asked for: the manifest that will lie beside the database, and the request that holds it."""

    manifest: Manifest
    """The order: the manifest without the files that are still to be made."""
    request: dict[str, object]
    signer: Signer | None

    def final(self, files: tuple[FileEntry, ...]) -> Manifest:
        """Return the manifest that knows these files."""
        return msgspec.structs.replace(self.manifest, files=files)


def prepare_build(
    place: Place,
    settings: C10Settings,
    context: RunContext,
    order: CacheOrder,
    greeting: Greeting,
    table: TileTable,
    tiles_digest: str,
    signer: Signer | None,
    gaps: CacheGaps,
    artefacts: Sequence[FileEntry] = (),
) -> PreparedBuild:
    """Return the build of what was offered, as the generation after those that the greeting told of."""
    manifest = manifest_of(context, order, greeting, table, tiles_digest, artefacts, gaps)
    request: dict[str, object] = {
        **writing_request(place, settings, order),
        **_signed(manifest, signer),
        "last": True,
    }
    return PreparedBuild(manifest, request, signer)


def check_size(order: CacheOrder, greeting: Greeting) -> None:
    """Raise ``PlanError`` for an order that this companion's agent could not read, before anything is fetched."""
    size_bytes = len(msgspec.json.encode(msgspec.json.encode(order.inputs).decode()))
    room_bytes = MAX_LINE_BYTES - _REST_BYTES - (_FILES_BYTES if greeting.stages else 0)
    if size_bytes > room_bytes:
        raise PlanError(
            f"the order comes to {size_bytes / 1e6:,.1f} MB, and the companion takes {room_bytes / 1e6:,.1f} MB",
            hint="Simplify the areas to fewer corners, give fewer --area, or divide the flight.",
        )


def following_line(prepared: PreparedBuild) -> bytes:
    """Return the request as it is sent right behind the tiles; it means nothing where these were not received."""
    return request_line("build", {**prepared.request, "follows_receive": True})


def build(
    conversation: Conversation, settings: C10Settings, context: RunContext, prepared: PreparedBuild, *, said: bool
) -> RemoteBuildReport:
    """Have the cache built, and return the report that was judged against what this side sent.

    The switch is ordered together with the final manifest: the agent makes it only when all that it verified is what
    the manifest says.
    """
    progress = Progress(context, "build")
    steps = _Steps(conversation, prepared, progress, context)
    try:
        built = conversation.call(
            "build",
            prepared.request,
            Built,
            BuildError,
            silence_s=settings.silence_s,
            last=lambda _report: True,
            on_event=steps.on_event,
            said=said,
        )
    except AgentFailureError as error:
        if error.code == "replaced":
            raise replaced_error(error) from None
        if error.code in NOT_READY and not steps.ready:
            raise NotReadyError((error.message,), hint=KEPT_HINT) from None
        kind = VerifyError if error.code == "verify" else BuildError
        hint, retryable = (_RESTARTS_HINT, False) if error.code == "attempts" else (None, None)
        if steps.ready and kind is BuildError and error.code not in _BEFORE_THE_SWITCH:
            hint = _ORDERED_HINT
        if error.code in _STAGE_HINTS:
            hint, retryable = _STAGE_HINTS[error.code], error.code == "stages"
        text = f"the companion could not build the cache: {error}{last_lines(error)}"
        raise kind(text, hint=hint, retryable=retryable) from None
    except NoAgentError as error:
        raise BuildError(f"the companion's agent is gone: {error}") from None
    except LinkError as error:
        if steps.final is not None and error.hint == LinkError.default_hint:
            # Once the order is out nobody here knows whether the switch was made.
            error.hint = _ORDERED_HINT
        raise
    except BuildError as error:
        if steps.ready:
            raise BuildError(error.message, hint=_ORDERED_HINT, retryable=error.retryable) from None
        raise
    if steps.final is None:
        raise BuildError("the companion reports a cache, and never said which files it made")
    _compare(built, steps.final)
    progress.tell(built.tiles, built.tiles)
    _tell_of_tidying(built.tidied, context)
    return RemoteBuildReport(
        generation=built.generation,
        previous_generation=built.previous_generation,
        tiles=built.tiles,
        bytes=built.bytes,
        tiles_digest=built.tiles_digest,
    )


class _Steps:
    """What happens between the order and the report."""

    def __init__(
        self, conversation: Conversation, prepared: PreparedBuild, progress: Progress, context: RunContext
    ) -> None:
        self._conversation = conversation
        self._prepared = prepared
        self._progress = progress
        self._context = context
        self._stages = StageRates()
        self.final: Manifest | None = None
        self.ready = False
        """The generation is there: the switch may follow at any moment."""

    def on_event(self, event: dict[str, Any]) -> None:
        tiles = self._prepared.manifest.tiles
        if event["event"] == "progress" and isinstance(event.get("done"), int):
            self._progress.tell(min(max(event["done"], 0), tiles), tiles)
        elif event["event"] == "stage":
            show_stage(self._context, event, self._stages)
        elif event["event"] == "made":
            self._complete(event.get("files"))
        elif event["event"] == "ready":
            self.ready = True

    def _complete(self, said: object) -> None:
        """Answer what was made with the final manifest, and order the switch."""
        if self.final is not None:
            raise BuildError("the companion said twice which files it made")
        try:
            files = as_fields(said, _Made)
        except ValueError as error:
            seen = printable(str(error), at_most=500)
            raise BuildError(f"what the companion says that it made can't be relied on: {seen}") from None
        stages = tuple(f"stages/{stage.name}/" for stage in self._prepared.manifest.stages)
        strange = [file.path for file in files if file.path != DATABASE and not file.path.startswith(stages)]
        if strange or DATABASE not in {file.path for file in files}:
            names = ", ".join(printable(repr(path), at_most=100) for path in strange[:5]) or f"no {DATABASE}"
            raise BuildError(f"the companion says that it made what was not ordered: {names}")
        self.final = self._prepared.final(files)
        line = msgspec.json.encode(_signed(self.final, self._prepared.signer))
        if len(line) > MAX_LINE_BYTES:
            raise BuildError(
                f"the final manifest comes to {len(line) / 1e6:,.1f} MB with {len(files):,} files, and the companion"
                f" takes {MAX_LINE_BYTES / 1e6:,.1f} MB",
                hint="Have the companion's stages make fewer files, or simplify the areas.",
                retryable=False,
            )
        self._conversation.say(line + b"\ncommit\n")


def recovered(
    now: Greeting, order: CacheOrder, before: Greeting, transferred: TransferSummary, table: TileTable
) -> RemoteBuildReport | None:
    """Return the report of a build whose own report was lost, where the companion holds its cache, verified."""
    current, verified = now.current, now.verified
    if current is None or verified is None or not verified.ok:
        return None
    if (current.content_key, current.run_id) != (order.content_key, order.run_id):
        return None
    if not current.tiles_digest == verified.tiles_digest == transferred.tiles_digest:
        return None
    return RemoteBuildReport(
        generation=printable(current.name, at_most=64),
        previous_generation=printable(before.current.name, at_most=64) if before.current else None,
        tiles=verified.tiles,
        bytes=table.bytes,
        tiles_digest=verified.tiles_digest,
        recovered=True,
    )


def _tell_of_tidying(tidied: dict[str, Any], context: RunContext) -> None:
    notes = tidied.get("notes")
    for note in notes[:_MAX_NOTES] if isinstance(notes, list) else ():
        context.emit(Notice(text=f"on the companion: {printable(str(note))}"))


def _compare(built: Built, manifest: Manifest) -> None:
    for name in ("tiles_digest", "tiles", "bytes", "seq"):
        theirs, ours = getattr(built, name), getattr(manifest, name)
        if theirs != ours:
            raise VerifyError(f"the companion reports {name} {theirs!r}, this side sent {ours!r}")
    name = f"{manifest.seq:08d}-{manifest.content_key[:12]}"
    files = len(manifest.files) + len(manifest.artefacts)
    if built.files != files:
        raise VerifyError(f"the companion reports {built.files} files, this side signed for {files}")
    if built.generation != name:
        raise VerifyError(f"the companion reports generation {built.generation!r}, expected was {name!r}")


def _signed(manifest: Manifest, signer: Signer | None) -> dict[str, str | None]:
    """Return a manifest's exact text, and the signature over its bytes."""
    data = msgspec.json.encode(manifest)
    if len(data) <= _LEGIBLE_BYTES:
        # For whoever looks at it; a large one would be twice as large.
        data = msgspec.json.format(data, indent=1)
    return {
        "manifest": data.decode(),
        "signature": None if signer is None else signer.sign(data, SIGN_NAMESPACE),
    }
