"""A companion without the agent that belongs to this program: what is there is named, and read by ours, from memory.

Nothing is written there for it: the agent's file goes over standard input into memory, and ends with its process.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from operator_tool.api import CompanionError, CompanionSession, Meta, RunContext

from .agent import VERSION
from .bundle import agent_bundle
from .conversation import Conversation, NoAgentError
from .escaping import printable
from .fields import MAX_ITEMS, Count, Key, Text, Word
from .gated import check_refused
from .place import Place
from .report import AgentFailureError
from .settings import C10Settings
from .wire import PROTOCOL

INSTALL = "operator-tool companion install puts it there"
READ_FROM_MEMORY = "what is told here was read by this program's own agent, from memory, and nothing was installed"
_SILENCE_S = 30.0
# One line without a "!": a csh takes it, too. The agent runs from the file descriptor that holds it.
_FROM_MEMORY = (
    "import os,sys;"
    "sys.version_info<(3,8)and sys.exit('the agent needs Python 3.8 or newer, this is %d.%d'%sys.version_info[:2]);"
    "import runpy;n=int(sys.argv[1]);fd=os.memfd_create('c10-agent');"
    "exec('while n:\\n d=os.read(0,min(n,65536))\\n d or sys.exit(75)\\n n-=os.write(fd,d)');"
    "p='/proc/self/fd/%d'%fd;sys.argv=[p]+sys.argv[2:];runpy.run_path(p,run_name='__main__')"
)


class InstalledAgent(msgspec.Struct, frozen=True):
    """One agent's file on the companion; nothing of it was run."""

    name: Word
    sha256: Key
    version: Word
    protocol: Count
    """0 where the file does not tell."""
    problem: Text
    linked: bool
    """The stable link leads to it: it was installed last, and is what forced commands start."""


class InstalledAgents(msgspec.Struct, frozen=True):
    """The report of ``agents``."""

    folder: Text
    agents: Annotated[list[InstalledAgent], Meta(max_length=MAX_ITEMS)]
    problem: Text

    @property
    def version(self) -> str:
        """What is there, as ``agent_version`` tells it; empty where none is, or none that says so."""
        known = [one for one in self.agents if one.version]
        return f"{printable(known[0].version, at_most=32)}+{known[0].sha256[:12]}" if known else ""

    @property
    def words(self) -> str:
        """What is there in place of this program's own agent, for people."""
        ours = agent_bundle()
        folder = printable(self.folder, at_most=300)
        if not self.agents:
            why = f" ({printable(self.problem, at_most=200)})" if self.problem else ""
            return f"no agent is installed in {folder}{why}"
        told = "; ".join(_told(one) for one in self.agents[:4])
        more = f"; and {len(self.agents) - 4} more" if len(self.agents) > 4 else ""
        return (
            f"the agent of this program, {VERSION}+{ours.sha256[:12]}, protocol {PROTOCOL}, is not installed in"
            f" {folder}; there is {told}{more}"
        )


class Aside:
    """Our own agent, run from memory on the companion; to be closed."""

    def __init__(self, session: CompanionSession, place: Place, settings: C10Settings, context: RunContext) -> None:
        bundle = agent_bundle()
        argv = (*place.argv[:-1], "-c", _FROM_MEMORY, str(len(bundle.data)))
        self.conversation = Conversation(session, argv, settings, context, bundle.data)
        self._place = place
        self._context = context

    def close(self) -> None:
        """End it."""
        self.conversation.close()

    def installed(self) -> InstalledAgents:
        """Return which agents lie there. Raises ``NoAgentError`` where ours can't be run."""
        request: dict[str, object] = {
            "protocol": PROTOCOL,
            "run_id": self._context.run_id,
            "root": self._place.root,
            "agent_dir": self._place.agent.rpartition("/")[0] or ".",
        }
        try:
            return self.conversation.call("agents", request, InstalledAgents, CompanionError, silence_s=_SILENCE_S)
        except AgentFailureError as error:
            raise CompanionError(f"the companion's agents can't be listed: {error}") from None
        except NoAgentError as error:
            check_refused(str(error), "the companion's agents can't be listed")
            raise


def what_is_there(session: CompanionSession, place: Place, settings: C10Settings, context: RunContext) -> str:
    """Return what agents are there, for people; empty where that can't be found out."""
    aside = Aside(session, place, settings, context)
    try:
        return aside.installed().words
    except (NoAgentError, CompanionError):
        return ""
    finally:
        aside.close()


def no_agent(
    session: CompanionSession, place: Place, settings: C10Settings, context: RunContext, error: NoAgentError
) -> CompanionError:
    """Return the error that nothing is done without our own agent, with what is there in its place."""
    seen = printable(str(error), at_most=300).strip() or "its program said nothing"
    there = what_is_there(session, place, settings, context)
    return CompanionError(there or f"the agent at {place.agent} does not run: {seen}", hint=f"{INSTALL}.")


def _told(one: InstalledAgent) -> str:
    name = printable(one.name, at_most=64)
    if one.problem:
        return f"{name}, of which {printable(one.problem, at_most=200)}"
    last = ", installed last" if one.linked else ""
    return f"{_age(one)} ({one.version}+{one.sha256[:12]}, protocol {one.protocol}, {name}{last})"


def _age(one: InstalledAgent) -> str:
    theirs, ours = (one.protocol, _numbers(one.version)), (PROTOCOL, _numbers(VERSION))
    if theirs == ours:
        return "another agent of the same version"
    return "an older agent" if theirs < ours else "a newer agent"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
