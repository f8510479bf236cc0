"""``companion install`` and ``companion status``: the agent put there, and what it says of its companion."""

from __future__ import annotations

import time

import msgspec

from operator_tool.api import CompanionError, CompanionSession, CompanionState, ConfigError, RunContext

from .aside import INSTALL, READ_FROM_MEMORY, Aside
from .bundle import agent_bundle
from .conversation import Conversation, NoAgentError
from .escaping import printable
from .holdings import StatusGreeting, holdings_of
from .install import install_agent
from .place import Place
from .prepare import (
    Greeting,
    agent_version,
    current_cache,
    greet_without_order,
    greeted,
    notes_of,
    reasons_of,
    space_reasons,
)
from .report import holder_text
from .settings import C10Settings
from .signing import signer_of, signing_reasons
from .wire import PROTOCOL


def install(
    session: CompanionSession, conversation: Conversation, place: Place, settings: C10Settings, context: RunContext
) -> CompanionState:
    """Put the agent there where it isn't, and return what it then answers: its own file's hash is ours."""
    install_agent(session, place, settings)
    try:
        greeting = greet_without_order(conversation, place, settings, context)
    except NoAgentError as error:
        raise CompanionError(f"the agent was put at {place.agent} and does not run: {printable(str(error))}") from None
    if greeting.agent_sha256 != agent_bundle().sha256:
        seen = printable(greeting.agent_sha256, at_most=64) or "none"
        raise CompanionError(
            f"the agent was put at {place.agent}, and the one that answers has the SHA-256 {seen} and not"
            f" {agent_bundle().sha256}",
            hint="Look for what changes files there, and install again.",
        )
    return _state(greeting, settings, *_signing(greeting, settings, context))


def status(conversation: Conversation, place: Place, settings: C10Settings, context: RunContext) -> CompanionState:
    """Return what the agent answers; one that isn't there, or is damaged, is a problem of the companion."""
    request: dict[str, object] = {"protocol": PROTOCOL, "run_id": context.run_id, "root": place.root}
    try:
        greeting = greeted(conversation, "status", StatusGreeting, request, settings, lambda _report: True)
    except NoAgentError:
        return _status_aside(conversation, place, settings, context)
    damaged = not greeting.gated and greeting.agent_sha256 != agent_bundle().sha256
    problem = f"the agent at {place.agent} is not the file that belongs to this program: {INSTALL}"
    return _held(greeting, settings, *([problem] if damaged else []), *_signing(greeting, settings, context))


def _status_aside(
    conversation: Conversation, place: Place, settings: C10Settings, context: RunContext
) -> CompanionState:
    """Return what our own agent reads from memory where it isn't installed: no agent there is not "no cache"."""
    request: dict[str, object] = {"protocol": PROTOCOL, "run_id": context.run_id, "root": place.root}
    aside = Aside(conversation.session, place, settings, context)
    try:
        installed = aside.installed()
        greeting = greeted(aside.conversation, "status", StatusGreeting, request, settings, lambda _report: True)
    except NoAgentError as error:
        why = printable(str(error), at_most=300).strip() or "its Python said nothing"
        problem = f"the agent at {place.agent} does not run, and can't be run from memory ({why}): {INSTALL}"
        return CompanionState(companion_id="", agent_version="", unknown=why, problems=(problem,))
    finally:
        aside.close()
    problem = f"{installed.words}: {INSTALL}"
    state = _held(greeting, settings, problem, *_signing(greeting, settings, context))
    notes = (READ_FROM_MEMORY, *state.notes)
    return msgspec.structs.replace(state, agent_version=installed.version, notes=notes)


def _held(greeting: StatusGreeting, settings: C10Settings, *problems: str) -> CompanionState:
    return msgspec.structs.replace(_state(greeting, settings, *problems), holdings=holdings_of(greeting))


def _state(greeting: Greeting, settings: C10Settings, *problems: str) -> CompanionState:
    missing = tuple(printable(seen, at_most=300) for seen in greeting.missing_files)
    return CompanionState(
        companion_id=printable(greeting.companion_id, at_most=64),
        agent_version=agent_version(greeting),
        generation=printable(greeting.current.name, at_most=64) if greeting.current else None,
        current=current_cache(greeting.current),
        free_bytes=greeting.free_bytes,
        missing_files=missing,
        notes=(*notes_of(greeting, settings), *(f"not ready to fly: the required file {seen}" for seen in missing)),
        problems=(*problems, *reasons_of(greeting, settings), *space_reasons(greeting, settings, None)),
        facts=_facts(greeting),
    )


def _signing(greeting: Greeting, settings: C10Settings, context: RunContext) -> list[str]:
    """Return why the companion would not take what we sign; a key that can't be used must not hide what it says."""
    try:
        signer = signer_of(settings, context)
    except ConfigError as error:
        return [printable(error.message)]
    return [printable(reason) for reason in signing_reasons(greeting.signers, signer)]


def _facts(greeting: Greeting) -> dict[str, str]:
    texts = {
        "python": greeting.python,
        "machine": greeting.machine,
        "protocol": str(greeting.protocol),
        "root": greeting.root,
        "volume": greeting.volume,
        "inodes": "no table of them" if greeting.free_inodes is None else f"{greeting.free_inodes:,} free",
        "clock": f"{greeting.clock - time.time():+,.0f} s against this one",
        "boot": greeting.boot_id,
        "armed": greeting.armed,
        "stages": ", ".join(stage.name for stage in greeting.stages),
        "login": "locked to the agent's gate" if greeting.gated else "",
        "busy": "" if greeting.busy is None else holder_text(greeting.busy) or "it does not say whose build",
    }
    return {name: printable(text, at_most=300) for name, text in texts.items() if text}
