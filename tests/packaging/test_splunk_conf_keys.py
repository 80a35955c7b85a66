"""Every key of the Splunk app's conf files is one that Splunk knows."""

import json
import re
from pathlib import Path

import pytest

from tests.packaging.splunk_app import ROOT, SOURCES, App, Stanzas, built, stanzas
from tests.shared_data import require

VENDOR = ROOT / ".." / "shared" / "vendor"
# What the list of 9.2 lacks, and why it is right all the same.
NEWER_OR_UNLISTED = {
    ("*", "python.required"): "since 10.1; which Pythons of Splunk may run it",
    ("restmap", "handlertype"): "the add-on generator writes it; the list has only its neighbours",
    ("restmap", "capability.get"): "the specification writes capability.<post|delete|get|put>",
    ("restmap", "capability.post"): "the specification writes capability.<post|delete|get|put>",
    ("restmap", "capability.put"): "the specification writes capability.<post|delete|get|put>",
    ("restmap", "capability.delete"): "the specification writes capability.<post|delete|get|put>",
}  # fmt: skip


@pytest.fixture(scope="module")
def vendor() -> dict[str, dict[str, list[str]]]:
    require(VENDOR)
    text = (VENDOR / "splunk-9.2-conf-keys.json").read_text()
    found: dict[str, dict[str, list[str]]] = json.loads(text)
    return found


def _own_specs() -> dict[str, Stanzas]:
    """What the app's own specifications say of its own files and keys."""
    found: dict[str, Stanzas] = {}
    for path in (SOURCES / "README").glob("*.conf.spec"):
        lines = [
            line for line in path.read_text().splitlines() if not line.startswith(("*", " ", "#"))
        ]
        found[path.name.removesuffix(".conf.spec")] = stanzas("\n".join(lines))
    return found


def unknown_keys(app: App, vendor: dict[str, dict[str, list[str]]]) -> list[str]:
    own = _own_specs()
    found = []
    for name in app.confs:
        kinds = vendor.get(f"{name}.conf", {}) | {
            stanza: list(keys) for stanza, keys in own.get(name, {}).items()
        }
        if name == "scoreback_settings":  # the generator writes its specification
            spec = stanzas((app.folder / "README" / f"{name}.conf.spec").read_text())
            kinds |= {stanza: list(keys) for stanza, keys in spec.items()}
        if not kinds:
            found.append(f"{name}.conf is no file of Splunk's, and has no specification of ours")
        for stanza, settings in app.conf(name).items():
            allowed = [
                key
                for kind, keys in kinds.items()
                if kind in ("(top)", "default") or _like(kind, stanza)
                for key in keys
            ]
            found += [
                f"{name}.conf [{stanza}] {key}"
                for key in settings
                if not any(_like(pattern, key) for pattern in allowed)
                and ("*", key) not in NEWER_OR_UNLISTED
                and (name, key) not in NEWER_OR_UNLISTED
            ]
    return found


def _like(pattern: str, name: str) -> bool:
    """Whether *name* is *pattern*, whose parts in angle brackets stand for any text."""
    parts = re.split(r"<[^>]*>", pattern.replace("...", "<>"))
    return re.fullmatch(".+".join(map(re.escape, parts)), name) is not None


def test_each_key_of_the_sources_is_known(vendor: dict[str, dict[str, list[str]]]) -> None:
    assert unknown_keys(App(SOURCES), vendor) == []


def test_each_key_of_the_built_app_is_known(vendor: dict[str, dict[str, list[str]]]) -> None:
    assert unknown_keys(built(), vendor) == []


def test_a_misspelt_key_is_seen(vendor: dict[str, dict[str, list[str]]], tmp_path: Path) -> None:
    (tmp_path / "default").mkdir()
    conf = "[scoreback_events]\nexternal_type = kvstore\ncolection = scoreback_events\n"
    (tmp_path / "default" / "transforms.conf").write_text(conf)
    assert unknown_keys(App(tmp_path), vendor) == ["transforms.conf [scoreback_events] colection"]


def test_each_capability_that_a_role_gets_is_splunks_or_the_apps(
    vendor: dict[str, dict[str, list[str]]],
) -> None:
    authorize = App(SOURCES).conf("authorize")
    capability = "capability::"
    known = {
        kind.removeprefix(capability)
        for kind in [*vendor["authorize.conf"], *authorize]
        if kind.startswith(capability)
    }
    settings = set(vendor["authorize.conf"]["role_<roleName>"])
    for stanza, keys in authorize.items():
        if stanza.startswith("role_"):
            assert set(keys) - settings <= known, stanza
