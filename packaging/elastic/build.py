"""Builds the integration package for Elastic from the product's templates and dashboards.

`make packages` runs it with the Python environment of the product. The same sources give the same
bytes. Nothing in the package is written by hand except `static`, so it cannot differ from what
`apply` writes.
"""

import argparse
import json
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from scoreback import __version__
from scoreback.connectors.elastic.deploying.resources import HEALTH, SCORES, dotted
from scoreback.connectors.elastic.kibana.dashboards.data import DETECTOR, Data, data_views
from scoreback.connectors.elastic.kibana.dashboards.definition import dashboards
from scoreback.connectors.elastic.kibana.dashboards.saved_objects import (
    dashboard_object,
    data_view_object,
)

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGE = "scoreback"
FORMAT = "3.4.2"
KIBANA = "^8.19.0 || ^9.2.0"
STREAMS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "scores": ("Scores of detectors", SCORES),
    "health": ("Health of detectors", HEALTH),
}
# Every data stream of Elastic has these; the first three have one value in all its documents.
BASE = (
    {"name": "data_stream.type", "type": "constant_keyword", "description": "Data stream type."},
    {
        "name": "data_stream.dataset",
        "type": "constant_keyword",
        "description": "Data stream dataset.",
    },
    {
        "name": "data_stream.namespace",
        "type": "constant_keyword",
        "description": "Data stream namespace.",
    },
)
_FILTER = "kibanaSavedObjectMeta.searchSourceJSON.filter[0].meta.index"
_MOMENT = (2020, 1, 1, 0, 0, 0)  # timestamp of every file in the archive


def main() -> None:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "elastic")
    parser.add_argument("--archives", type=Path, default=ROOT / "dist")
    chosen = parser.parse_args()
    print(archive(build(chosen.folder), chosen.archives))


def build(folder: Path) -> Path:
    """The package's folder, created afresh in *folder*."""
    package = folder / PACKAGE
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(HERE / "static", package)
    shutil.copy(ROOT / "LICENSE", package / "LICENSE.txt")
    for name, text in sorted(_made()):
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return package


def archive(package: Path, folder: Path) -> Path:
    """The zip of *package*, in the form that Kibana's upload accepts."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{PACKAGE}-elastic-{__version__}.zip"
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(one for one in package.rglob("*") if one.is_file()):
            inside = f"{PACKAGE}-{__version__}/{path.relative_to(package).as_posix()}"
            about = zipfile.ZipInfo(inside, _MOMENT)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = 0o644 << 16
            file.writestr(about, path.read_bytes())
    return made


def _made() -> Iterator[tuple[str, str]]:
    """The path and text of each generated file."""
    yield "manifest.yml", _yaml(_manifest())
    yield "changelog.yml", _yaml(_changelog())
    for name, (title, mapping) in STREAMS.items():
        folder = f"data_stream/{name}"
        yield f"{folder}/manifest.yml", _yaml(_stream(name, title, mapping))
        yield f"{folder}/fields/fields.yml", _yaml(_fields(mapping))
        pipeline = f"{folder}/elasticsearch/ingest_pipeline/default.yml"
        yield pipeline, "---\n" + _yaml(_pipeline(name))
    for view in data_views("default").values():
        yield f"kibana/index_pattern/{view.id}.json", _json(data_view_object(view))
    for one in dashboards():
        yield f"kibana/dashboard/{one.name}.json", _json(_dashboard(dashboard_object(one)))


def _manifest() -> dict[str, Any]:
    return {
        "format_version": FORMAT,
        "name": PACKAGE,
        "title": "Scoreback",
        "version": __version__,
        "source": {"license": "Apache-2.0"},
        "description": "Dashboards and templates for scores of detectors that learn from verdicts",
        "type": "integration",
        "categories": ["security"],
        "conditions": {
            "kibana": {"version": KIBANA},
            "elastic": {"subscription": "basic", "capabilities": ["security"]},
        },
        "owner": {"github": "scoreback/scoreback", "type": "community"},
    }


def _changelog() -> list[dict[str, Any]]:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(r"https://\S+", text)
    link = found[0] if found else "https://github.com/scoreback/scoreback/pull/1"
    change = {
        "description": "Dashboards and templates, the same as those of the service in this"
        " version.",
        "type": "enhancement",
        "link": link,
    }
    return [{"version": __version__, "changes": [change]}]


def _stream(name: str, title: str, mapping: Mapping[str, Any]) -> dict[str, Any]:
    """A data stream of type metrics, which Elastic's own rules over ``logs-*`` do not read."""
    mappings: dict[str, Any] = {"dynamic": mapping.get("dynamic", True)}
    if "subobjects" in mapping:
        mappings["subobjects"] = mapping["subobjects"]
    if "dynamic_templates" in mapping:
        mappings["dynamic_templates"] = [_texts(mapping["dynamic_templates"])]
    return {
        "title": title,
        "type": "metrics",
        "dataset": f"{PACKAGE}.{name}",
        "elasticsearch": {"index_template": {"mappings": mappings}},
    }


def _texts(templates: list[dict[str, Any]]) -> dict[str, Any]:
    """The rule for copied texts; packages cannot express the rule for addresses."""
    return next(one for one in templates if "texts" in one)


def _fields(mapping: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fields of one of Scoreback's templates, in the package's format."""
    return [*BASE, *(_field(name, about) for name, about in dotted(mapping["properties"]).items())]


def _field(name: str, about: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: about[key] for key in ("type", "path", "ignore_above", "index") if key in about}
    if "doc_values" in about:
        kept["doc_values"] = about["doc_values"]
    if name == "@timestamp":
        kept["type"] = "date"  # a package may have no other type; Scoreback's has nanoseconds
    return {"name": name, **kept, "description": _words(name)}


def _words(name: str) -> str:
    """A short description of a field; docs/health.md has the details."""
    return name.replace("scoreback.", "").replace(".", " ").replace("_", " ").capitalize() + "."


def _pipeline(name: str) -> dict[str, Any]:
    """Stores a document under its own id, with the time when the cluster received it."""
    arrival = {"set": {"field": "event.ingested", "value": "{{{_ingest.timestamp}}}"}}
    processors: list[dict[str, Any]] = [
        {"set": {"field": "ecs.version", "value": "8.11.0", "override": False}}
    ]
    if name == "scores":
        processors.append(arrival)
    else:
        own = {"field": "_id", "copy_from": "scoreback.health.id", "ignore_empty_value": True}
        processors.append({"set": own})
    failed = [
        {"set": {"field": "event.kind", "value": "pipeline_error"}},
        {
            "set": {
                "field": "error.message",
                "value": "Processor '{{{_ingest.on_failure_processor_type}}}' with tag"
                " '{{{_ingest.on_failure_processor_tag}}}' in pipeline"
                " '{{{_ingest.pipeline}}}' failed: {{{_ingest.on_failure_message}}}",
            }
        },
    ]
    for number, one in enumerate(processors):
        next(iter(one.values()))["tag"] = f"{name}_{number}"
    return {
        "description": f"Documents of {PACKAGE}.{name}, each once and with its arrival time",
        "processors": processors,
        "on_failure": failed,
    }


def _dashboard(saved: dict[str, Any]) -> dict[str, Any]:
    """*saved* in the package's format, with a filter so that it reads only its own documents."""
    view = data_views("default")[Data.HEALTH].id
    meta = {
        "alias": None, "disabled": False, "negate": False, "type": "exists", "key": DETECTOR,
        "value": "exists", "indexRefName": _FILTER,
    }  # fmt: skip
    query = {"exists": {"field": DETECTOR}}
    one = {"meta": meta, "query": query, "$state": {"store": "appState"}}
    source = {"query": {"query": "", "language": "kuery"}, "filter": [one]}
    attributes = {
        **saved["attributes"],
        "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source)},
    }
    reference = {"type": "index-pattern", "id": view, "name": _FILTER}
    return {**saved, "attributes": attributes, "references": [*saved["references"], reference]}


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False, width=100, allow_unicode=True)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
