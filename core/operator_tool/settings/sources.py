"""Everything that settings may come from, read once, and one plugin's settings out of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from operator_tool.api import Camera, ConfigError, PluginError, PluginSettings, UsageError
from operator_tool.api.escaping import escape_controls
from operator_tool.places import CONFIG_VARIABLE, DATA_DIR_VARIABLE
from operator_tool.redaction import REDACTOR, Redactor

from .config_file import Tables, read_config_file
from .conversion import is_secret
from .core_settings import CORE_SECTION, CoreSettings
from .given import Given, Layer, converted, did_you_mean, refuse_userinfo
from .inventory import SECTION, InventoryEntry, KnownCompanion, parse_inventory
from .own_cameras import SECTION as CAMERAS_SECTION
from .own_cameras import parse_cameras
from .secret_fields import SECRET_SUFFIXES, SecretFields

PREFIX = "OPERATOR_TOOL_"
_NOT_PLUGINS = frozenset({CONFIG_VARIABLE, DATA_DIR_VARIABLE})

SettingsT = TypeVar("SettingsT", bound=PluginSettings)


class SettingsSources:
    """The configuration file, the chosen profiles, the environment and the ``-o`` options; later ones are stronger."""

    notices: list[str]
    """What the operator should be told, once each; grows while settings are asked for."""
    secret_variables: set[str]
    """The environment variables that a secret was taken from; a child process needs none of them."""

    def __init__(
        self,
        config_file: Path,
        files: Sequence[tuple[str, Tables]],
        env: Mapping[str, str],
        options: Mapping[str, Mapping[str, str]],
        redactor: Redactor,
        inventory: Mapping[str, InventoryEntry],
        cameras: Mapping[str, Camera],
        companion: str = "",
    ) -> None:
        self._config_file = config_file
        self._files = files
        self._inventory = inventory
        self._cameras = cameras
        self._companion = companion
        self._env = env
        self._options = options
        self._redactor = redactor
        self._plugin_names: frozenset[str] = frozenset()
        self.notices = []
        self.secret_variables = set()

    @classmethod
    def read(
        cls,
        *,
        config_file: Path,
        explicit: bool,
        env: Mapping[str, str],
        options: Sequence[str],
        profiles: Sequence[str],
        redactor: Redactor = REDACTOR,
    ) -> SettingsSources:
        """Read the sources; ``explicit`` says that the operator named the file, so that it must be there.

        Raises :class:`ConfigError` for a file that can't be used or an unknown profile, :class:`UsageError` for an
        option that is not ``PLUGIN.KEY=VALUE``.
        """
        base, known_profiles = read_config_file(config_file, must_exist=explicit)
        inventory = parse_inventory(base.pop(SECTION, {}), config_file, redactor)
        cameras = parse_cameras(base.pop(CAMERAS_SECTION, {}), config_file, redactor)
        files = [(f"{config_file} [", base)]
        for profile in profiles:
            if profile not in known_profiles:
                raise ConfigError(
                    f"{config_file} has no profile {escape_controls(profile)}{did_you_mean(profile, known_profiles)}",
                    hint=f"It has {', '.join(sorted(known_profiles)) or 'none'}.",
                )
            files.append((f"{config_file} [profiles.{profile}.", known_profiles[profile]))
        return cls(config_file, files, env, _parsed_options(options), redactor, inventory, cameras)

    def companions(self) -> tuple[KnownCompanion, ...]:
        """Return the companions of the configuration file, in its order."""
        return tuple(entry.companion for entry in self._inventory.values())

    def companion(self, name: str) -> KnownCompanion:
        """Return one companion of the configuration file. Raises :class:`UsageError` for an unknown name."""
        return self._entry(name).companion

    def for_companion(self, name: str) -> SettingsSources:
        """Return sources in which one companion's tables stand above file and profiles, below environment and ``-o``.

        What is noticed on the way is told by these sources too. Raises :class:`UsageError` for an unknown name.
        """
        entry = self._entry(name)
        files = [*self._files, (entry.where, entry.tables)]
        return self._with(files, self._options, companion=name)

    def with_options(self, options: Sequence[str]) -> SettingsSources:
        """Return sources to which ``PLUGIN.KEY=VALUE`` are given besides; the operator's own ``-o`` are stronger.

        What is noticed on the way is told by these sources too.
        """
        more = _parsed_options(options)
        merged = {name: {**more.get(name, {}), **self._options.get(name, {})} for name in {**more, **self._options}}
        return self._with(self._files, merged, companion=self._companion)

    def cameras(self) -> Mapping[str, Camera]:
        """Return the cameras of the configuration file by name, in its order."""
        return self._cameras

    def core(self) -> CoreSettings:
        """Return the core's own settings."""
        return self.for_plugin(CORE_SECTION, CoreSettings)

    def for_plugin(self, name: str, settings_type: type[SettingsT]) -> SettingsT:
        """Return the checked settings of one plugin, its secrets resolved and known to the redactor.

        Raises :class:`ConfigError` that names the source, the key, the value seen (never a secret's) and what is
        wanted; for an unknown key the nearest; for a missing one the ways to give it.
        """
        fields = msgspec.structs.fields(settings_type)
        secret_keys = {field.encode_name for field in fields if is_secret(field.type)}
        keys = {field.encode_name for field in fields}
        extra = {key + suffix for key in secret_keys for suffix in SECRET_SUFFIXES} - keys
        layers = self._layers(name, keys | extra)
        secrets = SecretFields(
            name,
            layers,
            config_dir=self._config_file.parent,
            env=self._env,
            redactor=self._redactor,
            notices=self.notices,
            variables=self.secret_variables,
        )
        for layer in layers:
            for key, given in layer.values.items():
                if key not in keys | extra:
                    raise ConfigError(f"{given.where}: {name} has no setting {key}{did_you_mean(key, keys | extra)}")
                if key in secret_keys:
                    secrets.refuse_plain(key, given, layer)
                else:
                    refuse_userinfo(given, f"{name}.{key}")
        strongest = {key: given for layer in layers for key, given in layer.values.items()}
        values: dict[str, object] = {}
        for field in fields:
            key = field.encode_name
            if key in secret_keys:
                secret = secrets.resolve(key, required=field.required)
                if secret is not None:
                    values[field.name] = secret
            elif key in strongest:
                values[field.name] = converted(strongest[key], f"{name}.{key}", field.type, self._redactor)
            if field.required and field.name not in values:
                raise self._missing(name, key, key in secret_keys)
        try:
            return settings_type(**values)
        except (ValueError, msgspec.ValidationError) as error:
            raise ConfigError(f"the settings of {name} don't fit together: {self._redactor.text(str(error))}") from None
        except TypeError as error:
            raise PluginError(f"the settings of {name} can't be made: {self._redactor.text(str(error))}") from None

    def check_all_used(self, known_plugins: Iterable[str], companion_plugins: Iterable[str] | None = None) -> None:
        """Refuse sections and ``-o`` options that name no plugin of those given, which are all that are installed.

        ``companion_plugins`` are those whose settings a companion may have for itself, by default all: a table that
        nothing would ever read is refused.
        """
        self._plugin_names = frozenset(known_plugins)
        known = {*self._plugin_names, CORE_SECTION}
        places = [(name, f"{where}{name}]") for where, tables in self._files for name in tables]
        places += [(name, f"-o {name}.{key}") for name, values in self._options.items() for key in values]
        _refuse_unknown(places, known)
        own = [(name, f"{e.where}{name}]") for e in self._inventory.values() for name in e.tables]
        _refuse_unknown(own, known)
        for name, where in own:
            if name == CORE_SECTION or (companion_plugins is not None and name not in set(companion_plugins)):
                raise ConfigError(
                    f"{escape_controls(where)}: {escape_controls(name)} has one setting for all companions",
                    hint=f"Move it to [{escape_controls(name)}]: a companion's own are those of its transport and its "
                    "provisioner.",
                )

    def _with(
        self, files: Sequence[tuple[str, Tables]], options: Mapping[str, Mapping[str, str]], *, companion: str
    ) -> SettingsSources:
        own = SettingsSources(
            self._config_file, files, self._env, options, self._redactor, self._inventory, self._cameras, companion
        )
        own._plugin_names = self._plugin_names
        own.notices, own.secret_variables = self.notices, self.secret_variables
        return own

    def _entry(self, name: str) -> InventoryEntry:
        if (entry := self._inventory.get(name)) is None:
            known = ", ".join(sorted(self._inventory))
            raise UsageError(
                f"{self._config_file} has no companion {escape_controls(name, limit=64) or repr(name)}"
                f"{did_you_mean(name, self._inventory)}",
                hint=f"It has {known}." if known else f"Write a table [{SECTION}.NAME] for it into that file.",
            )
        return entry

    def _layers(self, name: str, keys: set[str]) -> list[Layer]:
        layers = [
            Layer({key: Given(value, f"{where}{name}]", False) for key, value in tables[name].items()}, "file")
            for where, tables in self._files
            if name in tables
        ]
        layers.append(Layer(self._from_environment(name, keys), "environment"))
        options = self._options.get(name, {})
        layers.append(Layer({key: Given(value, f"-o {name}.{key}", True) for key, value in options.items()}, "option"))
        return layers

    def _from_environment(self, name: str, keys: set[str]) -> dict[str, Given]:
        prefix = _prefix_of(name)
        variables = {prefix + key.upper().replace("-", "_"): key for key in keys}
        self._tell_of_unknown_variables(name, prefix, variables)
        # An empty variable counts as one that is not set.
        found = {key: Given(self._env.get(variable, ""), variable, True) for variable, key in variables.items()}
        return {key: given for key, given in found.items() if given.value}

    def _tell_of_unknown_variables(self, name: str, prefix: str, variables: Mapping[str, str]) -> None:
        """Tell of variables that look like this plugin's settings; not refused, since one may be from elsewhere."""
        if name == CORE_SECTION:
            return
        longer = tuple(other for other in map(_prefix_of, self._plugin_names) if len(other) > len(prefix))
        for variable in sorted(self._env):
            if variable.startswith(longer) or variable in variables or variable in _NOT_PLUGINS:
                continue
            if variable.startswith(prefix):
                near = did_you_mean(variable, variables)
                notice = f"{variable} is set, but {name} has no such setting{near}"
                if notice not in self.notices:
                    self.notices.append(notice)

    def _missing(self, name: str, key: str, secret: bool) -> ConfigError:
        variable = _prefix_of(name) + key.upper().replace("-", "_")
        table = f"[{SECTION}.{self._companion}.{name}]" if self._companion else f"[{name}]"
        whose = f"companion {self._companion}: " if self._companion else ""
        if secret:
            return ConfigError(
                f"{whose}{name} needs the secret {key}",
                hint=f'Set {variable}, or put {key}_file = "PATH" (a file of mode 0600) or {key}_command = "COMMAND" '
                f"under {table} in {self._config_file}, or store it with: keyring set operator-tool {name}.{key}",
            )
        return ConfigError(
            f"{whose}{name} needs the setting {key}",
            hint=f"Give -o {name}.{key}=VALUE, set {variable}, or put {key} = ... under {table} in "
            f"{self._config_file}.",
        )


def _refuse_unknown(places: Iterable[tuple[str, str]], known: Collection[str]) -> None:
    for name, where in places:
        if name not in known:
            raise ConfigError(
                f"{escape_controls(where)}: no plugin {escape_controls(name)} is installed{did_you_mean(name, known)}",
                hint="operator-tool plugins list names the installed ones.",
            )


def _prefix_of(plugin: str) -> str:
    return PREFIX if plugin == CORE_SECTION else f"{PREFIX}{plugin.upper().replace('-', '_')}_"


def _parsed_options(options: Sequence[str]) -> dict[str, dict[str, str]]:
    parsed: dict[str, dict[str, str]] = {}
    for number, option in enumerate(options, 1):
        name, equals, value = option.partition("=")
        plugin, dot, key = name.strip().partition(".")
        if not (equals and dot and plugin and key):
            # Not repeated: what has lost its name may be a secret.
            raise UsageError(f"-o number {number} is not of the form PLUGIN.KEY=VALUE", hint="Such as -o xyz.url=URL.")
        parsed.setdefault(plugin, {})[key] = value
    return parsed
