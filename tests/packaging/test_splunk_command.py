"""`| scoreback` as splunkd runs it: by the chunked protocol, on each Python that Splunk has, over
the collections of a simulated splunkd."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoreback.connectors.splunk.connector import SplunkConnector
from scoreback.connectors.splunk.names import IN_FORCE, MODELS
from scoreback.connectors.splunk.native import models as kept
from scoreback.connectors.splunk.wire.export import search as exported
from scoreback.deployment import DetectorNeeds, ModelResource, NativePoint
from scoreback.models.portable.hard_events import hard_events
from scoreback.models.portable.making import portable_model
from scoreback.models.portable.parity import service_scores
from scoreback.models.portable.thresholds import cut_of
from scoreback.portable.model import PortableModel
from tests.elasticsearch.node import in_ci
from tests.packaging.splunk_command import (
    PYTHONS,
    Answer,
    answer,
    execute,
    getinfo,
    python,
    rows_of,
    table,
)
from tests.splunkd.fixtures import APP
from tests.splunkd.serving import running
from tests.splunkd.simulator import Options, Simulator
from tests.unit.models.portable.conftest import _artifact

AT = datetime(2026, 3, 2, tzinfo=UTC)
NAMES = {
    "network.bytes": "bytes", "network.packets": "pkts", "rule.id": "signature_id",
    "source.ip": "src", "url.path": "url.path",
}  # fmt: skip
ASKED = ["_time", "_indextime", *NAMES.values()]
SELECTION = {"search": "index=x", "fields": {"network.packets": "pkts"}}


@pytest.fixture(params=PYTHONS)
def program(request: pytest.FixtureRequest) -> Path:
    found = python(request.param)
    if found is None:
        (pytest.fail if in_ci() else pytest.skip)(f"there is no Python {request.param}")
    return found


@pytest.fixture(scope="module")
def newest() -> Path:
    found = python(PYTHONS[-1])
    if found is None:
        (pytest.fail if in_ci() else pytest.skip)(f"there is no Python {PYTHONS[-1]}")
    return found


@dataclass(frozen=True)
class Splunk:
    """A simulator with our app, and the connection to it."""

    simulator: Simulator
    connector: SplunkConnector
    key: str

    def put(self, model: PortableModel, *, threshold: float | None = None) -> ModelResource:
        needs = DetectorNeeds(
            detector=model.detector, version=model.version, entity_field="source.ip",
            selection=SELECTION, enriches=frozenset(), model=model,
        )  # fmt: skip
        (resource,) = [
            one for one in self.connector.resources.of_detector(needs)
            if isinstance(one, ModelResource)
        ]  # fmt: skip
        self.connector.resources.apply(resource)
        limit = model.threshold if threshold is None else threshold
        self.connector.native.put_in_force(
            NativePoint(
                detector=model.detector, entity_field="source.ip", version=model.version,
                digest=resource.digest, threshold=limit, cut=cut_of(limit), updated_at=AT,
            )
        )  # fmt: skip
        return resource

    def said(self, *arguments: str) -> bytes:
        return getinfo(arguments, self.simulator.url, self.key)


@pytest.fixture(scope="module")
def splunk() -> Iterator[Splunk]:
    with running(Options(apps=(APP,))) as simulator:
        given = {"url": simulator.url, "user": "admin", "password": "changed!"}
        connector = SplunkConnector.open("splunk", given)
        key = simulator.head.accounts.log_in("admin", "changed!")
        assert key is not None
        yield Splunk(simulator, connector, key)
        connector.close_connection()


@pytest.fixture(scope="module")
def model() -> PortableModel:
    return portable_model(_artifact("xgboost"), "v1-1a2b3c4d")


@pytest.mark.parametrize("algorithm", ["xgboost", "logistic_regression"])
def test_ten_thousand_hard_rows_score_and_alert_as_in_the_service(
    splunk: Splunk, program: Path, algorithm: str, tmp_path: Path
) -> None:
    artifact = _artifact(algorithm)
    model = portable_model(artifact, "v1-1a2b3c4d")
    events = hard_events(model, 10_000, seed=11)
    expected = service_scores(artifact, events)
    threshold = float(np.quantile(expected, 0.95, method="higher"))
    splunk.put(model, threshold=threshold)
    rows = rows_of(events, NAMES)
    cuts = [0, 7_000, 8_800, 9_900, 10_000]  # rows scored twice together, once, some, and a few
    bodies = [table(rows[a:b], ASKED) for a, b in pairwise(cuts)]
    said = splunk.said("detector=hard", "reasons=2") + execute(bodies)
    found = answer(program, said, tmp_path)
    assert found.status == 0, found.errors
    assert found.errors == ""
    scores = np.array([float(row["scoreback_score"]) for row in found.rows])
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-6)
    alerts = np.array([row["scoreback_alert"] == "1" for row in found.rows])
    np.testing.assert_array_equal(alerts, expected >= threshold)
    assert (expected == threshold).any()
    assert {row["scoreback_threshold"] for row in found.rows} == {repr(threshold)}
    assert {row["scoreback_version"] for row in found.rows} == {"v1-1a2b3c4d"}
    assert not any(r["scoreback_reasons"] for r in found.rows if r["scoreback_alert"] == "0")
    for row in found.rows:
        if row["scoreback_alert"] == "1":
            reasons = _reasons_that_add_up(row)
            texts = {r["value"][:200] for r in reasons if isinstance(r["value"], str)}
            assert texts <= _own_texts(row)


def test_reasons_add_up_to_the_log_odds_of_the_score(
    splunk: Splunk, newest: Path, model: PortableModel
) -> None:
    splunk.put(model, threshold=0.0)
    rows = rows_of(hard_events(model, 50, seed=3), NAMES)
    said = splunk.said("detector=hard", "reasons=3") + execute([table(rows, ASKED)])
    for row in answer(newest, said).rows:
        reasons = _reasons_that_add_up(row)
        assert len(reasons) <= 3
        assert all(set(r) == {"feature", "value", "contribution", "text"} for r in reasons)


def _reasons_that_add_up(row: Mapping[str, str]) -> list[dict[str, Any]]:
    """The reasons of a row of trees or terms, which together are its log-odds."""
    told: list[dict[str, Any]] = json.loads(row["scoreback_reasons"])
    *reasons, last = told
    assert set(last) == {"base", "rest", "by"}
    assert last["by"] in ("path contributions", "linear terms")
    total = sum(r["contribution"] for r in reasons) + last["base"] + last["rest"]
    score = float(row["scoreback_score"])
    assert total == pytest.approx(np.log(score / (1 - score)), abs=1e-5)
    return reasons


def _own_texts(row: Mapping[str, str]) -> set[str]:
    """What a reason may name of the row, which is at most 200 characters of a field."""
    texts = {row[name] for name in ASKED}
    for name in ASKED:
        values = re.findall(r"\$((?:[^$]|\$\$)*)\$", row.get(f"__mv_{name}", ""))
        texts.add(", ".join(sorted({value.replace("$$", "$") for value in values})))
    return {text[:200] for text in texts}


def test_rows_come_back_as_they_were_with_the_new_fields_at_the_end(
    splunk: Splunk, program: Path, model: PortableModel
) -> None:
    splunk.put(model, threshold=0.999999)
    body = (
        'bytes,"_chunked_idx","odd ""name""",_raw,"__mv_bytes"\n'
        '12,0,"a,b","two\nlines",\n'
        '"4\n5",1,,"q""uote, é\u2028 $;$",$4$;$5$\n'
        ",2,,\ud800,\n"
    ).encode("utf-8", "surrogatepass")
    found = answer(program, splunk.said("detector=hard") + execute([body]))
    assert found.status == 0, found.errors
    lines = found.bodies[1].split("\n")
    assert lines[0].startswith('bytes,"_chunked_idx","odd ""name""",_raw,"__mv_bytes",scoreback_')
    assert lines[1] == '12,0,"a,b","two'
    assert lines[4].startswith('5",1,,"q""uote, é\u2028 $;$",$4$;$5$,0.')
    assert [row["_chunked_idx"] for row in found.rows] == ["0", "1", "2"]
    assert found.metadata[1:] == [{"finished": False}, {"finished": True}]


def test_lines_that_end_otherwise_and_fields_that_hold_nul_are_read(
    splunk: Splunk, program: Path, model: PortableModel
) -> None:
    splunk.put(model)
    plain = answer(program, splunk.said("detector=hard") + execute([b"bytes,url.path\n7,a\n"]))
    other = answer(
        program, splunk.said("detector=hard") + execute([b"bytes,url.path\r\n7,a\r\n\r\n"])
    )
    assert plain.rows == other.rows
    with_nul = answer(program, splunk.said("detector=hard") + execute([b"bytes,x\n7,\0\n"]))
    assert with_nul.status == 0, with_nul.errors


def test_its_fields_are_replaced_where_the_search_has_them_already(
    splunk: Splunk, newest: Path, model: PortableModel
) -> None:
    splunk.put(model)
    body = b'bytes,scoreback_score,scoreback_alert,note\n7,0.1,1,"a,b"\n'
    found = answer(newest, splunk.said("detector=hard") + execute([body]))
    (row,) = found.rows
    assert found.bodies[1].split("\n")[0].count("scoreback_score") == 1
    assert row["note"] == "a,b"
    assert row["scoreback_score"] != "0.1"


@pytest.mark.parametrize(
    ("header", "values"),
    [("bytes,pkts", "12,3"), ("network.bytes,pkts", "12,3"), ("network{}.bytes,pkts", "12,3")],
)
def test_a_field_is_found_under_each_name_that_the_service_reads_it_by(
    splunk: Splunk, newest: Path, model: PortableModel, header: str, values: str
) -> None:
    splunk.put(model)
    known = answer(newest, splunk.said("detector=hard") + execute([b"bytes,pkts\n12,3\n"]))
    body = f"{header}\n{values}\n".encode()
    found = answer(newest, splunk.said("detector=hard") + execute([body]))
    assert found.rows[0]["scoreback_score"] == known.rows[0]["scoreback_score"]
    nothing = answer(newest, splunk.said("detector=hard") + execute([b"x,pkts\n1,null\n"]))
    assert nothing.rows[0]["scoreback_score"] != known.rows[0]["scoreback_score"]


def test_an_event_did_not_happen_after_it_was_indexed(
    splunk: Splunk, newest: Path, model: PortableModel
) -> None:
    splunk.put(model)
    before_six = "1740808799"  # 05:59:59 UTC
    rows = [
        {"_time": "1740808800.5", "_indextime": before_six, "bytes": "7"},
        {"_time": before_six, "_indextime": before_six, "bytes": "7"},
        {"_time": "1740808800.5", "_indextime": "1740808801", "bytes": "7"},
    ]
    found = answer(newest, splunk.said("detector=hard") + execute([table(rows, ASKED)])).rows
    late, on_time, at_six = (row["scoreback_score"] for row in found)
    assert late == on_time != at_six


def test_it_says_where_it_runs_and_what_it_needs(
    splunk: Splunk, program: Path, model: PortableModel
) -> None:
    splunk.put(model)
    found = answer(program, splunk.said("detector=hard"))
    (told,) = found.metadata
    assert told["type"] == "stateful", "indexers cannot read the collections"
    assert {"_time", "_indextime", "bytes", "network.bytes", "pkts", "src"} <= set(
        told["required_fields"]
    )
    assert "network.packets" not in told["required_fields"], "the detector's file calls it pkts"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no detector is given"),
        (["hard"], "'hard' is not an argument"),
        (["detector=hard", "reason=2"], "'reason=2' is not an argument"),
        (["detector=hard", "detector=x"], "given twice"),
        (["detector=hard", "reasons=many"], "not a number from 0 to 10"),
        (["detector=nobody"], "detector 'nobody' is not in force"),
        (["detector=hard", "version=v9"], "version 'v9' of detector 'hard' is not in this Splunk"),
    ],
)
def test_what_cannot_be_is_told_with_the_remedy(
    splunk: Splunk, program: Path, model: PortableModel, arguments: list[str], said: str
) -> None:
    splunk.put(model)
    assert said in answer(program, splunk.said(*arguments)).error


def test_a_detector_that_no_search_can_score_says_why(splunk: Splunk, newest: Path) -> None:
    why = "'count' looks at earlier events, which only the service keeps"
    splunk.connector.native.put_in_force(
        NativePoint(
            detector="windows", entity_field="source.ip", version="v1", why=why, updated_at=AT
        )
    )
    told = answer(newest, splunk.said("detector=windows")).error
    assert why in told
    assert "`scoreback(windows)` returns its scores" in told


Damage = Callable[[Splunk], None]


def _without_a_part(splunk: Splunk) -> None:
    splunk.connector.resources._kv.delete(MODELS, "hard:v1-1a2b3c4d:1")


def _changed(splunk: Splunk) -> None:
    row = splunk.connector.resources._kv.get(MODELS, "hard:v1-1a2b3c4d:0")
    assert row is not None
    row["text"] = row["text"].replace('"intercept":', '"intercept":1', 1)
    splunk.connector.resources._kv.save(MODELS, [row])


def _without_a_threshold(splunk: Splunk) -> None:
    row = splunk.connector.resources._kv.get(IN_FORCE, "hard")
    assert row is not None
    del row["threshold"]
    splunk.connector.resources._kv.save(IN_FORCE, [row])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_without_a_part, "is incomplete: part 1 of 4 is missing"),
        (_changed, "its digest differs"),
        (_without_a_threshold, "has no threshold"),
    ],
)
def test_a_damaged_model_scores_nothing(
    splunk: Splunk, newest: Path, model: PortableModel, damage: Damage, said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(kept, "PART", -(-len(model.as_text()) // 4) + 500)
    splunk.put(model)
    damage(splunk)
    assert said in answer(newest, splunk.said("detector=hard")).error


def test_collections_that_cannot_be_read_are_told(splunk: Splunk, program: Path) -> None:
    refused = answer(program, getinfo(["detector=hard"], splunk.simulator.url, "not a key"))
    assert "401" in refused.error
    nobody = answer(program, getinfo(["detector=hard"], "http://127.0.0.1:1", "k"))
    assert "splunkd did not answer at http://127.0.0.1:1" in nobody.error


def test_a_model_is_fetched_once_and_kept_by_its_digest(
    splunk: Splunk, newest: Path, model: PortableModel, tmp_path: Path
) -> None:
    resource = splunk.put(model)
    rows = execute([b"bytes\n7\n"])
    first = answer(newest, splunk.said("detector=hard") + rows, tmp_path)
    splunk.connector.resources.remove(resource)
    again = answer(newest, splunk.said("detector=hard") + rows, tmp_path)
    assert again.rows == first.rows, again.errors
    (kept_file,) = (tmp_path / "var" / "run" / "splunk" / "scoreback_models").iterdir()
    assert kept_file.stem == resource.digest
    kept_file.write_text(kept_file.read_text().replace("hard", "soft"))
    told = answer(newest, splunk.said("detector=hard") + rows, tmp_path).error
    assert "is not in this Splunk" in told, "what was changed on disk is not used"


def test_the_version_and_threshold_in_force_are_followed(
    splunk: Splunk, newest: Path, model: PortableModel
) -> None:
    splunk.put(replace(model, version="v1"), threshold=0.25)
    splunk.put(replace(model, version="v2", intercept=model.intercept + 1), threshold=0.75)
    rows = execute([b"bytes\n7\n"])
    now = answer(newest, splunk.said("detector=hard") + rows).rows[0]
    before = answer(newest, splunk.said("detector=hard", "version=v1") + rows).rows[0]
    assert (now["scoreback_version"], now["scoreback_threshold"]) == ("v2", "0.75")
    assert (before["scoreback_version"], before["scoreback_threshold"]) == ("v1", "0.5")
    assert float(now["scoreback_score"]) > float(before["scoreback_score"])


def test_what_is_no_chunk_is_told(newest: Path) -> None:
    assert "which is not a valid chunk header" in answer(newest, b"GET / HTTP/1.1\n").error
    assert "sent only 3 of 9 bytes" in answer(newest, b"chunked 1.0,9,0\nabc").error


def test_a_search_finds_what_reaches_the_threshold(splunk: Splunk, model: PortableModel) -> None:
    events = hard_events(model, 60, seed=5)
    splunk.put(model, threshold=0.5)
    expected = service_scores(_artifact("xgboost"), [e for e in events if _plain(e.values)])
    raws = [e for e in events if _plain(e.values)]
    splunk.simulator.add_events(
        {
            "raw": {NAMES[field]: values[0] for field, values in e.values.items() if values},
            "time": e.event_time / 1e6, "indextime": e.arrival_time / 1e6, "index": "main",
        }
        for e in raws
    )  # fmt: skip
    search = "search index=main | scoreback detector=hard | where scoreback_alert=1"
    found = _searched(splunk, search)
    assert len(found) == int((expected >= 0.5).sum()) > 0
    scores = sorted(float(row["scoreback_score"]) for row in found)
    np.testing.assert_allclose(scores, sorted(expected[expected >= 0.5]), atol=1e-6)


def _plain(values: Mapping[str, Sequence[str]]) -> bool:
    return all(len(each) < 2 for each in values.values())


def _searched(splunk: Splunk, search: str) -> list[dict[str, Any]]:
    return exported(splunk.connector.client, search)


def test_an_answer_without_rows_is_none(splunk: Splunk, newest: Path, model: PortableModel) -> None:
    splunk.put(model)
    found: Answer = answer(newest, splunk.said("detector=hard") + execute([b"bytes\n"]))
    assert found.status == 0
    assert found.rows == []
