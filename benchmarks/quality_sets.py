"""The real sets that benchmarks/quality.py asks about: how each is read, named and cut."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from real_data import ALERT_FIELDS, CVE_FIELDS, NETWORKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One set, and what is asked of it.

    ``rows`` gives a table with ``id``, ``@timestamp``, ``source`` and one column per ECS field. The
    columns are what a plain script would take: every one but labels and identities.
    """

    name: str
    detector: str
    rows: Callable[[Path], pd.DataFrame]
    cut: datetime  # learnt from what lies before, judged on what comes after
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


def _named(path: Path, fields: dict[str, str]) -> pd.DataFrame:
    """The columns of *path* under their ECS names, as text."""
    found = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    return pd.DataFrame({name: found[column] for name, column in fields.items()})


def _times(text: pd.Series) -> pd.Series:
    return pd.to_datetime(text, format="ISO8601", utc=True)


def _epoch(seconds: pd.Series) -> pd.Series:
    microseconds = (pd.to_numeric(seconds, errors="coerce") * 1e6).round().astype("int64")
    return pd.to_datetime(microseconds, unit="us", utc=True)


def _alerts(data: Path) -> pd.DataFrame:
    parts = []
    fields = {name: column for name, column in ALERT_FIELDS.items() if column != "network"}
    for network in NETWORKS:
        part = _named(data / "ait-alerts" / f"{network}.csv.gz", {"time": "time", **fields})
        part["labels.network"] = part["source"] = network
        part["id"] = [f"{network}-{number:06}" for number in range(len(part))]
        parts.append(part)
    found = pd.concat(parts, ignore_index=True)
    found["@timestamp"] = _epoch(found.pop("time"))
    return found


def _vulnerabilities(data: Path) -> pd.DataFrame:
    found = _named(data / "cve-kev" / "cves.csv.gz", {"time": "date_published", **CVE_FIELDS})
    found["@timestamp"] = _times(found.pop("time"))
    found["id"] = found["vulnerability.id"]
    found["source"] = found["@timestamp"].dt.strftime("%Y-%m")
    return found


def _flows(data: Path) -> pd.DataFrame:
    fields = {
        "source": "capture", "time": "ts", "id": "uid", "source.ip": "src_ip",
        "destination.port": "dst_port", "network.transport": "proto",
        "network.protocol": "service", "event.duration": "duration", "source.bytes": "orig_bytes",
        "destination.bytes": "resp_bytes", "zeek.connection.state": "conn_state",
        "zeek.connection.history": "history", "source.packets": "orig_pkts",
        "destination.packets": "resp_pkts", "event.outcome_label": "label",
    }  # fmt: skip
    found = _named(data / "stratosphere-zeek-conn" / "train.csv.gz", fields)
    found["@timestamp"] = _epoch(found.pop("time"))
    return found


def _texts(path: str, text: str, label: str, field: str) -> Callable[[Path], pd.DataFrame]:
    """Lines without a time, in a drawn order over forty days."""

    def rows(data: Path) -> pd.DataFrame:
        found = _named(data / path, {field: text, "event.outcome_label": label})
        found = found.sample(frac=1, random_state=7, ignore_index=True)
        found["id"] = found["event.id"] = [f"line-{number:06}" for number in range(len(found))]
        seconds = np.linspace(0, 40 * 86_400, len(found), endpoint=False).astype("int64")
        found["@timestamp"] = pd.Timestamp(2026, 1, 1, tz="UTC") + pd.to_timedelta(seconds, "s")
        found["source"] = "all"
        return found

    return rows


_CVE_NUMBERS = (
    "vulnerability.score.base", "labels.products_affected", "labels.references",
    "labels.reference_exploit_tag", "labels.reference_patch_tag", "labels.reference_github",
    "labels.reference_exploitdb",
)  # fmt: skip
_CVE_CATEGORIES = (
    "vulnerability.category", "vulnerability.score.version", "package.vendor", "labels.assigner",
    "labels.attack_vector", "labels.attack_complexity", "labels.privileges_required",
    "labels.user_interaction", "labels.scope", "labels.confidentiality", "labels.integrity",
    "labels.availability",
)  # fmt: skip
_TEXT_CUT = datetime(2026, 1, 29, tzinfo=UTC)  # seven tenths

QUESTIONS = (
    Question(
        name="ait-alerts", detector="ait_alerts", rows=_alerts,
        cut=datetime(2022, 1, 19, tzinfo=UTC), categories=("rule.id", "rule.name"),
    ),
    Question(
        name="cve-kev", detector="cve_kev", rows=_vulnerabilities,
        cut=datetime(2024, 6, 1, tzinfo=UTC), numbers=_CVE_NUMBERS, categories=_CVE_CATEGORIES,
    ),
    Question(
        name="cve-exploitation", detector="cve_exploitation", rows=_vulnerabilities,
        cut=datetime(2024, 6, 1, tzinfo=UTC), numbers=_CVE_NUMBERS, categories=_CVE_CATEGORIES,
    ),
    Question(
        name="stratosphere-zeek-conn", detector="zeek_conn", rows=_flows,
        cut=datetime(2022, 6, 13, 22, tzinfo=UTC),
        numbers=("destination.port", "event.duration", "source.bytes", "destination.bytes",
                 "source.packets", "destination.packets"),
        categories=("network.transport", "network.protocol", "zeek.connection.state",
                    "zeek.connection.history"),
    ),
    Question(
        name="http-params", detector="http_params", cut=_TEXT_CUT, texts=("url.query",),
        rows=_texts("http-params/train.csv.gz", "payload", "label", "url.query"),
    ),
    Question(
        name="shell-commands", detector="shell_commands", cut=_TEXT_CUT,
        texts=("process.command_line",),
        rows=_texts("shell-commands/commands.csv.gz", "command_line", "label",
                    "process.command_line"),
    ),
)  # fmt: skip
