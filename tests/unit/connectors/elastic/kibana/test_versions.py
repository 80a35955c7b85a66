"""What each version of Kibana has."""

import pytest

from scoreback.connectors.elastic.kibana.versions import SINCE, Version, differences


@pytest.mark.parametrize(
    ("text", "version"),
    [("9.5.1", (9, 5, 1)), ("8.19.0-SNAPSHOT", (8, 19, 0)), ("10.0", (10, 0, 0))],
)
def test_a_version_is_read_from_its_numbers(text: str, version: tuple[int, int, int]) -> None:
    assert Version.of(text) == version


def test_what_is_not_a_version_is_refused() -> None:
    with pytest.raises(ValueError, match="'newest' is not a valid version"):
        Version.of("newest")


def test_a_patch_changes_nothing_and_a_newer_version_has_what_the_newest_has() -> None:
    assert differences(Version(9, 2, 7)) == SINCE[Version(9, 2)]
    assert differences(Version(9, 0, 1)) == SINCE[Version(8, 19)]
    assert differences(Version(11, 0)) == SINCE[Version(9, 5)]


def test_what_a_version_has_stays_in_later_ones() -> None:
    for name in ("closing_reasons", "custom_reasons", "case_closing_reasons", "dashboards_api"):
        had = [getattr(SINCE[version], name) for version in sorted(SINCE)]
        assert had == sorted(had)
