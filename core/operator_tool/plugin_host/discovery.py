"""What is installed, and the import of what was selected.

Names, distributions and versions are read from the metadata of the installed distributions; nothing is imported until
:func:`load` is called for one entry. This is the only module that knows stevedore.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .entry import CONTRACT_MAJOR, OWN_DISTRIBUTION, PluginEntry, Role
from .installed import Installed, installed_distributions

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from operator_tool.api.errors import PluginError

RESERVED = "its name is that of a built-in plugin, which is the one that is selected by it"
_PREFIXES = ("operator_tool.", "operator-tool.")
"""The second is a slip of the pen, and told."""
_ITS_GROUP = "its group "
_GROUP = re.compile(r"operator[_-]tool\.(?:v(\d+)\.)?([\w-]+)", re.ASCII)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_TARGET = re.compile(r"[\w.]+\s*(:\s*[\w.]+\s*)?(\[.*\]\s*)?")


@dataclass(frozen=True, kw_only=True)
class Blocking:
    """Which plugins the operator shut out, decided before anything is looked at."""

    third_party: bool = False
    names: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def parse(cls, *, no_plugins: bool, block: Iterable[str]) -> Blocking:
        """Return the blocking of ``--no-plugins`` and ``--block ROLE:NAME``. Raises ``PluginError``."""
        names = set()
        for text in block:
            role, colon, name = text.partition(":")
            if not colon or role not in set(Role):
                raise _plugin_error(f"--block {text!r}: expected ROLE:NAME", hint=f"The roles are {', '.join(Role)}.")
            names.add((role, name))
        return cls(third_party=no_plugins, names=frozenset(names))

    def reason(self, role: str, name: str, distribution: str) -> str:
        """Return why this plugin is blocked, or the empty text."""
        if (role, name) in self.names:
            return "blocked by --block"
        if self.third_party and distribution != OWN_DISTRIBUTION:
            return "blocked by --no-plugins"
        return ""


class Discovery:
    """The installed plugins, read once from the metadata of the distributions."""

    def __init__(self, blocking: Blocking | None = None) -> None:
        installed = tuple(installed_distributions(*_PREFIXES))
        self._entries = tuple(_marked(_read_entries(installed), blocking or Blocking()))
        self._broken = tuple(one for one in installed if one.broken)

    @property
    def entries(self) -> tuple[PluginEntry, ...]:
        """Every installed plugin, selectable or not, by role and name."""
        return self._entries

    @property
    def broken(self) -> tuple[Installed, ...]:
        """The distributions whose metadata can't be relied on: they may have plugins that are not among the entries."""
        return self._broken

    def names(self, role: Role) -> list[str]:
        """Return the names that can be selected in a role."""
        return sorted({e.name for e in self._entries if e.role == role and not e.problem})

    def passed_over(self, entry: PluginEntry) -> tuple[PluginEntry, ...]:
        """Return those of other distributions that have a built-in's name, which is reserved."""
        return tuple(e for e in self._entries if (e.role, e.name) == (entry.role, entry.name) and e.problem == RESERVED)

    def find(self, role: Role, name: str) -> PluginEntry:
        """Return the entry that ``name`` selects. Raises ``PluginError``, before anything is imported."""
        found = [e for e in self._entries if e.role == role and e.name == name]
        usable = [e for e in found if not e.problem]
        if len(usable) == 1:
            return usable[0]
        if found:
            reasons = "; ".join(f"{e.distribution} {e.version}: {e.problem}" for e in found)
            raise _plugin_error(f"{role} {name!r} can't be used: {reasons}", hint=_hint_for(found))
        if misplaced := [e for e in self._entries if e.name == name and e.problem.startswith(_ITS_GROUP)]:
            raise _plugin_error(
                f"no {role} named {name!r} can be used: "
                + "; ".join(f"{e.distribution} {e.version} has one, but {e.problem}" for e in misplaced),
                hint=f"Its entry point belongs into the group operator_tool.v{CONTRACT_MAJOR}.{role}: mend its "
                "pyproject.toml and install it again, or tell its author.",
            )
        unread = "; ".join(f"not counting {one.name} {one.version}: {one.broken[0]}" for one in self._broken)
        raise _plugin_error(
            f"no {role} named {name!r} is installed; installed are {', '.join(self.names(role)) or 'none'}"
            + (f" ({unread})" if unread else ""),
            hint=_did_you_mean(name, self.names(role)),
        )


def load(entry: PluginEntry) -> object:
    """Import one plugin, and no other.

    Raises ``PluginError`` naming its distribution for whatever its import does, and for a plugin of another contract:
    no hook of it has been called by then.
    """
    from importlib.metadata import EntryPoint

    from stevedore.extension import ExtensionManager

    from .blame import words_of
    from .contract import check_required_contract

    class OneExtension(ExtensionManager[object]):
        """Loads the entry point that was selected: stevedore's own listing drops the distribution, and is cached."""

        def list_entry_points(self) -> list[EntryPoint]:
            return [EntryPoint(entry.name, entry.target, f"operator_tool.v{CONTRACT_MAJOR}.{entry.role}")]

    def give_up(_manager: object, _entry_point: object, error: BaseException) -> None:
        raise error

    guard: Callable[..., object] = OneExtension
    try:
        manager = guard(f"operator_tool.v{CONTRACT_MAJOR}.{entry.role}", on_load_failure_callback=give_up)
    except (Exception, SystemExit) as error:  # whatever a stranger's module does at import is the plugin's failure
        raise _plugin_error(
            f"{entry.owner} failed at import: {words_of(error)}",
            hint=f"Update or remove {entry.distribution}, or select another {entry.role}.",
        ) from error
    assert isinstance(manager, ExtensionManager)
    plugin: object = manager[entry.name].plugin
    check_required_contract(entry, plugin)
    return plugin


def _read_entries(installed: Iterable[Installed]) -> Iterator[PluginEntry]:
    """Yield the plugins of each distribution."""
    groups: dict[str, re.Match[str] | None] = {}
    for distribution in installed:
        for group, name, target in distribution.entry_points:
            if group not in groups:
                groups[group] = _GROUP.fullmatch(group)
            if match := groups[group]:
                problems = list(distribution.broken)
                if not group.startswith(_PREFIXES[0]):
                    problems.append(_misspelt(group, match[2]))
                yield PluginEntry(
                    role=match[2],
                    name=name,
                    contract=int(match[1]) if match[1] else None,
                    distribution=distribution.name,
                    version=distribution.version,
                    target=target,
                    problem="; ".join(problems),
                )


def _marked(entries: Iterable[PluginEntry], blocking: Blocking) -> list[PluginEntry]:
    """Return the entries in order, each with the reason why it can't be selected, if there is one."""
    from collections import Counter

    entries = tuple(entries)
    marked, roles = [], frozenset(Role)
    reserved = {(e.role, e.name) for e in entries if e.builtin}
    for entry in entries:
        problem = blocking.reason(entry.role, entry.name, entry.distribution) or entry.problem
        if not problem and not _NAME.fullmatch(entry.name):
            problem = "its name is not lower-case letters, digits, - and _"
        if not problem and entry.contract is None:
            wanted = f"operator_tool.v{CONTRACT_MAJOR}.{entry.role}"
            problem = f"{_ITS_GROUP}operator_tool.{entry.role} says no contract; this operator-tool looks in {wanted}"
        if not problem and entry.contract != CONTRACT_MAJOR:
            problem = f"made for contract {entry.contract}; this operator-tool speaks contract {CONTRACT_MAJOR}"
        if not problem and entry.role not in roles:
            problem = _misspelt(f"operator_tool.v{CONTRACT_MAJOR}.{entry.role}", entry.role)
        if not problem and not _TARGET.fullmatch(entry.target):
            problem = f"its target {entry.target!r} is not MODULE or MODULE:NAME"
        if not problem and not entry.builtin and (entry.role, entry.name) in reserved:
            problem = RESERVED
        marked.append(replace(entry, problem=problem) if problem else entry)
    usable = Counter((e.role, e.name) for e in marked if not e.problem)
    for place, entry in enumerate(marked):
        if not entry.problem and usable[entry.role, entry.name] > 1:
            others = [f"{e.distribution} {e.version}" for e in marked if e is not entry and _same(e, entry)]
            marked[place] = replace(entry, problem=f"the name is also claimed by {', '.join(others)}")
    return sorted(marked, key=lambda e: (e.role, e.name, e.distribution))


def _misspelt(group: str, role: str) -> str:
    """Return what is wrong with a group that nothing is looked for in."""
    import difflib

    close = difflib.get_close_matches(role, list(Role), n=1)
    if close:
        return f"{_ITS_GROUP}{group} is no role's: it belongs into operator_tool.v{CONTRACT_MAJOR}.{close[0]}"
    return f"{_ITS_GROUP}{group} is no role's: the roles are {', '.join(Role)}"


def _same(one: PluginEntry, other: PluginEntry) -> bool:
    claims = not one.problem or one.problem.startswith("the name is also claimed")
    return claims and (one.role, one.name, one.contract) == (other.role, other.name, other.contract)


def _hint_for(found: list[PluginEntry]) -> str:
    if any("also claimed" in e.problem for e in found):
        return "Uninstall one of them, or shut one out with --block or --no-plugins."
    if any(e.problem.startswith("blocked") for e in found):
        return "Leave out the --block or --no-plugins that shuts it out."
    owners = ", ".join(sorted({e.distribution for e in found}))
    return f"Install a release of {owners} that is made for this operator-tool, or tell its author of it."


def _did_you_mean(name: str, names: list[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {close[0]!r}?" if close else "operator-tool plugins list shows what is installed."


def _plugin_error(message: str, *, hint: str | None = None) -> PluginError:
    """Return the error; listing what is installed need not import the api for it."""
    from operator_tool.api.errors import PluginError

    return PluginError(message, hint=hint)
