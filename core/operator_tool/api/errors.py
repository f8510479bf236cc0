"""Every error that operator-tool recognises.

One tree; each class carries the exit code that a script sees and a hint for the operator::

    OperatorToolError                       1
    ├── UsageError                          2   the command line
    │   └── PlanError                       2   the area or the zooms asked for can't be planned
    ├── ConfigError                        11   configuration, permissions of the tool's own files
    ├── PluginError                        12   a selected plugin is missing, broken, ambiguous
    ├── DownloadError                      20   tiles could not be got
    │   ├── TilesRefusedError              20   the provider refused every tile that it was asked for
    │   └── GapsError                      20   more gaps than were allowed
    ├── BuildError                         21   the remote build failed, or its report can't be relied on
    ├── TransferError                      22   the link, or the companion's disk, failed while sending
    ├── VerifyError                        23   what lies on the companion is not what was built
    ├── CompanionError                     30   unreachable, unknown host key, authentication
    │   └── LinkError                      30   an open link broke, or said too much
    │       └── LinkStalledError           30   an open link went silent
    ├── NotReadyError                      31   reached, but not ready: each reason named
    ├── BuildLockHeldError                 50   another build for this companion is running
    └── FlightError                        90   the flights service can't be reached, or keeps failing
        ├── FlightRefusedError             91   it refused the credentials
        ├── FlightNotFoundError            92   it knows no such flight
        ├── FlightFormatError              93   what it sent, or the file, is not a flight
        │   └── ImplausibleFlightError     93   it can be read, but hardly be meant
        ├── FlightFileError                94   the file is not there or can't be read
        └── NoRouteError                   95   no waypoint at all

A message says what was tried and what was seen; the hint says what to do next. Nothing is matched by name or by text:
who needs to tell two failures apart, tells them by class.
"""

from __future__ import annotations

from typing import ClassVar

from .build import FailurePhase


class OperatorToolError(Exception):
    """A failure that the tool recognises: ``message`` and ``hint`` for a person, ``exit_code`` for a script."""

    exit_code: ClassVar[int] = 1
    default_hint: ClassVar[str] = ""
    default_retryable: ClassVar[bool] = False
    failure_phase: ClassVar[FailurePhase | None] = None
    """The phase that this kind of failure belongs to; None where only the moment tells."""

    def __init__(self, message: str, *, hint: str | None = None, retryable: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = self.default_hint if hint is None else hint
        self.retryable = self.default_retryable if retryable is None else retryable


class UsageError(OperatorToolError):
    """The command line asks for something that can't be."""

    exit_code = 2
    default_hint = "See operator-tool COMMAND --help."


class PlanError(UsageError):
    """The area or the zooms that were asked for can't be planned, or need more tiles than the limit."""

    failure_phase = FailurePhase.PLAN
    default_hint = "Ask for fewer zooms with --zoom, or a narrower --corridor."


class ConfigError(OperatorToolError):
    """The configuration is wrong, or the tool's own files can't be used safely."""

    exit_code = 11
    default_hint = "Mend the setting named above, and run the same command again."


class PluginError(OperatorToolError):
    """A selected plugin is missing, broken, ambiguous or made for another contract."""

    exit_code = 12
    default_hint = "operator-tool plugins check names every installed plugin and its state."


class DownloadError(OperatorToolError):
    """Tiles could not be got from the provider. What was got is kept."""

    failure_phase = FailurePhase.DOWNLOAD
    exit_code = 20
    default_hint = "Run the same command again: tiles that were stored are not fetched again."
    default_retryable = True


class TilesRefusedError(DownloadError):
    """The provider refused every tile that it was asked for, the last one included: a wrong key, as a rule.

    Where tiles of the same provider are held already, the refused ones are gaps, and the run goes on.
    """

    default_retryable = False


class GapsError(DownloadError):
    """More tiles are missing than ``--allow-gaps`` permits."""

    default_hint = "Add a second --provider, or accept the gaps with --allow-gaps."
    default_retryable = False


class BuildError(OperatorToolError):
    """The build on the companion failed, or its report can't be relied on. The old cache is unchanged."""

    failure_phase = FailurePhase.BUILD
    exit_code = 21
    default_hint = "The drone still has its old cache. Run the same command again; only what is missing is sent."
    default_retryable = True


class TransferError(OperatorToolError):
    """The link, or the companion's disk, failed while tiles were sent. What had arrived is kept."""

    failure_phase = FailurePhase.TRANSFER
    exit_code = 22
    default_hint = "Check the link and run the same command again: what had arrived is not sent again."
    default_retryable = True


class VerifyError(OperatorToolError):
    """What lies on the companion is not what was built."""

    failure_phase = FailurePhase.VERIFY
    exit_code = 23
    default_hint = "Don't fly with this cache. Run the build again."
    default_retryable = True


class CompanionError(OperatorToolError):
    """The companion can't be reached, or is not the one that is expected."""

    failure_phase = FailurePhase.COMPANION
    exit_code = 30
    default_hint = "Check that the companion is switched on, connected, and that host, port and user are right."


class LinkError(CompanionError):
    """An open link broke, stalled beyond its deadline, or said more than its cap.

    A provisioner lets it pass: where it is ``retryable`` the core connects again and calls the same method once more;
    in the end the core turns it into the error of the phase.
    """

    default_retryable = True


class LinkStalledError(LinkError):
    """Nothing came over an open link for longer than it may be silent."""


class NotReadyError(OperatorToolError):
    """The companion was reached but is not ready; ``reasons`` names each cause."""

    failure_phase = FailurePhase.COMPANION
    exit_code = 31
    default_hint = "Put right what is named above, and run the same command again."

    def __init__(self, reasons: tuple[str, ...], *, hint: str | None = None) -> None:
        super().__init__("the companion is not ready: " + "; ".join(reasons), hint=hint)
        self.reasons = reasons


class BuildLockHeldError(OperatorToolError):
    """Another build for this companion is running; ``holder`` says who, as far as is known."""

    exit_code = 50
    default_hint = "Wait for the other build, or give --lock-timeout SECONDS to wait here."
    default_retryable = True

    def __init__(self, message: str, *, holder: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.holder = holder


class FlightError(OperatorToolError):
    """The flight can't be resolved: the flights service can't be reached, or keeps failing."""

    failure_phase = FailurePhase.FLIGHT_RESOLVE
    exit_code = 90
    default_hint = "Check the connection to the flights service, or use --flight-file with a saved mission."
    default_retryable = True


class FlightRefusedError(FlightError):
    """The flights service refused the credentials."""

    exit_code = 91
    default_hint = "Check the api key of the flights service."
    default_retryable = False


class FlightNotFoundError(FlightError):
    """The flights service knows no such flight."""

    exit_code = 92
    default_hint = "Check the flight's id."
    default_retryable = False


class FlightFormatError(FlightError):
    """What the service sent, or the file, is not a flight; the message names the place in it."""

    exit_code = 93
    default_hint = "Save the mission again from the planner, or mend the place that is named."
    default_retryable = False


class ImplausibleFlightError(FlightFormatError):
    """The flight can be read but hardly be meant: swapped coordinates, a point at 0, 0, a jump of half the planet."""

    default_hint = "Mend the place that is named; if it is meant, pass --accept-implausible."


class FlightFileError(FlightError):
    """The flight's file is not there or can't be read."""

    exit_code = 94
    default_hint = "Check the path and its permissions."
    default_retryable = False


class NoRouteError(FlightError):
    """The mission has no waypoint at all, so no tile is needed."""

    exit_code = 95
    default_hint = "Add waypoints to the mission, or choose another file."
    default_retryable = False
