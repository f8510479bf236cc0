"""Where requests are taken and reports given back: one call for a verb of its own, any number for ``serve``."""

from __future__ import annotations

import importlib
import os
import threading
from typing import Dict, NamedTuple, Optional

from . import PROTOCOL
from .call import Call, Request, follows_receive
from .faults import AgentError, as_agent_error
from .guard import DeadMan
from .vehicle import Vehicle
from .wire import FRAME_CANCEL, FRAME_SEAL, MAX_REQUEST_BYTES, Inlet, Outlet

VERBS = {
    "hello": "hello",
    "artefacts": "receiving.artefacts",
    "receive": "receiving.receive",
    "build": "building.build",
    "status": "status",
    "agents": "agents",
    "verify": "generations.verify",
    "rollback": "keeping.rollback",
    "gc": "keeping.tidy",
    "enrol_signer": "signing.enrol_signer",
}
"""Each verb's module, whose ``run(call)`` gives the report's fields; imported when it is asked for."""
CHANGING = ("build", "rollback", "gc", "enrol_signer")
"""The verbs that change what is current, what is kept or who is trusted: their failures are logged, too."""
READING = ("hello", "status", "verify")
"""The verbs that hold nothing which another call waits for: who pipes a request in may close standard input at once."""
READING_GRACE_S = 5.0
REQUEST_WAIT_S = 60.0
UNKNOWN = "unknown"
"""The verb of a report on a request that can't be read."""


class Answer(NamedTuple):
    """What a call came to: a report's fields, or a failure."""

    verb: str
    fields: Dict[str, object]
    fault: Optional[AgentError]


class Desk:
    """Answers calls one after the other; each ends in exactly one report, whatever went wrong."""

    def __init__(self, inlet: Inlet, outlet: Outlet, only_root: Optional[str] = None) -> None:
        self._inlet = inlet
        self._outlet = outlet
        self._only_root = only_root
        self._dead_man = DeadMan(inlet, outlet)
        self._nonce = os.urandom(16).hex()
        self._ahead: Optional[threading.Thread] = None

    def answer_one(self, verb: str) -> int:
        """Take one request for ``verb`` and return the exit status."""
        try:
            line = self._inlet.line(MAX_REQUEST_BYTES, REQUEST_WAIT_S)
        except AgentError as fault:
            status = self._report(Answer(verb, {}, fault))
            self._inlet.pass_over()
            return status
        return self._report(self._answer(line, verb))

    def serve(self) -> int:
        """Take requests, each with its verb, until the input ends; return 0 when all that counts went well.

        The workstation says something every few seconds, if only an empty line: an agent that hears nothing is
        talking to nobody, and ends.
        """
        status = 0
        received = False
        while True:
            self._dead_man.expect_to_hear()
            try:
                line = self._inlet.line(MAX_REQUEST_BYTES, None)
            except (AgentError, OSError) as error:
                # Whose request it was, and for what, can't be told.
                self._outlet.forget()
                status = self._report(Answer(UNKNOWN, {}, as_agent_error(error, "/")))
                break
            if line is None:
                break
            if not line or (not received and follows_receive(line)):
                continue
            answer = self._answer(line, None)
            received = answer.verb == "receive" and answer.fault is None
            failed = self._report(answer)
            if self._is_last(answer):
                status = failed
                break
        self._outlet.close()
        self._inlet.pass_over()
        return status

    def _answer(self, line: Optional[bytes], verb: Optional[str]) -> Answer:
        place = "/"
        self._outlet.forget()
        try:
            request = Request(line)
            verb = verb or request.verb(VERBS)
            self._outlet.begin(verb, PROTOCOL, request.text("run_id"))
            place = os.path.expanduser(request.text("root"))
            request.check_protocol(PROTOCOL)
            gated = self._only_root is not None
            if self._only_root is not None:
                from .gate import check_root

                # Where what the client wrote leads to can change; where the keeper's own path leads is the keeper's.
                request.pin_root(check_root(request.text("root"), self._only_root))
            self._dead_man.arm(READING_GRACE_S if verb in READING else 0.0)
            call = Call(request, self._inlet, self._outlet, self._dead_man, Vehicle(), self._nonce, gated, verb)
            return Answer(verb, self._done(verb, call), None)
        except Exception as error:  # noqa: BLE001 - the last line must be a report, whatever went wrong
            return Answer(verb or UNKNOWN, {}, as_agent_error(error, place))
        finally:
            # The workstation closes our input as soon as it has the report: that must not spoil the exit status.
            self._dead_man.disarm()

    def _done(self, verb: str, call: Call) -> Dict[str, object]:
        if self._ahead is not None:
            # Two threads that import the same modules: before Python 3.10 one may be given half of one.
            self._ahead.join()
        module = importlib.import_module("." + VERBS[verb], __package__)
        fields: Dict[str, object]
        try:
            fields = module.run(call)
        except Exception as error:
            if verb in CHANGING:
                from .keeping.refusals import note_failure

                note_failure(verb, call.request, as_agent_error(error, "/"))
            raise
        return fields

    def _report(self, answer: Answer) -> int:
        fault = answer.fault
        if fault is None:
            self._outlet.report(answer.verb, True, answer.fields)
            return 0
        error = {**fault.details, "code": fault.code, "message": fault.message}
        self._outlet.report(answer.verb, False, {"error": error})
        return 1

    def _is_last(self, answer: Answer) -> bool:
        """Tell whether nothing can follow this call; while the workstation thinks, get ready for what may."""
        if answer.verb == "receive" and answer.fault is not None:
            # What was on its way is not a request. Only after a picture that arrived damaged is it worth skipping.
            return answer.fault.code != "hash" or not self._skip_frames()
        if answer.fault is not None or answer.fields.get("last"):
            return True
        if answer.verb == "hello":
            # SQLite takes its time to import.
            self._ahead = threading.Thread(target=self._import_ahead, name="import-ahead", daemon=True)
            self._ahead.start()
        return False

    def _skip_frames(self) -> bool:
        """Skip what is still under way until the workstation, which has the report, says where it stopped."""
        while True:
            try:
                frame = self._inlet.frame()
            except AgentError:
                # The report was given; what follows is no frame.
                return False
            if frame is None or frame[0] in (FRAME_SEAL, FRAME_CANCEL):
                return frame is not None

    def _import_ahead(self) -> None:
        for verb in ("receive", "build"):
            importlib.import_module("." + VERBS[verb], __package__)
