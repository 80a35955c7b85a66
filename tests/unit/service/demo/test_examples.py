from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from scoreback.models.detector.file import load_detector
from scoreback.models.detector.spec import Detector
from scoreback.models.features.event_features import FeaturePlan
from scoreback.service.demo.company import STREAMS, Day, StreamName

EXAMPLES = sorted((Path(__file__).parents[4] / "examples" / "detectors").glob("*.yml"))
EVENT_TIMES = {"event_time", "arrival_time"}
Days = dict[StreamName, list[Day]]

every_example = pytest.mark.parametrize("path", EXAMPLES, ids=[p.stem for p in EXAMPLES])


def stream_of(detector: Detector) -> StreamName:
    [stream] = [s for s in STREAMS if s == detector.events["local"]["stream"]]
    return stream


def test_there_is_one_example_for_each_use_case_and_stream() -> None:
    detectors = [load_detector(path) for path in EXAMPLES]
    assert {d.use_case for d in detectors} == {
        "threat_detection", "incident_response", "vulnerability_management",
    }  # fmt: skip
    assert sorted(stream_of(d) for d in detectors) == sorted(STREAMS)
    assert [d.name for d in detectors] == [path.stem for path in EXAMPLES]


@every_example
def test_every_field_an_example_names_is_filled_in_its_events(path: Path, days: Days) -> None:
    detector = load_detector(path)
    events = pa.concat_tables([day.events for day in days[stream_of(detector)]])
    label = detector.labels.field
    named = {*FeaturePlan.of(detector).fields, detector.entity, *detector.write.copy_fields}
    if label and label.time:
        named |= {label.name, label.time}
    for field in named - EVENT_TIMES:
        assert field in events.column_names
        assert events[field].null_count < 0.8 * events.num_rows, field


@every_example
def test_no_example_looks_at_its_label(path: Path) -> None:
    detector = load_detector(path)
    label = detector.labels.field
    hidden = {label.name, label.time} if label else set()
    assert not hidden & set(FeaturePlan.of(detector).fields)


@every_example
def test_the_label_field_of_an_example_holds_both_answers(path: Path, days: Days) -> None:
    detector = load_detector(path)
    label = detector.labels.field
    if label is None:
        assert detector.labels.verdicts is not None
        return
    events = pa.concat_tables([day.events for day in days[stream_of(detector)]])
    assert set(pc.unique(events[label.name]).to_pylist()) == {
        *label.positive, *(label.negative or ()), None,
    }  # fmt: skip


@every_example
def test_an_example_points_editors_to_the_schema(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=detector.schema.json"
