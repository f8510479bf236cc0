"""What holds for a plugin of any role: found, imported, registered, its settings, its secrets."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from operator_tool.api import ConfigError, OperatorToolError, PluginError, PluginSettings, RunContext
from operator_tool.plugin_host.discovery import Discovery, load
from operator_tool.plugin_host.entry import PluginEntry, Role
from operator_tool.plugin_host.factories import FACTORIES
from operator_tool.plugin_host.hooks import Hooks
from operator_tool.redaction import Redactor

from .fresh_import import FreshImport, import_afresh
from .in_time import one_answer, told_in_words, whole_check
from .making import Make, MakeHost, Options, make_object, new_host, sources_of
from .said import Said, listening
from .settings_schema import (
    out_of_range,
    secret_fields,
    take_anything,
    unbounded,
    undescribed,
    wrong_defaults,
)
from .signatures import signature_problems

CANARY = "kit-canary-Zq7wXv3Ld9TbN5eR"
"""What stands for every secret while the kit looks for secrets in what a plugin says."""

_imports: dict[str, FreshImport] = {}


class PluginContract:
    """Checks of every role; inherit the contract of a role instead, and say ``plugin = "NAME"`` in it.

    Override ``plugin_options`` where the plugin needs settings, and ``secret_options`` where not all of its secrets
    go together.
    """

    plugin: ClassVar[str]
    """The name of the entry point, which an operator selects the plugin by."""
    role: ClassVar[str]
    """The role; the contract of each role says it."""
    import_budget_s: ClassVar[float] = 1.0
    """How long the plugin's import may take beyond that of ``operator_tool.api``."""
    must_not_import: ClassVar[tuple[str, ...]] = ("operator_tool_plugins", "operator_tool.testing", "pytest")
    """Modules that may not come with the plugin's import, besides those of operator-tool's core and other plugins."""
    unbounded_settings: ClassVar[tuple[str, ...]] = ()
    """Settings that hold a number for which any value at all makes sense."""
    answers_within_s: ClassVar[float] = 30.0
    """How long one call of the plugin's may take that a check waits for, such as that of its factory or ``close``."""
    ends_within_s: ClassVar[float] = 150.0
    """How long one check may take altogether; once one was held up, the others of the class wait for seconds only."""

    @pytest.fixture(autouse=True)
    def _in_time(self) -> Iterator[None]:
        with whole_check(type(self), answers_s=self.answers_within_s, ends_s=self.ends_within_s):
            yield

    @pytest.fixture
    def plugin_options(self) -> Options:
        """The plugin's settings by key: text, as ``-o`` gives it, paths, or values as the configuration file has."""
        return {}

    @pytest.fixture
    def secret_options(self, settings_type: type[PluginSettings]) -> Options:
        """The settings that are secrets, each with a text that the plugin must never say; by default all of them."""
        return dict.fromkeys(secret_fields(settings_type), CANARY)

    @pytest.fixture
    def context(self, tmp_path: Path) -> RunContext:
        """The run that the plugin takes part in, with folders of its own."""
        return RunContext(run_id="conformance", state_dir=tmp_path / "state", trust_dir=tmp_path / "trust")

    @pytest.fixture
    def entry(self) -> PluginEntry:
        """The installed plugin, found as the command line finds it."""
        with told_in_words(_how_to_install(self.role, self.plugin)):
            return Discovery().find(Role(self.role), self.plugin)

    @pytest.fixture
    def hooks(self, entry: PluginEntry) -> Hooks:
        """The hooks with this plugin alone in them."""
        hooks = Hooks()
        with told_in_words(), one_answer():
            hooks.register(entry, load(entry))
        return hooks

    @pytest.fixture
    def settings_type(self, hooks: Hooks, entry: PluginEntry) -> type[PluginSettings]:
        """The class of the plugin's settings; ``PluginSettings`` itself where it has none."""
        with told_in_words(), one_answer():
            return hooks.settings_type(entry)

    @pytest.fixture
    def make_host(self, plugin_options: Options, context: RunContext) -> MakeHost:
        """Makes a plugin host, as a run has one, in which nothing is loaded yet."""
        return lambda options=None, other=None: new_host(
            self.plugin, plugin_options if options is None else options, other or context
        )

    @pytest.fixture
    def use(self, make_host: MakeHost) -> Callable[[Options, RunContext, Said], None]:
        """Use the plugin once in its ordinary way with these settings, and tell ``Said`` of what it returned."""
        raise NotImplementedError("the contract of each role says how its plugins are used")

    @pytest.fixture
    def give_settings(self, settings_type: type[PluginSettings], tmp_path: Path) -> Callable[[Options], PluginSettings]:
        """Gives settings to the plugin's class as a run does; raises ``ConfigError`` where they are refused."""
        return lambda options: sources_of(self.plugin, options, Redactor(), tmp_path).for_plugin(
            self.plugin, settings_type
        )

    @pytest.fixture
    def fresh_import(self, entry: PluginEntry) -> FreshImport:
        """What the import of the plugin's module did in an interpreter of its own."""
        module = entry.module
        found = _imports.get(module) or import_afresh(module)
        for _ in range(2):
            # A machine that is busy is no fault of the plugin's.
            if found.took_s > self.import_budget_s and not found.failure:
                found = min(found, import_afresh(module), key=lambda one: one.took_s)
        _imports[module] = found
        return found

    def test_is_found_by_its_name(self, entry: PluginEntry) -> None:
        """The installed metadata name the plugin, its distribution and its version; nothing else claims the name."""
        assert entry.distribution, f"{self.plugin} comes from a distribution without a name"
        assert entry.version not in ("", "0.0.0", "unknown"), (
            f"{entry.owner}: give the distribution a version; every message about the plugin and every report shows it"
        )

    def test_imports_within_its_budget(self, fresh_import: FreshImport) -> None:
        """The plugin's import ends well and soon: every command that selects it waits for that."""
        assert not fresh_import.failure, f"the import of {self.plugin} failed:\n{fresh_import.failure}"
        assert fresh_import.took_s <= self.import_budget_s, (
            f"the import of {self.plugin} took {fresh_import.took_s:.2f} s beyond that of operator_tool.api, and may "
            f"take {self.import_budget_s} s: import what is heavy in the function that needs it "
            "(python -X importtime shows it)"
        )

    def test_imports_the_api_alone(self, fresh_import: FreshImport, entry: PluginEntry) -> None:
        """Of operator-tool a plugin imports ``operator_tool.api``, and never another plugin."""
        foreign = self._foreign(entry)
        found = sorted(module for module in fresh_import.modules if foreign(module))
        assert not found, (
            f"{self.plugin} imports {', '.join(found[:5])}: only operator_tool.api keeps its promises from release "
            "to release; import from there, and copy what you need of another plugin"
        )

    def test_says_and_starts_nothing_at_import(self, fresh_import: FreshImport) -> None:
        """The import writes nothing, since standard output is the report's, and leaves no thread running."""
        assert not fresh_import.said.strip(), f"the import of {self.plugin} writes {fresh_import.said[:400]!r}"
        assert not fresh_import.threads, (
            f"the import of {self.plugin} leaves threads running: {', '.join(fresh_import.threads)}; start them when "
            "the plugin is used, and end them in close()"
        )

    def test_implements_the_hooks_of_its_role(self, entry: PluginEntry) -> None:
        """Each hook has a known name and known arguments, and the one that the role needs is there."""
        problem = ""
        try:
            with one_answer():
                Hooks().register(entry, load(entry))
        except PluginError as error:
            needs = FACTORIES.get(Role(self.role), "on_event")
            problem = (
                f"{error.message}. Mark the function with @hookimpl.{needs}; arguments that it doesn't need may be "
                "left out."
            )
        if problem:
            pytest.fail(problem, pytrace=False)

    def test_describes_each_setting(self, settings_type: type[PluginSettings]) -> None:
        """``plugins info`` has a sentence for each setting."""
        assert not (found := undescribed(settings_type)), (
            f'describe {", ".join(found)}: field: Annotated[TYPE, Meta(description="...")]'
        )

    def test_refuses_unknown_settings(
        self, settings_type: type[PluginSettings], plugin_options: Options, give_settings: Callable[[Options], Any]
    ) -> None:
        """A setting that the plugin doesn't have is refused by its name: it was meant to do something."""
        with _Refusal("kit_has_no_such_setting", f"the unknown setting of {self.plugin}"):
            give_settings({**plugin_options, "kit_has_no_such_setting": "1"})
        config = settings_type.__struct_config__
        assert config.forbid_unknown_fields, f"{settings_type.__name__}: leave out forbid_unknown_fields=False"
        assert config.frozen, f"{settings_type.__name__}: say frozen=True, as PluginSettings does"

    def test_bounds_its_numbers(
        self, settings_type: type[PluginSettings], plugin_options: Options, give_settings: Callable[[Options], Any]
    ) -> None:
        """A number says its least or its most, and beyond of it is refused by the setting's name."""
        found = [name for name in unbounded(settings_type) if name not in self.unbounded_settings]
        assert not found, (
            f"{', '.join(found)}: state the range, Meta(ge=0, le=60, ...), so that a slip of the finger is refused "
            "before the run; where any number makes sense, list the setting in unbounded_settings of this test class"
        )
        for name, text in out_of_range(settings_type):
            with _Refusal(name, f"{name}={text}, which is out of its range"):
                give_settings({**plugin_options, name: text})

    def test_refuses_settings_of_the_wrong_type(self, settings_type: type[PluginSettings]) -> None:
        """No setting takes any value at all."""
        assert not (found := take_anything(settings_type)), (
            f"{', '.join(found)}: say which type it has, such as str, int, float, bool, Path, an enum, a tuple or a "
            "table of those"
        )

    def test_its_defaults_are_valid(self, settings_type: type[PluginSettings]) -> None:
        """Each default is within the range that the setting itself states."""
        assert not (found := wrong_defaults(settings_type)), f"defaults that would be refused: {'; '.join(found)}"

    def test_takes_the_options_of_this_test(
        self, plugin_options: Options, give_settings: Callable[[Options], Any]
    ) -> None:
        """The settings that ``plugin_options`` gives are all that the plugin needs."""
        with told_in_words("Override the fixture plugin_options so that it gives what the plugin needs."):
            give_settings(plugin_options)

    def test_says_no_secret(
        self,
        plugin_options: Options,
        secret_options: Options,
        context: RunContext,
        use: Callable[[Options, RunContext, Said], None],
    ) -> None:
        """No secret stands in what the plugin says: its repr, records, output, warnings, events and errors."""
        with listening() as said:
            try:
                use({**plugin_options, **secret_options}, said.listening(context), said)
            except OperatorToolError as error:
                said.note_error("an error", error)
        for secret in {str(secret) for secret in secret_options.values()}:
            assert not (where := said.where(secret)), (
                f"{self.plugin} says a secret in {where} Keep it in a Secret, reveal() it where it is sent and nowhere "
                "else, and name what failed by its host alone."
            )

    def _foreign(self, entry: PluginEntry) -> Callable[[str], bool]:
        own = entry.module.partition(".")[0]
        forbidden = {name for name in self.must_not_import if name != own} | _modules_of_others(entry)

        def is_foreign(module: str) -> bool:
            core = _within(module, "operator_tool") and not _within(module, "operator_tool.api")
            return core or any(_within(module, name) for name in forbidden)

        return is_foreign


class FactoryContract(PluginContract):
    """Checks of the roles whose plugins make an object: all but listeners."""

    protocol: ClassVar[type]
    """The Protocol of the role."""
    further_protocols: ClassVar[tuple[type, ...]] = ()
    """Protocols of the role that an object may meet besides; where it does, its methods are looked at too."""

    @pytest.fixture
    def make(self, make_host: MakeHost) -> Make:
        """Makes the plugin's object through the real host; each time anew."""

        def make(options: Options | None = None, context: RunContext | None = None) -> Any:
            with one_answer():
                return make_object(make_host(options, context), Role(self.role), self.plugin)

        return make

    @pytest.fixture
    def made(self, make: Make) -> Iterator[Any]:
        """The plugin's object, closed after the test where it can be."""
        with told_in_words():
            made = make()
        yield made
        close_object(made)

    @pytest.fixture
    def exercise(self) -> Callable[[Any], None]:
        """Asks an object for what its role is for, once; what it raises is looked at for secrets."""
        return lambda _made: None

    @pytest.fixture
    def use(self, make_host: MakeHost, exercise: Callable[[Any], None]) -> Callable[[Options, RunContext, Said], None]:
        """Make the object, exercise it, and close it."""

        def run(options: Options, context: RunContext, said: Said) -> None:
            with one_answer():
                made = make_object(make_host(options, context), Role(self.role), self.plugin)
                said.note("its repr", f"{made!r} {made}")
            try:
                with one_answer():
                    exercise(made)
            finally:
                with one_answer():
                    said.note("its repr", f"{made!r} {made}")
                close_object(made)

        return run

    def test_makes_an_object_of_its_role(self, make: Make) -> None:
        """The factory returns what the role's Protocol asks for, anew each time."""
        with told_in_words():
            one, other = make(), make()
        try:
            assert one is not other, f"make {self.plugin}'s object anew each time: two runs may have one each"
        finally:
            close_object(one)
            close_object(other)

    def test_its_methods_take_the_arguments_of_the_protocol(self, made: Any) -> None:
        """Each method has the Protocol's arguments by name and order, so that every call of the core fits."""
        protocols = [self.protocol, *(one for one in self.further_protocols if isinstance(made, one))]
        problems = [problem for protocol in protocols for problem in signature_problems(made, protocol)]
        assert not problems, "; ".join(dict.fromkeys(problems))

    def test_writes_nothing_to_standard_output(
        self, make: Make, exercise: Callable[[Any], None], capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Standard output is the report's, for whoever parses it."""
        capfd.readouterr()  # what came before is not the plugin's
        with told_in_words():
            made = make()
        with contextlib.suppress(OperatorToolError), one_answer():
            exercise(made)
        close_object(made)
        out = capfd.readouterr().out
        assert not out, f"{out[:200]!r} came on standard output, where --json puts the report: emit a Notice, or log it"


def close_object(made: Any) -> None:
    """Close what a plugin made, where it can be closed."""
    close = getattr(made, "close", None)
    if callable(close):
        with one_answer():
            close()


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _modules_of_others(entry: PluginEntry) -> set[str]:
    """Return the modules of the plugins that other distributions bring."""
    others = [other for other in Discovery().entries if other.distribution != entry.distribution]
    return {other.module for other in others} - {entry.module}


def _how_to_install(role: str, name: str) -> str:
    return (
        f'The plugin\'s pyproject.toml needs [project.entry-points."operator_tool.v1.{role}"] with {name} = "MODULE", '
        "and pip install -e . writes that into this environment."
    )


class _Refusal:
    """A context in which a ``ConfigError`` that names a setting must be raised."""

    def __init__(self, name: str, what: str) -> None:
        self._name, self._what = name, what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _traceback: object) -> bool:
        assert error is not None, f"{self._what}, was taken without a word"
        if not isinstance(error, ConfigError):
            return False
        assert self._name in error.message, f"{self._what}, was refused without its name: {error.message}"
        return True
