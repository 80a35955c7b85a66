"""What a connection needs in Splunk beside the app: its index macro, and detectors' lookups."""

import re
from collections.abc import Mapping, Sequence

from scoreback.connectors.splunk.names import ENTITIES
from scoreback.connectors.splunk.reading.cim import CIM
from scoreback.connectors.splunk.reading.selection import Selection
from scoreback.connectors.splunk.settings import SplunkSettings
from scoreback.deployment import DetectorNeeds, Resource
from scoreback.naming import own_fields
from scoreback.records import Enrichment

MACRO, TRANSFORM, PROPS = "macro", "lookup", "props"
INDEX_MACRO = "scoreback_index"
OF_STANZA = " : "  # separates a sourcetype from one of its keys, as in Splunk's own lists
# The kinds of resources are stanzas in these files.
FILES = {MACRO: "macros", TRANSFORM: "transforms", PROPS: "props"}
SHIPPED = {(MACRO, INDEX_MACRO): {"definition": "index=scoreback"}}  # the value in the app itself
EVENT_ID = 'sha256(_time.":".host.":".source.":"._raw)'

_NAMED = re.compile(
    r'(?<![\w.])sourcetype\s*=\s*(?:"([^"*]+)"|([^\s"()*,]+))(?=[\s)]|$)', re.IGNORECASE
)
_LISTED = re.compile(r"(?<![\w.])sourcetype\s+IN\s*\(([^()]*)\)", re.IGNORECASE)
_NOT = re.compile(r"\bNOT\s*\(?\s*$", re.IGNORECASE)
# fields of an entity that its events show
_SHOWN = ("score", "risk", "alert", "reasons", "version")


def of_connection(settings: SplunkSettings) -> Sequence[Resource]:
    """What one connection needs, whatever its detectors are."""
    return (Resource(kind=MACRO, name=INDEX_MACRO, body={"definition": f"index={settings.index}"}),)


def of_detector(needs: DetectorNeeds) -> Sequence[Resource]:
    """What *needs* call for, in the order of creation."""
    found: list[Resource] = []
    sourcetypes = sourcetypes_of(str(needs.selection.get("search", "")))
    named = bool(needs.selection.get("id"))
    found += [] if named else [_event_id(one) for one in sourcetypes]
    if Enrichment.ENTITY in needs.enriches:
        entity = field_in_events(needs.entity_field, needs.selection)
        found.append(_entities(needs))
        found += [_automatic(needs, one, entity) for one in sourcetypes]
    return found


def field_in_events(field: str, selection: Mapping[str, object]) -> str:
    """The name of the event field *field* in the events of *selection*.

    A lookup has a single name for it: the detector's own, or that of the information model.
    """
    names = Selection.of(selection).looked_for(field)
    return names[-1] if field in CIM else names[0]


def sourcetypes_of(search: str) -> tuple[str, ...]:
    """The sourcetypes that *search* names literally, sorted; without wildcards and exclusions."""
    found = set()
    for match in _NAMED.finditer(search):
        if not _NOT.search(search[: match.start()]):
            found.add(match[1] or match[2])
    for match in _LISTED.finditer(search):
        if not _NOT.search(search[: match.start()]):
            values = (value.strip().strip('"') for value in match[1].split(","))
            found.update(value for value in values if value and "*" not in value)
    return tuple(sorted(found))


def stanza_of(resource: Resource) -> str:
    """The stanza that holds *resource*."""
    return resource.name.rpartition(OF_STANZA)[0] if resource.kind == PROPS else resource.name


def lookup_name(detector: str) -> str:
    """The name of the lookup for the entities of *detector*."""
    return f"{ENTITIES}_{detector}"


def _entities(needs: DetectorNeeds) -> Resource:
    body: Mapping[str, object] = {
        "external_type": "kvstore",
        "collection": ENTITIES,
        "fields_list": "_key, detector, entity, score, risk, alert, reasons, version, event_time",
        "filter": f'detector="{needs.detector}"',
        # More fields would turn each field into a list.
        "max_matches": "1",
        "case_sensitive_match": "true",
    }
    return _of(needs, TRANSFORM, lookup_name(needs.detector), body)


def _automatic(needs: DetectorNeeds, sourcetype: str, entity: str) -> Resource:
    score, _ = own_fields(needs.detector)
    stem = score.removesuffix(".score").replace(".", "_").replace("-", "_")
    shown = " ".join(f"{name} AS {stem}_{name}" for name in _SHOWN)
    key = f"LOOKUP-scoreback_{needs.detector}"
    value = f'{lookup_name(needs.detector)} entity AS "{entity}" OUTPUTNEW {shown}'
    return _of(needs, PROPS, f"{sourcetype}{OF_STANZA}{key}", {key: value})


def _event_id(sourcetype: str) -> Resource:
    """No single detector owns it: all detectors of the sourcetype use it for event ids."""
    key = "EVAL-scoreback_event_id"
    return Resource(kind=PROPS, name=f"{sourcetype}{OF_STANZA}{key}", body={key: EVENT_ID})


def _of(needs: DetectorNeeds, kind: str, name: str, body: Mapping[str, object]) -> Resource:
    return Resource(kind=kind, name=name, body=body, detector=needs.detector, version=needs.version)
