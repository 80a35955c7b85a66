"""Detectors on real data, by the product's own commands: load, train, score, list alerts.

Two data sets, never pooled over what they hold apart:

- AIT alert data set: 811,466 IDS alerts of five company networks. Each network is judged by a model
  that never saw it; then a model of the first two networks scores the three that came later.
- CVE records with CISA's decisions: published before June 2024 for learning (February to May alone
  where all records of a month are needed), June and July 2024 for judging.

``python benchmarks/real_data.py [DATA_FOLDER] [--json]``; the folder is else ``SCOREBACK_DATA``,
else ``../shared/data`` beside this repository. The workspace is a temporary folder.
"""

import argparse
import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from judging import Judged, Truth, judge

from scoreback.models.detector.file import load_detector
from scoreback.models.judging.threshold import suppression_of

ROOT = Path(__file__).resolve().parents[1]
DETECTORS = ROOT / "benchmarks" / "detectors"
# In order of time; the attack on the second ends before the third begins.
NETWORKS = ("santos", "fox", "wardbeck", "russellmitchell", "shaw")
ALERT_FIELDS = {
    "labels.network": "network",
    "host.ip": "ip",
    "host.name": "host",
    "rule.id": "short",
    "rule.name": "name",
    "labels.attack_step": "event_label",
}
CVE_FIELDS = {
    "vulnerability.id": "cve_id",
    "vulnerability.category": "cwe",
    "vulnerability.description": "description",
    "vulnerability.score.base": "cvss_score",
    "vulnerability.score.version": "cvss_version",
    "package.vendor": "vendor",
    "package.name": "product",
    "labels.assigner": "assigner",
    "labels.products_affected": "n_affected",
    "labels.attack_vector": "cvss_AV",
    "labels.attack_complexity": "cvss_AC",
    "labels.privileges_required": "cvss_PR",
    "labels.user_interaction": "cvss_UI",
    "labels.scope": "cvss_S",
    "labels.confidentiality": "cvss_C",
    "labels.integrity": "cvss_I",
    "labels.availability": "cvss_A",
    "labels.references": "n_refs",
    "labels.reference_exploit_tag": "ref_exploit_tag",
    "labels.reference_patch_tag": "ref_patch_tag",
    "labels.reference_github": "ref_github",
    "labels.reference_exploitdb": "ref_exploitdb",
    "labels.exploitation": "ssvc_exploitation",
    "labels.decided_at": "ssvc_timestamp",
    "labels.kev": "kev",
    "labels.kev_date_added": "kev_date_added",
}


@dataclass(slots=True)
class Workspace:
    """A folder that the command line works on, and how long each command took."""

    home: Path
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, step: str, *arguments: str | Path) -> Any:  # noqa: ANN401 - JSON
        """What the command says in JSON; a failure ends the benchmark with its own words."""
        command = [str(Path(sys.executable).with_name("scoreback")), *map(str, arguments)]
        begun = time.perf_counter()
        done = subprocess.run(  # noqa: S603 - our own command
            [*command, "--home", str(self.home), "--json"], stdout=subprocess.PIPE, check=False
        )
        self.seconds[step] = round(time.perf_counter() - begun, 1)
        if done.returncode not in (0, 3):  # 3: done, and something to look at
            raise SystemExit(f"{step}: scoreback {arguments[0]} ended with {done.returncode}")
        return json.loads(done.stdout)

    def load(self, step: str, files: Sequence[Path], stream: str, key: str, when: str) -> int:
        """Load *files* into *stream*; how many events there are."""
        fields = ALERT_FIELDS if stream == "ait" else CVE_FIELDS
        mapped = [part for n, c in fields.items() for part in ("--field", f"{n}={c}")]
        reports = self.run(
            step, "load", *files, "--stream", stream, "--time", when, "--id", key, *mapped
        )
        return sum(report["loaded"] for report in reports)

    def judged(self, name: str, truth: Truth, *, trained: str, until: str) -> dict[str, Any]:
        """Train as of *trained*, score what came until *until*, and judge what was shown."""
        file = DETECTORS / f"{name}.yml"
        training = self.run(f"{name}: train", "train", file, "--as-of", trained, "--promote")
        scored = self.run(f"{name}: score", "score", file, "--since", trained, "--until", until)
        alerts = self.run(
            f"{name}: list alerts", "verdict", "--all", "--limit", "1000000", "--detector", name
        )
        rule = suppression_of(load_detector(file))
        return {
            "training": training,
            "scored": scored["scored"],
            "judged": judge(self.home, truth, alerts, rule),
        }


def with_network(data: Path, folder: Path) -> list[Path]:
    """Every network's alerts with two columns more: an id, and the network's name."""
    files = []
    for network in NETWORKS:
        files.append(folder / f"{network}.csv")
        with (
            gzip.open(data / "ait-alerts" / f"{network}.csv.gz", "rt", newline="") as rows,
            files[-1].open("w", newline="") as file,
        ):
            reader, writer = csv.reader(rows), csv.writer(file)
            writer.writerow(["id", "network", *next(reader)])
            writer.writerows(
                [f"{network}-{number:06}", network, *row] for number, row in enumerate(reader)
            )
    return files


def alerts_of_networks(data: Path, folder: Path) -> dict[str, Any]:
    """The five networks: each held out, then the later ones scored by a model of the first."""
    workspace = Workspace(folder / "ait")
    loaded = workspace.load("ait: load", with_network(data, folder), "ait", "id", "time")
    file = DETECTORS / "ait_alerts.yml"
    held_out = workspace.run("ait: train and hold out", "train", file, "--as-of", "2022-02-01")
    labels = load_detector(file).labels.field
    truth = Truth(
        stream="ait",
        label="labels.attack_step",
        positive=tuple(labels.positive) if labels else (),
        entity="host.ip",
        group="labels.network",
        kind="rule.id",
    )
    later = workspace.judged("ait_alerts", truth, trained="2022-01-19", until="2022-02-01")
    return {"loaded": loaded, "held_out": held_out, "later": later, "seconds": workspace.seconds}


def vulnerabilities(data: Path, folder: Path) -> dict[str, Any]:
    """Two questions about the same CVE records, each with its own labels."""
    workspace = Workspace(folder / "cve")
    records = [data / "cve-kev" / "cves.csv.gz"]
    found: dict[str, Any] = {
        "loaded": workspace.load("cve: load", records, "cve", "cve_id", "date_published")
    }
    questions = {
        "cve_kev": Truth(
            stream="cve",
            label="labels.kev",
            positive=("1",),
            entity="vulnerability.id",
            queue="vulnerability.score.base",
        ),
        "cve_exploitation": Truth(
            stream="cve",
            label="labels.exploitation",
            positive=("poc", "active"),
            entity="vulnerability.id",
            queue="vulnerability.score.base",
        ),
    }
    for name, truth in questions.items():
        found[name] = workspace.judged(name, truth, trained="2024-06-01", until="2024-08-01")
    return found | {"seconds": workspace.seconds}


def main() -> None:
    """Run both data sets and print their tables, or everything as JSON."""
    parser = argparse.ArgumentParser(description="Detectors on real data.")
    beside = os.environ.get("SCOREBACK_DATA", str(ROOT.parent / "shared" / "data"))
    parser.add_argument("data", nargs="?", type=Path, default=Path(beside))
    parser.add_argument("--only", choices=("ait", "cve"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    parts = {"ait": alerts_of_networks, "cve": vulnerabilities}
    needed = {"ait": "ait-alerts", "cve": "cve-kev"}
    found = {}
    for name, part in parts.items():
        if arguments.only in (None, name):
            if not (arguments.data / needed[name]).is_dir():
                raise SystemExit(f"there is no folder {needed[name]} in {arguments.data}")
            with tempfile.TemporaryDirectory() as folder:
                found[name] = part(arguments.data, Path(folder))
    if arguments.json:
        print(json.dumps(found, indent=2, default=asdict))
        return
    if "ait" in found:
        _print_networks(found["ait"])
    if "cve" in found:
        _print_vulnerabilities(found["cve"])


def _print_networks(found: dict[str, Any]) -> None:
    apart = found["held_out"]["held_out"]
    print(f"AIT alert data set: {found['loaded']:,} alerts of {len(NETWORKS)} networks")
    print(f"\nEach network by a model of the others ({found['held_out']['chosen']})")
    print(
        f"{'':>17}{'precision':>10}{'labelled':>9}{'alerts/day':>11}{'incidents':>10}"
        f"{'AP':>7}{'single':>8}"
    )
    for value in apart["values"]:
        at, single = value["evaluation"]["at_budget"], value["baseline"]
        shown = f"{at['incidents_found']}/{at['incidents']}"
        print(
            f"{value['value']:>17}{_figure(at['precision']):>10}"
            f"{_figure(at['precision_labelled']):>9}{at['alerts_per_day']:>11.1f}{shown:>10}"
            f"{value['evaluation']['average_precision']:>7.3f}{single['average_precision']:>8.3f}"
        )
    singles = [value["baseline"]["average_precision"] for value in apart["values"]]
    print(
        f"macro average precision {apart['mean_average_precision']:.3f}, worst "
        f"{apart['worst_average_precision']:.3f}; best single feature "
        f"{sum(singles) / len(singles):.3f}, worst {min(singles):.3f}"
    )
    _print_training(found["later"]["training"])
    print("Later networks, scored as they came by a model of the first two")
    _print_judged(found["later"]["judged"])
    _print_seconds(found["seconds"])


def _print_vulnerabilities(found: dict[str, Any]) -> None:
    print(f"\nCVE records: {found['loaded']:,}")
    for name in ("cve_kev", "cve_exploitation"):
        print(f"\n{name}: learnt from what was published before June 2024, judged on June and July")
        _print_training(found[name]["training"])
        _print_judged(found[name]["judged"])
    _print_seconds(found["seconds"])


def _print_training(training: dict[str, Any]) -> None:
    print("\nOn the last days of the training's own history")
    for candidate in training["candidates"]:
        at, name = candidate["at_budget"], candidate["algorithm"]
        mark = "*" if name == training["chosen"] else " "
        if name == "best_single_feature":
            name += f" ({training['single_feature']})"
        print(
            f" {mark} {name}: precision {_figure(at['precision'])} at {at['alerts_per_day']:.1f} "
            f"alerts a day, incidents {at['incidents_found']}/{at['incidents']}, average precision "
            f"{_figure(candidate['average_precision'])}"
        )


def _print_judged(judged: Sequence[Judged]) -> None:
    print(
        f"{'':>17}{'events':>9}{'alerts/day':>11}{'true/alerts':>12}{'possible':>9}"
        f"{'1st day':>8}{'incidents':>10}{'AP':>7}{'by minute':>10}{'queue':>8}"
    )
    for one in judged:
        print(
            f"{one.name:>17}{one.events:>9,}{one.alerts_a_day:>11.1f}"
            f"{f'{one.true_alerts}/{one.alerts}':>12}{one.possible_true_alerts:>9}"
            f"{one.first_day_alerts:>8}{f'{one.incidents_found}/{one.incidents}':>10}"
            f"{_figure(one.average_precision):>7}{_figure(one.minute_average_precision):>10}"
            f"{'-' if one.queue_true_alerts is None else f'{one.queue_true_alerts:.1f}':>8}"
        )


def _print_seconds(seconds: dict[str, float]) -> None:
    print("\nseconds: " + ", ".join(f"{step} {taken}" for step, taken in seconds.items()))


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
