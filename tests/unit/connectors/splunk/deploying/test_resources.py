import pytest

from scoreback.connectors.splunk.deploying.resources import of_detector, sourcetypes_of, stanza_of
from scoreback.deployment import DetectorNeeds, Resource
from scoreback.records import Enrichment


def needs(search: str, *, enrich: bool = True, **selection: object) -> DetectorNeeds:
    return DetectorNeeds(
        detector="exfil-dns",
        version="v1-aa",
        entity_field="source.ip",
        selection={"search": search, **selection},
        enriches=frozenset({Enrichment.ENTITY} if enrich else ()),
    )


def wanted(found: DetectorNeeds) -> list[Resource]:
    return list(of_detector(found))


@pytest.mark.parametrize(
    ("search", "sourcetypes"),
    [
        ("index=ids sourcetype=suricata event_type=alert", ("suricata",)),
        ('index=ids sourcetype="wine vent" (sourcetype=a)', ("a", "wine vent")),
        ("index=ids sourcetype IN (a, \"b c\", d*)", ("a", "b c")),
        ("index=ids sourcetype=win*", ()),
        ("index=ids NOT sourcetype=noise sourcetype=good", ("good",)),
        ("index=ids orig_sourcetype=x", ()),
        ("index=ids", ()),
    ],
)  # fmt: skip
def test_the_sourcetypes_are_those_that_the_search_names(
    search: str, sourcetypes: tuple[str, ...]
) -> None:
    assert sourcetypes_of(search) == sourcetypes


def test_a_detector_of_entities_has_a_lookup_of_its_own_and_shows_it_on_its_sourcetype() -> None:
    event_id, lookup, automatic = wanted(needs("index=ids sourcetype=suricata"))
    assert (event_id.kind, stanza_of(event_id)) == ("props", "suricata")
    assert lookup.name == "scoreback_entities_exfil-dns"
    assert lookup.body["filter"] == 'detector="exfil-dns"'
    assert automatic.name == "suricata : LOOKUP-scoreback_exfil-dns"
    (line,) = automatic.body.values()
    assert str(line).startswith('scoreback_entities_exfil-dns entity AS "src" OUTPUTNEW score AS')
    assert "scoreback_detectors_exfil_dns_reasons" in str(line)


def test_a_detector_that_names_its_events_needs_no_calculated_field() -> None:
    found = wanted(needs("index=ids sourcetype=suricata", id=["flow_id"], enrich=False))
    assert found == []


def test_the_calculated_field_belongs_to_no_detector() -> None:
    (event_id,) = wanted(needs("index=ids sourcetype=suricata", enrich=False))
    assert event_id.detector == ""
    assert event_id.body == {
        "EVAL-scoreback_event_id": 'sha256(_time.":".host.":".source.":"._raw)'
    }
