"""What a connection needs in its cluster: templates of data streams, and indices."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from scoreback.connectors.elastic.names import LONGEST_KEYWORD, Names
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.deployment import Resource
from scoreback.health import FIGURES

COMPONENT, TEMPLATE = "component_template", "index_template"
STREAM, INDEX = "data_stream", "index"
PRIORITY = 500  # Elastic's own templates have 100 to 250; the highest priority wins

_KEYWORD = {"type": "keyword", "ignore_above": LONGEST_KEYWORD}
_DOUBLE, _BOOLEAN, _LONG = {"type": "double"}, {"type": "boolean"}, {"type": "long"}
_NANOS = {"type": "date_nanos"}
# Only stored in the document: each indexed field costs the cluster time for every score.
_ONLY_KEPT = {"type": "keyword", "index": False, "doc_values": False}

# Copied event fields: text as in the event, addresses as addresses.
_COPIED = [
    {
        "addresses": {
            "path_match": ["*.ip", "ip"],
            "match_mapping_type": "string",
            "mapping": {"type": "ip", "ignore_malformed": True},
        }
    },
    {"texts": {"match_mapping_type": "string", "mapping": _KEYWORD}},
]

_DETECTOR = {
    "detector": _KEYWORD,
    "version": _KEYWORD,
    "stage": _KEYWORD,
    "threshold": {"type": "double", "index": False},
    "score": _DOUBLE,
    "chance": _DOUBLE,
    "entity": _KEYWORD,
    "reasons": _ONLY_KEPT,
    "event": {"properties": {"id": _KEYWORD, "index": _KEYWORD}},
}

_EVENT = {
    "kind": _KEYWORD,
    "provider": _ONLY_KEPT,
    "dataset": _KEYWORD,
    "ingested": {"type": "date"},
    "risk_score": {"type": "float", "index": False},
    "severity": {"type": "long", "index": False},
    "reason": _KEYWORD,  # for alerts only
}
_RULE = {"name": _KEYWORD} | dict.fromkeys(("id", "version", "ruleset"), _ONLY_KEPT)
# A score's rule is its detector. Aliases find the same values under ECS names at no cost: each
# field of a document costs the cluster about a microsecond, and these are in every score.
RULE = {
    "rule.id": "scoreback.detector",
    "rule.name": "scoreback.detector",
    "rule.version": "scoreback.version",
}
_ECS = {
    "@timestamp": _NANOS,
    "ecs": {"properties": {"version": _ONLY_KEPT}},
    "event": {"properties": _EVENT},
    "rule": {"properties": _RULE},
    "threat": {"properties": {"technique": {"properties": {"id": _KEYWORD}}}},
}


def dotted(properties: dict[str, Any], above: str = "") -> dict[str, Any]:
    """*properties* with their full dotted names."""
    found: dict[str, Any] = {}
    for name, about in properties.items():
        below = about.get("properties")
        found |= dotted(below, f"{above}{name}.") if below else {above + name: about}
    return found


SCORES: dict[str, Any] = {
    # Dotted names are stored as names, not objects: that saves the cluster a tenth of writing a
    # score.
    "subobjects": False,
    "dynamic_templates": _COPIED,
    "properties": dotted(
        {key: about for key, about in _ECS.items() if key != "rule"}
        # The document's _id identifies a score.
        | {
            "scoreback": {
                "properties": _DETECTOR
                | {"alert": _BOOLEAN, "alert_id": _KEYWORD, "scored_at": _NANOS}
            }
        }
    )
    | {name: {"type": "alias", "path": path} for name, path in RULE.items()},
}
_FIGURES: dict[str, dict[str, Any]] = {"number": _DOUBLE, "text": _KEYWORD, "time": _NANOS}
HEALTH: dict[str, Any] = {
    "dynamic": False,
    "properties": _ECS
    | {
        "scoreback": {
            "properties": {
                "detector": _KEYWORD,
                "version": _KEYWORD,
                "stage": _KEYWORD,
                "histogram": {
                    "properties": {
                        "id": _KEYWORD,
                        "since": _NANOS,
                        "until": _NANOS,
                        "scored": _LONG,
                        "counts": {"type": "long", "index": False},
                    }
                },
                "health": {
                    "properties": dict.fromkeys(("id", "kind", "subject"), _KEYWORD)
                    | {
                        kind.value: {
                            "properties": {name: _FIGURES[of] for name, of in figures.items()}
                        }
                        for kind, figures in FIGURES.items()
                    }
                },
            }
        }
    },
}
ALERTS: dict[str, Any] = {
    "dynamic": False,
    "properties": _ECS
    | {
        "host": {"properties": {"name": _KEYWORD}},
        "scoreback": {
            "properties": _DETECTOR
            | {
                "alert_id": _KEYWORD,
                "rule": _KEYWORD,
                "severity": _KEYWORD,
                "raised_at": _NANOS,
                "verdict": _KEYWORD,
                "closed_at": _NANOS,
                "labeller": _KEYWORD,
                "tags": _KEYWORD,
                "touched": _BOOLEAN,
                # What Scoreback did to alerts in Kibana.
                "changed_at": _NANOS,
                "pending": _BOOLEAN,
            }
        },
    },
}
VERDICTS: dict[str, Any] = {
    "dynamic": False,
    "properties": dict.fromkeys(
        ("verdict_id", "alert_id", "event_id", "entity", "verdict", "labeller", "source", "rule"),
        _KEYWORD,
    )
    | dict.fromkeys(("label_time", "since", "until"), _NANOS)
    | {"withdrawn": _BOOLEAN, "propensity": _DOUBLE},
}
RULES: dict[str, Any] = {
    "dynamic": False,
    "properties": {
        "name": _KEYWORD,
        "detector": _KEYWORD,
        "enabled": _BOOLEAN,
        "rule": {"type": "object", "enabled": False},
        "_digest": _KEYWORD,
    },
}
SETTINGS: dict[str, Any] = {
    "dynamic": False,
    "properties": dict.fromkeys(("detector", "key", "value", "author", "stands"), _KEYWORD)
    | {
        "at": {"type": "date_nanos", "ignore_malformed": True},  # people write to it, too
        "reason": {"type": "text"},
        "noted": {"type": "object", "enabled": False},
    },
}
KIBANA: dict[str, Any] = {
    "dynamic": False,
    "properties": {"kind": _KEYWORD, "name": _KEYWORD},
}
LOOKUP: dict[str, Any] = {
    "dynamic": False,
    "properties": {
        "scoreback": {
            "properties": {k: v for k, v in _DETECTOR.items() if k != "reasons"}
            | {
                "reason": _KEYWORD,  # for alerts only
                "risk": {"type": "float"},
                "alert": _BOOLEAN,
                "scored_at": _NANOS,
                "event_time": _NANOS,
            }
        }
    },
}


def resources(settings: ElasticSettings) -> Sequence[Resource]:
    """All that *settings* call for, in the order of creation."""
    names = Names(settings.namespace)
    return (
        *_stream(settings, names.scores, SCORES),
        *_stream(settings, names.health, HEALTH),
        _index(settings, names.alerts, ALERTS),
        _index(settings, names.verdicts, VERDICTS),
        _index(settings, names.rules, RULES),
        _index(settings, names.settings, SETTINGS),
        _index(settings, names.events_lookup, LOOKUP, mode="lookup"),
        _index(settings, names.entities_lookup, LOOKUP, mode="lookup"),
        *(
            [replace(_index(settings, names.kibana, KIBANA), holds_data=False)]
            if settings.kibana
            else []
        ),
    )


def _stream(settings: ElasticSettings, name: str, mappings: dict[str, Any]) -> list[Resource]:
    """The templates of a data stream, and the stream, which its first document creates.

    A template sets the retention of a new stream; an existing stream is changed directly.

    ``@custom`` is the user's own component template, as in Elastic's integrations: it is optional
    and has the last word.
    """
    rules: dict[str, Any] = {"index": _replicas(settings)}
    retention: dict[str, Any] = {}
    if settings.ilm_policy:
        rules["index"] |= {"lifecycle": {"name": settings.ilm_policy, "prefer_ilm": True}}
    else:
        retention = {"lifecycle": {"data_retention": settings.retention}}
    return [
        Resource(
            kind=COMPONENT, name=f"{name}@mappings", body={"template": {"mappings": mappings}}
        ),
        Resource(
            kind=TEMPLATE,
            name=name,
            body={
                "index_patterns": [name],
                "data_stream": {},
                "priority": PRIORITY,
                "composed_of": [f"{name}@mappings", f"{name}@custom"],
                "ignore_missing_component_templates": [f"{name}@custom"],
                "template": {"settings": rules, **retention},
            },
        ),
        Resource(kind=STREAM, name=name, body=retention, holds_data=True),
    ]


def _index(
    settings: ElasticSettings, name: str, mappings: dict[str, Any], mode: str | None = None
) -> Resource:
    index: dict[str, Any] = _replicas(settings) | ({"mode": mode} if mode else {})
    body: dict[str, Any] = {"mappings": mappings}
    if index:
        body["settings"] = {"index": index}
    return Resource(kind=INDEX, name=name, body=body, holds_data=True)


def _replicas(settings: ElasticSettings) -> dict[str, Any]:
    return {} if settings.replicas is None else {"number_of_replicas": settings.replicas}
