"""A distribution with a transport that has host keys and a provisioner with a program, both scripted by settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from operator_tool.cli import operator_tool
from tests.support.distributions import write_distribution

INVENTORY = """
[companions.alpha]
transport = "fake"
provisioner = "keeper"
[companions.alpha.fake]
host = "alpha.example"
[companions.beta]
transport = "fake"
provisioner = "keeper"
[companions.beta.fake]
host = "beta.example"
[companions.beta.keeper]
site = "/other"
"""
OFFERED = "SHA256:" + "A" * 43
OTHER = "SHA256:" + "B" * 43

TRANSPORT = '''
import pathlib
from typing import Annotated
from operator_tool.api import (
    CompanionError, CompanionIdentity, HostKeyOffer, Meta, PluginSettings, hookimpl,
)


class Settings(PluginSettings, frozen=True, kw_only=True):
    """What the companion does."""

    host: Annotated[str, Meta(description="Where.")] = "drone"
    offered: Annotated[str, Meta(description="The fingerprint that it shows.")] = "SHA256:" + "A" * 43
    key_type: Annotated[str, Meta(description="The type that it shows.")] = "ssh-ed25519"
    revoked: Annotated[bool, Meta(description="Whether that is revoked.")] = False
    fails: Annotated[str, Meta(description="Why it can't be reached.")] = ""
    bug: Annotated[bool, Meta(description="Whether it has a bug.")] = False
    asks: Annotated[str, Meta(description="What secret it asks for.")] = ""


class Session:
    def __init__(self, identity):
        self.identity = identity

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        pass

    def run(self, argv, *, stdin=(), limits=None):
        raise AssertionError(f"{argv} was run")

    put = get = run

    def close(self):
        pass


class Transport:
    def __init__(self, settings, context):
        self.settings, self.context = settings, context

    @property
    def address(self):
        return f"fake://{self.settings.host}"

    @property
    def pins(self):
        return self.context.trust_dir / "pins" / self.settings.host

    def connect(self):
        self._fail()
        if self.settings.asks:
            if self.context.ask_secret is None:
                raise CompanionError("nobody can be asked")
            typed = self.context.ask_secret(self.settings.asks)
            raise CompanionError(f"what was typed is {typed!r}")
        return Session(CompanionIdentity(address=self.address, fingerprint=self.settings.offered))

    def offered_key(self):
        self._fail()
        pinned = tuple(self.pins.read_text().split()) if self.pins.exists() else ()
        return HostKeyOffer(
            label=f"[{self.settings.host}]:22", type=self.settings.key_type, fingerprint=self.settings.offered,
            blob=b"key", pinned=pinned, revoked=self.settings.revoked,
        )

    def pin(self, offer):
        self.pins.parent.mkdir(exist_ok=True)
        self.pins.write_text(offer.fingerprint)
        return str(self.pins)

    def _fail(self):
        if self.settings.bug:
            raise KeyError("a bug")
        if self.settings.fails:
            raise CompanionError(self.settings.fails, retryable=True)


@hookimpl
def plugin_settings():
    return Settings


@hookimpl
def make_companion_transport(settings, context):
    return Transport(settings, context)
'''

PROVISIONER = '''
from typing import Annotated
from operator_tool.api import (
    CacheGaps, CheckedGeneration, CompanionHoldings, CompanionState, CurrentCache, GcReport, KeptGeneration, Meta,
    Notice, NotReadyError,
    PluginSettings, PromptShown, Removal, RollbackReport, Soundness, VerifyError, hookimpl,
)


class Settings(PluginSettings, frozen=True, kw_only=True):
    """What it finds."""

    site: Annotated[str, Meta(description="Where.")] = "/cache"
    problems: Annotated[tuple[str, ...], Meta(description="Why it can't be built.")] = ()
    unfit: Annotated[str, Meta(description="Why its program can't run there.")] = ""
    up_to_date: Annotated[bool, Meta(description="Whether the cache is the one asked for.")] = False
    lacks: Annotated[int, Meta(description="How many tiles are missing.")] = 0
    says: Annotated[bool, Meta(description="Whether the cache itself says what it lacks.")] = False
    counts: Annotated[bool, Meta(description="Whether it says how many tiles it verified.")] = True
    differs: Annotated[str, Meta(description="Why the cache is built anew.")] = ""
    missing: Annotated[str, Meta(description="Which file a flight needs, and what was seen of it.")] = ""
    damage: Annotated[str, Meta(description="What is wrong with it.")] = ""
    damaged: Annotated[str, Meta(description="Which generation that is.")] = "3-0123456789ab"
    records: Annotated[str, Meta(description="What is wrong with the companion's records.")] = ""


class Keeper:
    def __init__(self, settings, context):
        self.settings, self.context = settings, context
        self.site = settings.site

    def install(self, session):
        if self.settings.unfit:
            raise NotReadyError((self.settings.unfit,))
        self.context.emit(Notice(text="being put there"))
        return self.status(session)

    def verify(self, session, asked):
        names = ["3-0123456789ab", "2-0123456789ab"][: 2 if asked.all_generations else 1]
        how = f"quick and {asked.sample} pictures" if asked.sample else "quick" if asked.quick else "full"
        wrong = self.settings.damaged if self.settings.damage else ""
        return Soundness(
            generations=tuple(
                CheckedGeneration(
                    name=name, how=how, current=name[0] == "3",
                    problems=(self.settings.damage,) if name == wrong else (),
                )
                for name in names
            ),
            problems=(self.settings.records,) if self.settings.records else (),
        )

    def rollback(self, session, seq=None):
        if self.settings.damage:
            raise VerifyError(self.settings.damage, hint="nothing was switched")
        return RollbackReport(
            from_generation="3-0123456789ab", to_generation=f"{seq or 2}-0123456789ab", tiles=1234,
            signer="ada\\x1b[2J",
        )

    def gc(self, session, *, dry_run=False):
        return GcReport(
            removed=(Removal(name="1-0123456789ab", kind="generation", bytes=2_500_000),),
            kept=(
                KeptGeneration(name="3-0123456789ab", seq=3, bytes=1_000_000, kept_for=("current", "pinned by nav")),
            ),
            freed_bytes=2_500_000, notes=("generations/backup is let be",), dry_run=dry_run,
        )

    def status(self, session):
        return CompanionState(
            holdings=CompanionHoldings(
                generations=(
                    KeptGeneration(
                        name="3-0123456789ab", seq=3, bytes=1_000_000, kept_for=("current",),
                        flight_id="f7", run_id="r1",
                    ),
                    KeptGeneration(name="1-0123456789ab", seq=1, bytes=2_000_000, problem="no manifest"),
                ),
                stagings={"ab" * 32: 5_000_000},
                quarantine={"2-0123456789ab": 3_000_000},
                audit=({"time": "2030-01-01T00:00:00Z", "event": "build", "generation": "3-0123456789ab"},),
            ),
            companion_id="drone-7", agent_version="1.2+abc", generation="3-0123456789ab", free_bytes=5_000_000,
            facts={"python": "3.8.10", "clock": "\\x1b[2Jright"}, notes=("all quiet",), problems=self.settings.problems,
        )

    def prepare(self, session, order):
        assert order.dry_run
        if self.settings.unfit:
            raise NotReadyError((self.settings.unfit,))
        return CompanionState(
            companion_id="drone-7", agent_version="1.2+abc", generation="3-0123456789ab",
            up_to_date=self.settings.up_to_date,
            current=CurrentCache(gaps=CacheGaps(missing=self.settings.lacks)) if self.settings.says else None,
            verified_tiles=(order.wanted_tiles - self.settings.lacks) * self.settings.counts,
            damage=self.settings.damage,
            missing_files=(self.settings.missing,) if self.settings.missing else (),
            facts={"verified": "since boot"} | ({"differs": self.settings.differs} if self.settings.differs else {}),
        )

    def transfer(self, session, order, tiles):
        raise AssertionError("nothing is sent")

    def build(self, session, order, transferred):
        raise AssertionError("nothing is built")


@hookimpl
def plugin_settings():
    return Settings


@hookimpl
def make_provisioner(settings, context):
    return Keeper(settings, context)
'''

BARE = """
from operator_tool.api import hookimpl


class Bare:
    site = "/bare"

    def prepare(self, session, order): ...
    def transfer(self, session, order, tiles): ...
    def build(self, session, order, transferred): ...


@hookimpl
def make_provisioner(settings, context):
    return Bare()
"""


def install_fakes(folder: Path) -> Path:
    """Write the distribution into a folder for the path, and return that folder."""
    write_distribution(
        folder,
        "acme-drones",
        entry_points={
            "companion_transport": {"fake": "acme_drones_transport"},
            "provisioner": {"keeper": "acme_drones_keeper", "bare": "acme_drones_bare"},
        },
        modules={
            "acme_drones_transport": TRANSPORT,
            "acme_drones_keeper": PROVISIONER,
            "acme_drones_bare": BARE,
        },
    )
    return folder


Run = Callable[..., Result]
"""Runs a command in this process."""


def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs a command with folders of its own and both companions; what it raises comes out."""
    monkeypatch.syspath_prepend(install_fakes(tmp_path / "site"))
    monkeypatch.setenv("OPERATOR_TOOL_DATA_DIR", str(tmp_path / "data"))
    config = tmp_path / "config.toml"
    config.write_text(INVENTORY)
    config.chmod(0o600)
    monkeypatch.setenv("OPERATOR_TOOL_CONFIG", str(config))

    def run_it(*arguments: str) -> Result:
        return CliRunner().invoke(
            operator_tool, arguments, standalone_mode=False, catch_exceptions=False, prog_name="operator-tool"
        )

    return run_it
