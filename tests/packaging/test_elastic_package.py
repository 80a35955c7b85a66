"""The integration package: valid by Elastic's own check, and the same as what `apply` makes."""

import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import scoreback
from scoreback.connectors.elastic.deploying.resources import HEALTH, SCORES, dotted
from scoreback.connectors.elastic.kibana.dashboards.data import data_views
from scoreback.connectors.elastic.kibana.dashboards.saved_objects import data_view_object
from tests.packaging.elastic_dashboards import panels_of, saved
from tests.packaging.elastic_package import ARCHIVE, build, checked, require

GOLDEN = Path(__file__).with_name("golden_elastic_package.txt")
MAPPINGS = {"scores": SCORES, "health": HEALTH}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built from the sources."""
    return build().build(tmp_path_factory.mktemp("elastic"))


def test_what_is_built_is_listed(package: Path) -> None:
    files = sorted(
        one.relative_to(package).as_posix() for one in package.rglob("*") if one.is_file()
    )
    assert files == GOLDEN.read_text().splitlines()


def test_elastics_own_check_has_nothing_against_the_folder(package: Path) -> None:
    assert checked(package) == ""


def test_the_archive_is_of_these_sources_and_valid(package: Path, tmp_path: Path) -> None:
    require(ARCHIVE, "make packages")
    assert checked(ARCHIVE) == ""
    again = build().archive(package, tmp_path)
    assert again.read_bytes() == ARCHIVE.read_bytes(), "if this is meant: make packages"
    with zipfile.ZipFile(again) as file:
        tops = {name.split("/")[0] for name in file.namelist()}
    assert tops == {f"scoreback-{scoreback.__version__}"}


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("manifest.yml", "type: community", "type: nobody", "owner"),
        ("data_stream/scores/fields/fields.yml", "type: boolean", "type: yes_or_no", "type"),
        ("kibana/dashboard/scoreback-now.json", '"id": "scoreback-now"', '"id": "x"', "x"),
        (
            "data_stream/scores/elasticsearch/ingest_pipeline/default.yml",
            "- set:",
            "- enrich:",
            "enrich",
        ),
    ],
)
def test_elastics_own_check_finds_mistakes(
    package: Path, tmp_path: Path, file: str, old: str, new: str, said: str
) -> None:
    copy = shutil.copytree(package, tmp_path / "scoreback")
    text = (copy / file).read_text()
    assert old in text
    (copy / file).write_text(text.replace(old, new))
    assert said in checked(copy)


@pytest.mark.parametrize("name", sorted(MAPPINGS))
def test_fields_are_those_of_our_templates(package: Path, name: str) -> None:
    listed = yaml.safe_load((package / f"data_stream/{name}/fields/fields.yml").read_text())
    fields: dict[str, Mapping[str, Any]] = {one["name"]: one for one in listed}
    assert len(fields) == len(listed)
    ours = dotted(MAPPINGS[name]["properties"])
    added = {f"data_stream.{one}" for one in ("type", "dataset", "namespace")}
    assert set(fields) == set(ours) | added
    for field, about in ours.items():
        same = {key: fields[field].get(key) for key in about}
        if field == "@timestamp":  # the format knows no other
            assert same["type"] == "date"
        else:
            assert same == about, field


def test_no_stream_is_in_the_indices_that_elastics_own_rules_read(package: Path) -> None:
    for name in MAPPINGS:
        stream = yaml.safe_load((package / f"data_stream/{name}/manifest.yml").read_text())
        assert (stream["type"], stream["dataset"]) == ("metrics", f"scoreback.{name}")


def test_dashboards_are_those_of_apply_with_a_filter(package: Path) -> None:
    for name, ours in saved().items():
        shipped = json.loads((package / f"kibana/dashboard/{name}.json").read_text())
        assert list(panels_of(shipped)) == list(panels_of(ours))
        assert shipped["references"][:-1] == ours["references"]
        [one] = json.loads(shipped["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])[
            "filter"
        ]
        assert one["query"] == {"exists": {"field": "scoreback.detector"}}
        assert one["meta"]["indexRefName"] == shipped["references"][-1]["name"]


def test_data_views_are_those_of_apply(package: Path) -> None:
    for view in data_views("default").values():
        shipped = json.loads((package / f"kibana/index_pattern/{view.id}.json").read_text())
        assert shipped == data_view_object(view)
