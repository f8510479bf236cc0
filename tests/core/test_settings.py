"""A plugin's settings from file, profile, environment and options, each stronger than the one before."""

from __future__ import annotations

import enum
import math
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from operator_tool.api import ConfigError, Meta, PluginError, PluginSettings, UsageError
from operator_tool.redaction import Redactor
from operator_tool.settings import CoreSettings, SettingsSources


class Mode(enum.Enum):
    """Two ways."""

    FAST = "fast"
    SLOW = "slow"


class Proxy(msgspec.Struct, frozen=True):
    """A nested table."""

    host: str
    port: int = 3128


class Settings(PluginSettings, frozen=True, kw_only=True):
    """One field of each kind."""

    url: Annotated[str, Meta(description="Where.", min_length=3)]
    workers: Annotated[int, Meta(description="How many.", ge=1, le=64)] = 8
    pause_s: Annotated[float, Meta(description="How long.", ge=0)] = 0.5
    retry: Annotated[bool, Meta(description="Whether.")] = True
    zooms: Annotated[tuple[int, ...], Meta(description="Which.")] = ()
    names: Annotated[list[str], Meta(description="Who.")] = []  # noqa: RUF012 - msgspec copies it
    mode: Annotated[Mode, Meta(description="How.")] = Mode.FAST
    form: Annotated[Literal["a", "b"], Meta(description="Form.")] = "a"
    limit: Annotated[int, Meta(description="Limit.", ge=0)] | None = 5
    headers: Annotated[dict[str, str], Meta(description="Headers.")] = {}  # noqa: RUF012 - msgspec copies it
    proxy: Annotated[Proxy | None, Meta(description="Proxy.")] = None
    folder: Annotated[Path | None, Meta(description="Folder.")] = None
    ratios: Annotated[tuple[float, ...], Meta(description="Ratios.")] = ()
    path_prefix: Annotated[str, Meta(description="Prefix.")] = ""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Where the configuration file lies; it isn't there yet."""
    return tmp_path / "config.toml"


def sources(
    config: Path,
    text: str | None = None,
    *,
    env: dict[str, str] | None = None,
    options: tuple[str, ...] = (),
    profiles: tuple[str, ...] = (),
) -> SettingsSources:
    """Read the sources, with that text in the file."""
    if text is not None:
        config.write_text(text)
        config.chmod(0o600)
    return SettingsSources.read(
        config_file=config, explicit=False, env=env or {}, options=options, profiles=profiles, redactor=Redactor()
    )


def refused(config: Path, text: str | None = None, **given: Any) -> ConfigError:
    """Return the error with which the settings of xyz are refused."""
    with pytest.raises(ConfigError) as caught:
        sources(config, text, **given).for_plugin("xyz", Settings)
    return caught.value


def test_each_source_is_stronger_than_the_one_before(config: Path) -> None:
    """Default, file, profile, a later profile, environment, option: the last that speaks of a key decides."""
    text = """
[xyz]
url = "file"
workers = 2
path_prefix = "file"
[profiles.field.xyz]
url = "profile"
workers = 3
[profiles.night.xyz]
workers = 4
"""
    env = {"OPERATOR_TOOL_XYZ_URL": "environment", "OPERATOR_TOOL_XYZ_PAUSE_S": "2"}
    read = sources(config, text).for_plugin("xyz", Settings)
    assert (read.url, read.workers, read.path_prefix, read.pause_s) == ("file", 2, "file", 0.5)
    read = sources(config, text, profiles=("field",)).for_plugin("xyz", Settings)
    assert (read.url, read.workers, read.path_prefix) == ("profile", 3, "file")
    assert sources(config, text, profiles=("field", "night")).for_plugin("xyz", Settings).workers == 4
    read = sources(config, text, profiles=("field",), env=env).for_plugin("xyz", Settings)
    assert (read.url, read.workers, read.pause_s) == ("environment", 3, 2.0)
    options = ("xyz.url=first", "xyz.url=option=1", "other.url=x")
    read = sources(config, text, profiles=("field",), env=env, options=options).for_plugin("xyz", Settings)
    assert (read.url, read.workers, read.pause_s) == ("option=1", 3, 2.0)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("workers", "12", 12),
        ("pause_s", "1", 1.0),
        ("pause_s", "inf", math.inf),
        ("retry", "false", False),
        ("retry", "1", True),
        ("zooms", "15,16, 17", (15, 16, 17)),
        ("zooms", "[15, 16]", (15, 16)),
        ("zooms", "15", (15,)),
        ("names", "a,b", ["a", "b"]),
        ("names", '["a,b"]', ["a,b"]),
        ("mode", "slow", Mode.SLOW),
        ("form", "b", "b"),
        ("limit", "null", None),
        ("limit", "0", 0),
        ("headers", '{"a": "b"}', {"a": "b"}),
        ("proxy", '{"host": "h", "port": 1}', Proxy("h", 1)),
        ("folder", "/data", Path("/data")),
        ("path_prefix", "[1, 2]", "[1, 2]"),
        ("path_prefix", "12", "12"),
    ],
)
def test_text_becomes_the_settings_type(config: Path, key: str, text: str, value: object) -> None:
    """Variables and options are text and are converted to what the field is; both in the same way."""
    by_option = sources(config, options=("xyz.url=url", f"xyz.{key}={text}"))
    by_variable = sources(config, env={"OPERATOR_TOOL_XYZ_URL": "url", f"OPERATOR_TOOL_XYZ_{key.upper()}": text})
    assert getattr(by_option.for_plugin("xyz", Settings), key) == value
    assert getattr(by_variable.for_plugin("xyz", Settings), key) == value


def test_toml_values_are_taken_as_they_are(config: Path) -> None:
    """Tables, lists and whole numbers for numbers are taken; text for a number is not."""
    text = '[xyz]\nurl = "url"\npause_s = 2\nzooms = [1, 2]\nproxy = {host = "h"}\nfolder = "/x"\nmode = "slow"'
    read = sources(config, text).for_plugin("xyz", Settings)
    assert (read.pause_s, read.zooms, read.proxy, read.folder) == (2.0, (1, 2), Proxy("h"), Path("/x"))
    assert "xyz.workers is '3', but wants a whole number" in refused(config, text + '\nworkers = "3"').message


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("workers=65", "-o xyz.workers: xyz.workers is '65', but wants a whole number, at least 1 and at most 64"),
        ("workers=many", "-o xyz.workers: xyz.workers is 'many', but wants a whole number, at least 1 and at most 64"),
        ("pause_s=-1", "wants a number, at least 0"),
        ("pause_s=nan", "xyz.pause_s is 'nan', but wants a number"),
        ("ratios=1,nan", "xyz.ratios is '1,nan', but wants a list, each a number"),
        ("retry=perhaps", "wants true or false"),
        ("zooms=15,x", "wants a list, each a whole number at [1]"),
        ("zooms=[15, 16", "wants a list, each a whole number"),
        ("mode=quick", "wants one of fast, slow"),
        ("form=c", "wants one of a, b"),
        ("limit=-1", "wants a whole number, at least 0 or nothing"),
        ('headers={"a": 1', "wants a table from text to text"),
        ('proxy={"host": "h", "port": "x"}', "wants a table of host, port or nothing at .port"),
        ("url=u", "wants text, at least 3 long"),
    ],
)
def test_an_error_names_source_key_value_and_what_is_wanted(config: Path, option: str, message: str) -> None:
    """Bounds come from the annotation, the place from where in the value it is wrong."""
    assert message in refused(config, options=("xyz.url=url", f"xyz.{option}")).message


def test_an_error_names_the_file_the_profile_or_the_variable(config: Path) -> None:
    """Whoever reads the error knows where to mend."""
    error = refused(config, "[xyz]\nurl = 5")
    assert error.message == f"{config} [xyz]: xyz.url is 5, but wants text, at least 3 long"
    error = refused(config, "[profiles.field.xyz]\nurl = 5", profiles=("field",))
    assert error.message.startswith(f"{config} [profiles.field.xyz]: xyz.url is 5")
    error = refused(config, "", env={"OPERATOR_TOOL_XYZ_URL": "url", "OPERATOR_TOOL_XYZ_WORKERS": "x"})
    assert error.message.startswith("OPERATOR_TOOL_XYZ_WORKERS: xyz.workers is 'x'")


def test_a_value_is_shown_short_and_safe(config: Path) -> None:
    """Controls are escaped, a URL's query is left out, and a long value is cut."""
    assert "is '\\\\x1b[2J'" in refused(config, options=("xyz.url=url", "xyz.retry=\x1b[2J")).message.replace(
        "\\x", "\\\\x"
    )
    shown = refused(config, options=("xyz.url=url", "xyz.retry=https://h/p?key=hidden#f")).message
    assert "hidden" not in shown
    assert len(refused(config, options=("xyz.url=url", "xyz.retry=" + "y" * 5000)).message) < 200


def test_case_133_an_unknown_key_names_the_nearest(config: Path) -> None:
    """A misspelt key is refused in the file, a profile and an option; its value is not repeated."""
    error = refused(config, '[xyz]\nulr = "secret-looking"')
    assert error.message == f"{config} [xyz]: xyz has no setting ulr; did you mean url?"
    error = refused(config, "[profiles.p.xyz]\nworker = 1", profiles=("p",))
    assert error.message.endswith("[profiles.p.xyz]: xyz has no setting worker; did you mean workers?")
    error = refused(config, "", options=("xyz.zebra=1",))
    assert error.message == "-o xyz.zebra: xyz has no setting zebra"


def test_case_133_an_unknown_plugin_names_the_nearest(config: Path) -> None:
    """A section or an option for a plugin that isn't installed is refused; the core's own section is known."""
    for text, options, message in (
        ("[xzy]\nurl = 1", (), f"{config} [xzy]: no plugin xzy is installed; did you mean xyz?"),
        ("", ("xzy.url=1",), "-o xzy.url: no plugin xzy is installed; did you mean xyz?"),
    ):
        with pytest.raises(ConfigError) as caught:
            sources(config, text, options=options).check_all_used({"xyz": None, "wmts": None})
        assert caught.value.message == message
    sources(config, "[operator-tool]\n[xyz]\n[profiles.p.gone]", options=("wmts.url=1",)).check_all_used(
        ["xyz", "wmts"]
    )


def test_case_133_an_unknown_variable_is_told_and_not_refused(config: Path) -> None:
    """A variable may be left over, so a misspelt one is a notice; another plugin's longer name is nobody's mistake."""
    env = {"OPERATOR_TOOL_XYZ_URL": "url", "OPERATOR_TOOL_XYZ_WORKER": "3", "OPERATOR_TOOL_XYZ_FAST_URL": "fast"}
    read = sources(config, env=env)
    read.check_all_used(["xyz", "xyz-fast"])
    assert read.for_plugin("xyz", Settings).workers == 8
    read.for_plugin("xyz", Settings)
    assert read.notices == [
        "OPERATOR_TOOL_XYZ_WORKER is set, but xyz has no such setting; did you mean OPERATOR_TOOL_XYZ_WORKERS?"
    ]
    assert read.for_plugin("xyz-fast", Settings).url == "fast"


def test_a_missing_setting_names_the_ways_to_give_it(config: Path) -> None:
    """The hint has the option, the variable and the file."""
    error = refused(config)
    assert error.message == "xyz needs the setting url"
    for way in ("-o xyz.url=VALUE", "OPERATOR_TOOL_XYZ_URL", f"url = ... under [xyz] in {config}"):
        assert way in error.hint


def test_an_empty_variable_is_not_set(config: Path) -> None:
    """A variable that is there but empty says nothing; an empty option is an empty text."""
    env = {"OPERATOR_TOOL_XYZ_URL": "", "OPERATOR_TOOL_XYZ_PATH_PREFIX": ""}
    read = sources(config, '[xyz]\nurl = "url"\npath_prefix = "p"', env=env).for_plugin("xyz", Settings)
    assert (read.url, read.path_prefix) == ("url", "p")
    assert refused(config, "", options=("xyz.url=",)).message.startswith("-o xyz.url: xyz.url is ''")


def test_a_plugins_name_with_a_hyphen_has_an_underscore_in_the_environment(config: Path) -> None:
    """``sat-view`` is ``SAT_VIEW`` there."""
    assert sources(config, env={"OPERATOR_TOOL_SAT_VIEW_URL": "url"}).for_plugin("sat-view", Settings).url == "url"


@pytest.mark.parametrize(
    "option", ["hunter2hunter2", "url=hunter2hunter2", ".url=hunter2hunter2", "xyz.=hunter2hunter2"]
)
def test_case_133_an_option_of_another_form_is_a_usage_error(config: Path, option: str) -> None:
    """What is not PLUGIN.KEY=VALUE is refused by its number, for it may be a secret that lost its name."""
    with pytest.raises(UsageError, match="-o number 2 is not of the form") as caught:
        sources(config, options=("xyz.url=u", option))
    assert "hunter2" not in caught.value.message


def test_an_unknown_profile_names_the_nearest(config: Path) -> None:
    """A profile that isn't in the file is refused with what is there."""
    with pytest.raises(ConfigError, match="no profile filed; did you mean field") as caught:
        sources(config, "[profiles.field.xyz]\n[profiles.night.xyz]", profiles=("filed",))
    assert caught.value.hint == "It has field, night."
    with pytest.raises(ConfigError, match="no profile field"):
        sources(config, "", profiles=("field",))


def test_the_cores_own_settings_come_by_the_same_ways(config: Path) -> None:
    """The table [operator-tool], a variable without a plugin's name, an option; a wrong key is refused."""
    assert sources(config).core() == CoreSettings(listeners=("progress",))
    text = '[operator-tool]\nlisteners = ["jsonlog"]'
    assert sources(config, text).core().listeners == ("jsonlog",)
    env = {"OPERATOR_TOOL_LISTENERS": "progress,jsonlog", "OPERATOR_TOOL_XYZ_URL": "u", "OPERATOR_TOOL_CONFIG": "c"}
    read = sources(config, text, env=env)
    assert read.core().listeners == ("progress", "jsonlog")
    assert read.notices == []
    assert sources(config, env=env, options=("operator-tool.listeners=",)).core().listeners == ()
    with pytest.raises(ConfigError, match="did you mean listeners"):
        sources(config, "[operator-tool]\nlistener = []").core()


def test_settings_that_do_not_fit_together_are_a_configuration_error(config: Path) -> None:
    """What a plugin's own check refuses is told as a configuration error."""

    class Pair(PluginSettings, frozen=True, kw_only=True):
        low: int = 1
        high: int = 2

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError("low is above high")

    with pytest.raises(ConfigError, match="settings of pair don't fit together: low is above high"):
        sources(config, options=("pair.low=3",)).for_plugin("pair", Pair)


def test_a_type_that_cannot_be_is_the_plugins_fault(config: Path) -> None:
    """A field that its author declared impossibly is a plugin error, not the operator's."""

    class Impossible(PluginSettings, frozen=True, kw_only=True):
        limit: Annotated[int | None, Meta(ge=1)] = None

    with pytest.raises(PluginError, match=r"bad\.limit is declared with a type that can't be"):
        sources(config, options=("bad.limit=3",)).for_plugin("bad", Impossible)


@pytest.mark.parametrize(
    "url",
    [
        "https://ada:hunter2hunter2@tiles.example.com/{z}/{x}/{y}",
        "HTTPS://hunter2hunter2@tiles.example.com",
        " https://ada:hunter2hunter2@[::1]/",
        "https:\\\\ada:hunter2hunter2@host",
        "ssh+git://ada:hunter2hunter2@host",
        "see http://a:hunter2hunter2@b",
    ],
)
def test_case_121_a_url_with_userinfo_is_refused_unseen(config: Path, url: str) -> None:
    """A URL that holds a user or a password is refused wherever it comes from, and never repeated."""
    toml_url = url.replace("\\", "\\\\")
    for text, given in (
        (f'[xyz]\nurl = "{toml_url}"', {}),
        ("", {"options": (f"xyz.url={url}",)}),
        ("", {"env": {"OPERATOR_TOOL_XYZ_URL": url}}),
        (f'[xyz]\nurl = "url"\nheaders = {{a = "{toml_url}"}}', {}),
        (f'[xyz]\nurl = "url"\nworkers = "{toml_url}"', {}),
        (f'[xyz]\nurl = "{toml_url}"', {"options": ("xyz.url=https://fine",)}),
    ):
        error = refused(config, text, **given)
        assert "holds a user name or a password" in error.message
        assert "hunter2" not in error.message + error.hint


@pytest.mark.parametrize(
    "url", ["https://tiles.example.com/@2x/{z}", "https://h/?mail=a@b", "https://h#a@b", "mail a@b", "C:\\a@b"]
)
def test_case_121_an_at_sign_elsewhere_is_fine(config: Path, url: str) -> None:
    """Only userinfo is refused, not every at sign."""
    assert sources(config, options=(f"xyz.url={url}",)).for_plugin("xyz", Settings).url == url
