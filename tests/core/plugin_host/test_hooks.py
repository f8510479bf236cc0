"""The façade over the hooks: who is asked, who wraps, and who is to blame."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import (
    Notice,
    PluginError,
    PluginSettings,
    ProviderInfo,
    RunContext,
    TileResult,
    WantedTile,
    hookimpl,
)
from operator_tool.plugin_host.entry import PluginEntry, Role
from operator_tool.plugin_host.hooks import Hooks


class Plugin:
    """An object that an entry point may name, with its hooks as attributes."""

    def __init__(self, **hooks: Any) -> None:
        vars(self).update(hooks)


class Provider:
    """A provider that can be told from another."""

    def __init__(self, label: str) -> None:
        self.label = label

    def describe(self) -> ProviderInfo:
        return ProviderInfo(dataset=self.label)

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        yield from ()

    def close(self) -> None: ...


def entry(role: Role, name: str) -> PluginEntry:
    """Return an entry as discovery would give it."""
    return PluginEntry(
        role=role,
        name=name,
        contract=1,
        distribution="acme-maps",
        version="2.3",
        target=name,
    )


def provider_plugin(label: str) -> Plugin:
    """Return a plugin that makes a provider of that label."""

    @hookimpl
    def make_tile_provider(settings: PluginSettings, context: RunContext) -> Provider:
        return Provider(label)

    return Plugin(make_tile_provider=make_tile_provider)


@pytest.fixture
def context(tmp_path: Path) -> RunContext:
    """A run's context."""
    return RunContext(run_id="r", state_dir=tmp_path)


def test_each_provider_of_a_chain_is_asked_by_itself(context: RunContext) -> None:
    """The first answer counts only among those who were asked."""
    hooks = Hooks()
    names = ["one", "two", "three"]
    entries = [entry(Role.TILE_PROVIDER, name) for name in names]
    for one in entries:
        hooks.register(one, provider_plugin(one.name))

    made = [hooks.make_tile_provider(one, PluginSettings(), context) for one in entries]

    assert [provider.describe().dataset for provider in made] == names


def test_a_listener_may_wrap_a_factory(context: RunContext) -> None:
    """A rig wraps whatever was selected, without forking it; the last registered is outermost."""

    def wrapping(letter: str) -> Plugin:
        @hookimpl(wrapper=True)
        def make_tile_provider(settings: PluginSettings, context: RunContext) -> Any:
            made = yield
            return Provider(f"{letter}({made.label})")

        return Plugin(make_tile_provider=make_tile_provider)

    hooks = Hooks()
    hooks.register(entry(Role.LISTENER, "rig-a"), wrapping("a"))
    hooks.register(entry(Role.LISTENER, "rig-b"), wrapping("b"))
    selected = entry(Role.TILE_PROVIDER, "sat")
    hooks.register(selected, provider_plugin("sat"))

    made = hooks.make_tile_provider(selected, PluginSettings(), context)

    assert made.describe().dataset == "b(a(sat))"


def test_a_listener_that_would_replace_a_factory_is_refused() -> None:
    """Only what was selected by its name answers."""
    with pytest.raises(PluginError, match="it may only wrap make_tile_provider"):
        Hooks().register(entry(Role.LISTENER, "thief"), provider_plugin("thief"))


def test_case_126_a_misspelt_hook_is_refused_at_registration() -> None:
    """``make_tile_provder`` would otherwise register silently."""

    @hookimpl
    def make_tile_provder(settings: PluginSettings, context: RunContext) -> None: ...

    wanted = r"acme-maps 2\.3.*unknown hook 'make_tile_provder'; did you mean 'make_tile_provider'\?$"
    with pytest.raises(PluginError, match=wanted):
        Hooks().register(entry(Role.TILE_PROVIDER, "typo"), Plugin(make_tile_provder=make_tile_provder))


def test_case_126_a_hook_that_is_like_none_is_refused_with_the_list() -> None:
    """Nothing is guessed."""

    @hookimpl
    def fly() -> None: ...

    with pytest.raises(
        PluginError, match=r"unknown hook 'fly'; there are make_companion_transport, .*on_event, plugin_settings"
    ):
        Hooks().register(entry(Role.TILE_PROVIDER, "typo"), Plugin(fly=fly))


def test_case_126_a_misspelt_marker_says_what_there_is() -> None:
    """At import, before anything is registered; what isn't a name of a hook is absent as everywhere."""
    markers: Any = hookimpl
    with pytest.raises(AttributeError, match=r"no hook 'make_tile_provder'; did you mean 'make_tile_provider'\?"):
        markers.make_tile_provder  # noqa: B018 - it is looked up
    with pytest.raises(AttributeError, match=r"no hook 'fly'; there are .*on_event, plugin_settings"):
        markers.fly  # noqa: B018 - it is looked up
    assert not hasattr(markers, "__wrapped__")


def test_case_126_an_unknown_argument_is_refused_at_registration() -> None:
    """An argument that the hook does not have is named."""

    @hookimpl
    def make_tile_provider(setings: PluginSettings) -> None: ...

    with pytest.raises(PluginError, match=r"takes setings; make_tile_provider may take: settings, context$"):
        Hooks().register(entry(Role.TILE_PROVIDER, "typo"), Plugin(make_tile_provider=make_tile_provider))


def test_a_plugin_without_the_hook_of_its_role_is_refused() -> None:
    """An entry point in the wrong group is found at once."""
    with pytest.raises(PluginError, match="implements no make_provisioner"):
        Hooks().register(entry(Role.PROVISIONER, "wrong"), provider_plugin("wrong"))


def test_case_128_a_factory_that_gives_something_else_is_refused(context: RunContext) -> None:
    """None and strangers are named, not met later."""

    @hookimpl
    def make_tile_provider(settings: PluginSettings, context: RunContext) -> Any:
        return "a map"

    hooks = Hooks()
    hooks.register(entry(Role.TILE_PROVIDER, "odd"), Plugin(make_tile_provider=make_tile_provider))

    with pytest.raises(PluginError, match=r"gave 'a map', not a TileProvider$") as caught:
        hooks.make_tile_provider(entry(Role.TILE_PROVIDER, "odd"), PluginSettings(), context)
    assert caught.value.hint == "Update or remove acme-maps, or select another tile_provider."


@pytest.mark.parametrize("raised", [RuntimeError("wing fell off"), SystemExit(0)])
def test_case_123_a_factory_that_fails_is_its_plugins_failure(context: RunContext, raised: BaseException) -> None:
    """SystemExit in a hook never becomes success."""

    @hookimpl
    def make_tile_provider(settings: PluginSettings, context: RunContext) -> Any:
        raise raised

    hooks = Hooks()
    hooks.register(entry(Role.TILE_PROVIDER, "odd"), Plugin(make_tile_provider=make_tile_provider))

    with pytest.raises(PluginError, match=r"acme-maps 2\.3.*make_tile_provider failed"):
        hooks.make_tile_provider(entry(Role.TILE_PROVIDER, "odd"), PluginSettings(), context)


def test_listeners_are_told_in_their_order_and_one_that_fails_disturbs_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A failing listener is logged, and after three failures told nothing more."""
    told: list[str] = []

    def listening(name: str, *, failing: bool = False) -> Plugin:
        @hookimpl
        def on_event(event: Any) -> None:
            told.append(name)
            if failing:
                raise SystemExit(3)

        return Plugin(on_event=on_event)

    hooks = Hooks()
    for name in ("first", "bad", "last"):
        hooks.register(entry(Role.LISTENER, name), listening(name, failing=name == "bad"))

    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            hooks.emit(Notice(text="x"))

    assert told[:3] == ["first", "bad", "last"]
    assert (told.count("first"), told.count("bad"), told.count("last")) == (5, 3, 5)
    assert "it is told nothing more" in caplog.text


def test_settings_of_another_kind_are_refused() -> None:
    """plugin_settings names a class of settings or nothing."""

    @hookimpl
    def plugin_settings() -> Any:
        return dict

    plugin = provider_plugin("x")
    vars(plugin)["plugin_settings"] = plugin_settings
    hooks = Hooks()
    hooks.register(entry(Role.TILE_PROVIDER, "x"), plugin)

    with pytest.raises(PluginError, match="not a subclass of PluginSettings"):
        hooks.settings_type(entry(Role.TILE_PROVIDER, "x"))


def test_a_plugin_that_has_no_hash_is_refused_at_registration() -> None:
    """pluggy keeps plugins in sets; the reason is said at once, and not at the first call."""
    with pytest.raises(PluginError, match="unhashable"):
        Hooks().register(entry(Role.TILE_PROVIDER, "x"), {"make_tile_provider": None})
