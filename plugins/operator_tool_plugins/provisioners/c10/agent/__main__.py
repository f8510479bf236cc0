"""The agent's way in: one verb, one request on standard input, and a report as the last line."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Dict, List

from . import PROTOCOL, VERSION
from .call import Call, Request
from .faults import AgentError, as_agent_error
from .guard import DeadMan
from .wire import MAX_REQUEST_BYTES, Inlet, Outlet

VERBS = {"hello": "hello", "receive": "receive", "build": "build", "status": "hello", "verify": "verify"}
"""Each verb's module, whose ``run(call)`` gives the report's fields; imported when it is asked for."""
EXIT_USAGE = 64
REQUEST_WAIT_S = 60.0


def main(argv: List[str]) -> int:
    """Do what ``argv[1]`` names and return the exit status: 0 only after a report that says ``ok``."""
    if len(argv) != 2 or argv[1] not in VERBS:
        sys.stderr.write("c10 agent %s, protocol %d: give one verb of %s\n" % (VERSION, PROTOCOL, ", ".join(VERBS)))
        return EXIT_USAGE
    verb = argv[1]
    # Whatever else may print goes to standard error, so that standard output is the protocol's alone.
    out_fd = os.dup(1)
    os.dup2(2, 1)
    call = Opening(out_fd)
    try:
        fields = call.answer(verb)
    except Exception as error:  # noqa: BLE001 - the last line must be a report, whatever went wrong
        fault = as_agent_error(error, call.place)
        call.outlet.report(verb, False, {"error": {**fault.details, "code": fault.code, "message": fault.message}})
        return 1
    call.outlet.report(verb, True, fields)
    return 0


class Opening:
    """A call from its first byte on; what is known by then is used to report a failure."""

    def __init__(self, out_fd: int) -> None:
        self._out_fd = out_fd
        self.outlet = Outlet(out_fd, "")
        self.place = "/"

    def answer(self, verb: str) -> Dict[str, object]:
        """Read the request, do it, and return the report's fields."""
        inlet = Inlet(0)
        line = inlet.line(MAX_REQUEST_BYTES, REQUEST_WAIT_S)
        if line is None:
            raise AgentError("eof", "standard input ended before a request")
        request = Request(line)
        run_id = request.text("run_id")
        self.outlet = Outlet(self._out_fd, run_id)
        self.place = os.path.expanduser(request.text("root"))
        self.outlet.event("begin", verb=verb, protocol=PROTOCOL, run_id=run_id)
        if request.number("protocol") != PROTOCOL:
            raise AgentError("protocol", "this agent speaks protocol %d" % PROTOCOL)
        self.outlet.start_heartbeat()
        dead_man = DeadMan(0)
        dead_man.arm()
        module = importlib.import_module("." + VERBS[verb], __package__)
        try:
            fields: Dict[str, object] = module.run(Call(request, inlet, self.outlet, dead_man))
        finally:
            # The workstation closes our input as soon as it has the report: that must not spoil the exit status.
            dead_man.disarm()
        return fields


if __name__ == "__main__":
    sys.exit(main(sys.argv))
