"""The guard of the contract guards: each kind of change shows in the text, and each rule is broken once here."""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from operator_tool import api
from operator_tool.api import contract, hookspecs, implementing
from operator_tool.cli import exits
from tests.support.changelog import contract_items
from tests.support.contract_changes import breaking_changes, contract_changes
from tests.support.contract_guard import contract_objections
from tests.support.contract_text import contract_text

HERE = Path(__file__).parent
TEXT = contract_text()
CHANGELOG = (HERE.parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")


def other_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    @hookspecs.hookspec(firstresult=True)
    def make_tile_provider(setings: api.PluginSettings, context: api.RunContext) -> api.TileProvider | None: ...

    monkeypatch.setattr(hookspecs, "make_tile_provider", make_tile_provider)


def every_result(monkeypatch: pytest.MonkeyPatch) -> None:
    options = hookspecs.make_provisioner.operator_tool_spec  # type: ignore[attr-defined]
    monkeypatch.setitem(options, "firstresult", False)


def deprecated_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    options = hookspecs.stop_listening.operator_tool_spec  # type: ignore[attr-defined]
    warning = api.ContractDeprecationWarning.of("hook stop_listening", since="1.1", use="close")
    monkeypatch.setitem(options, "warn_on_impl", warning)


def other_default_of_an_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.fetch_in_pool, "__kwdefaults__", {"connections": 9})


def other_annotation_of_a_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(api.check_argv.__annotations__, "argv", "list[str]")


def removed_method_of_a_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(api.TileProvider, "close")


def removed_property_of_a_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its only member: what is put back comes last, and the contract's text has the order.
    monkeypatch.delattr(api.SimulatedTransport, "simulation")


def no_longer_checked_at_run_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class FlightSource(Protocol):
        def resolve(self, reference: str) -> api.Flight: ...

    FlightSource.resolve.__annotations__.update(reference="str", **{"return": "Flight"})
    monkeypatch.setattr(api, "FlightSource", FlightSource)


def other_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.VerifyError, "exit_code", 24)


def other_exit_code_of_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(exits._SIGNAL_CODES, min(exits._SIGNAL_CODES), 129)


def other_phase_of_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.BuildError, "failure_phase", api.FailurePhase.VERIFY)


def other_alias(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "Place", tuple[float, float, float])


def other_union(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "TileResult", api.Tile | api.Absent)


def other_callable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "FetchOne", Callable[[api.TileId], api.TileResult])


def other_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MAX_ZOOM", 23)


def other_value_of_a_member(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.AreaKind.BOX, "_value_", "square")


def members_that_are_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "AreaKind", enum.IntEnum("AreaKind", {"CORRIDOR": 1, "BOX": 2}, module=api.__name__))


def other_default_of_a_struct(monkeypatch: pytest.MonkeyPatch) -> None:
    made = msgspec.defstruct("RallyPoint", [("lat_deg", float), ("lon_deg", float), ("alt_m", float, 0.0)])
    made.__module__ = api.__name__
    monkeypatch.setattr(api, "RallyPoint", made)


def other_default_of_a_dataclass(monkeypatch: pytest.MonkeyPatch) -> None:
    field = next(one for one in dataclasses.fields(api.RunContext) if one.name == "user_agent")
    monkeypatch.setattr(field, "default", "another")


def a_struct_that_takes_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    made = msgspec.defstruct("PluginSettings", [], module=api.__name__, frozen=True)
    monkeypatch.setattr(api, "PluginSettings", made)


def a_name_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "__all__", [name for name in api.__all__ if name != "TileTable"])


def a_name_that_is_deprecated(monkeypatch: pytest.MonkeyPatch) -> None:
    a_name_that_is_gone(monkeypatch)
    deprecated = contract.DeprecatedName(value=api.TileTable, since="1.1", use="tiles_digest")
    monkeypatch.setitem(contract.DEPRECATED_NAMES, "TileTable", deprecated)


def another_marker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(implementing._OfEvent.__call__.__annotations__, "event", "object")


SHOWN: dict[Callable[[pytest.MonkeyPatch], None], tuple[str, ...]] = {
    other_argument: ("hook make_tile_provider", "argument setings"),
    every_result: ("hook make_provisioner",),
    deprecated_hook: ("hook stop_listening", "deprecated"),
    other_default_of_an_argument: ("name fetch_in_pool", "function", "keyword connections"),
    other_annotation_of_a_function: ("name check_argv", "function", "argument argv"),
    removed_method_of_a_protocol: ("name TileProvider", "method close"),
    removed_property_of_a_protocol: ("name SimulatedTransport", "property simulation"),
    no_longer_checked_at_run_time: ("name FlightSource", "protocol"),
    other_exit_code: ("name VerifyError", "error"),
    other_exit_code_of_a_signal: ("exit SIGINT",),
    other_phase_of_an_error: ("name BuildError", "error"),
    other_alias: ("name Place", "is"),
    other_union: ("name TileResult", "or Refused"),
    other_callable: ("name FetchOne", "is"),
    other_constant: ("name MAX_ZOOM", "is"),
    other_value_of_a_member: ("name AreaKind", "member BOX"),
    members_that_are_numbers: ("name AreaKind", "member BOX"),
    other_default_of_a_struct: ("name RallyPoint", "field alt_m"),
    other_default_of_a_dataclass: ("name RunContext", "field user_agent"),
    a_struct_that_takes_anything: ("name PluginSettings", "struct"),
    a_name_that_is_gone: ("name TileTable",),
    a_name_that_is_deprecated: ("name TileTable", "deprecated"),
    another_marker: ("marker _OfEvent", "method __call__", "argument event"),
}


@pytest.mark.parametrize("change", SHOWN, ids=lambda change: change.__name__)
def test_each_kind_of_change_shows_in_the_text(
    change: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the place where an author would look for it."""
    change(monkeypatch)
    places = [change.place for change in contract_changes(TEXT, contract_text())]
    assert SHOWN[change] in places


def test_no_annotation_of_the_contract_hides_a_name_that_is_not_in_it() -> None:
    """A change of a private alias would change what an author may write, and no line of the text."""
    standard = {
        "Annotated",
        "Any",
        "BinaryIO",
        "Callable",
        "ClassVar",
        "Generator",
        "IO",
        "Iterable",
        "Iterator",
        "Mapping",
    }
    standard |= {"NoReturn", "None", "Path", "Self", "Sequence", "TracebackType", "BaseException", "HookimplMarker"}
    standard |= {
        "bool",
        "bytes",
        "dict",
        "float",
        "frozenset",
        "int",
        "list",
        "memoryview",
        "object",
        "str",
        "tuple",
        "type",
    }
    known = standard | set(api.__all__) | set(re.findall(r"^marker (\w+)", TEXT, re.MULTILINE))
    annotated = re.findall(r"^ .*?(?:: | -> )(.+?)(?: (?:keyword|positional)\b.*| = .*)?$", TEXT, re.MULTILINE)
    names = {name.rpartition(".")[2] for text in annotated for name in re.findall(r"[A-Za-z_][\w.]*", text)}
    assert names - known - {"FailurePhase"} == set()


def released(changelog: str, version: str = "0.1.0") -> str:
    """Return the changelog as it is after a release."""
    return changelog.replace(
        "## [Unreleased]", f"## [Unreleased]\n\n### Plugin contract\n\n## [{version}] - 2027-01-01"
    )


def says(changelog: str, line: str) -> str:
    """Return the changelog with one more line for authors."""
    return changelog.replace("### Plugin contract\n", f"### Plugin contract\n\n- {line}\n", 1)


NEW_NAME = TEXT.replace("name Absent\n", "name Aardvark\n  is 7\nname Absent\n")


def test_a_change_needs_a_line_that_names_it() -> None:
    """The heading alone is not enough, and neither is a line about something else."""
    minors = {"1.0": TEXT}
    assert contract_objections(TEXT, minors, CHANGELOG) == []
    assert "`Aardvark`" in contract_objections(NEW_NAME, minors, CHANGELOG)[0]
    assert contract_objections(NEW_NAME, minors, says(CHANGELOG, "An animal is new."))
    assert contract_objections(NEW_NAME, minors, says(CHANGELOG, "`Aardvarks` are new."))
    assert contract_objections(NEW_NAME, minors, says(CHANGELOG, "`Aardvark` is new.")) == []


def test_a_change_of_one_field_needs_its_class_and_its_own_name() -> None:
    """In one line; in backticks, together or apart."""
    changed = TEXT.replace("  field quiet: bool", "  field hushed: bool")
    lacking = contract_objections(changed, {"1.0": TEXT}, says(CHANGELOG, "`RunContext` is better."))
    named = "`RunContext.hushed` stands where `RunContext` had `quiet`."
    assert len(lacking) == 2
    assert contract_objections(changed, {"1.0": TEXT}, says(CHANGELOG, named)) == []


def test_before_its_release_a_minor_may_change_in_any_way_and_keeps_its_number() -> None:
    """Nobody builds on it yet; only the line is asked for."""
    gone = TEXT.replace("name PROGRAM_TICK_S\n  is 0.1\n", "")
    assert contract_objections(gone, {"1.0": TEXT}, says(CHANGELOG, "`PROGRAM_TICK_S` is gone.")) == []
    counted = TEXT.replace("contract 1.0", "contract 1.1")
    assert "CONTRACT stays 1.0" in contract_objections(counted, {"1.0": TEXT}, says(CHANGELOG, "Contract 1.1: x"))[0]


def test_after_a_release_a_change_needs_the_next_minor() -> None:
    """And its own line in the changelog."""
    minors, log = {"1.0": TEXT}, says(released(CHANGELOG), "`Aardvark` is new.")
    counted = NEW_NAME.replace("contract 1.0", "contract 1.1")
    assert contract_objections(TEXT, minors, log) == []
    assert "count CONTRACT in" in contract_objections(NEW_NAME, minors, log)[0]
    assert "begins with 'Contract 1.1'" in contract_objections(counted, minors, log)[0]
    assert contract_objections(counted, minors, says(log, "Contract 1.1: animals")) == []
    named_before = released(says(CHANGELOG, "`Aardvark` is new."))
    assert "[Unreleased]" in contract_objections(counted, minors, says(named_before, "Contract 1.1: animals"))[0]
    skipped = NEW_NAME.replace("contract 1.0", "contract 1.2")
    assert "after 1.0 comes 1.1" in contract_objections(skipped, minors, says(log, "Contract 1.2: animals"))[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("name PROGRAM_TICK_S\n  is 0.1\n", ""),
        ("name MAX_ZOOM\n  is 22", "name MAX_ZOOM\n  is 21"),
        ("  method describe -> ProviderInfo\n", "  method describe -> ProviderInfo\n  method warm_up -> None\n"),
        ("  argument reference: str", "  argument reference: str\n    argument context: RunContext = None"),
        ("exit code 23", "exit code 24"),
        ("hook stop_listening -> None", "hook stop_listening -> None, firstresult"),
        (
            "  field x: int positional\n  field y: int positional",
            "  field y: int positional\n  field x: int positional",
        ),
        (
            "  field etag: str | None positional = None",
            "  field new: str positional = ''\n  field etag: str | None positional = None",
        ),
        ("  field quiet: bool keyword = False", "  field quiet: bool keyword = False\n  field loud: bool keyword"),
        ("  member BOX = 'box'", "  member BOX = 'square'"),
        ("  or Refused\n", ""),
        ("group operator_tool.v1.listener\n", ""),
    ],
)
def test_what_a_plugin_could_trip_over_needs_another_major(before: str, after: str) -> None:
    """Whatever the changelog says of it."""
    assert before in TEXT
    assert breaking_changes(TEXT, TEXT.replace(before, after, 1))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("name Absent\n", "name Aardvark\n  is 7\nname Absent\n"),
        (
            "  field quiet: bool keyword = False",
            "  field quiet: bool keyword = False\n  field loud: bool keyword = False",
        ),
        ("hook stop_listening -> None\n", "hook stop_listening -> None\n  argument context: RunContext\n"),
        (
            "hook stop_listening -> None\n",
            "hook stop_listening -> None\n  deprecated: use something\nhook new -> None\n",
        ),
        ("  member BOX = 'box'\n", "  member BOX = 'box'\n  member DISC = 'disc'\n"),
        ("  or Refused\n", "  or Refused\n  or Delayed\n"),
        ("  method batches -> Iterator", "  method count -> int\n  method batches -> Iterator"),
        ("    keyword attempts: int = 4\n", "    keyword attempts: int = 4\n    keyword jitter: bool = True\n"),
        ("name TileTable\n", "name TileTable\n  deprecated: since 1.1, use tiles_digest\n"),
    ],
)
def test_what_only_adds_is_a_minor(before: str, after: str) -> None:
    """Plugins that were there before don't notice."""
    assert before in TEXT
    changed = TEXT.replace(before, after, 1)
    assert contract_changes(TEXT, changed)
    assert breaking_changes(TEXT, changed) == []


def test_a_released_minor_stays_what_it_was() -> None:
    """The texts of the minors are held against each other, too."""
    minors = {"1.0": TEXT, "1.1": TEXT.replace("name PROGRAM_TICK_S\n  is 0.1\n", "")}
    assert any("from 1.0 to 1.1: removed" in said for said in contract_objections(minors["1.1"], minors, CHANGELOG))


def test_the_changelogs_lines_are_read_with_their_release() -> None:
    """Lines that are folded are one, and other headings end the list."""
    text = (
        "## [Unreleased]\n### Added\n- a\n### Plugin contract\n\n- one\n  more\n- two\n### Fixed\n- b\n"
        "## [0.1.0] - 2027\n### Plugin contract\n- three\n"
    )
    assert [(item.release, item.text) for item in contract_items(text)] == [
        ("Unreleased", "one more"),
        ("Unreleased", "two"),
        ("0.1.0", "three"),
    ]
