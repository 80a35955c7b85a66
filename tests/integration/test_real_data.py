"""Real records through the product's own commands; the whole comparison is a benchmark."""

import json
import subprocess
import sys
from pathlib import Path

from tests.shared_data import DATA, require

ROOT = Path(__file__).parents[2]


def test_exploited_vulnerabilities_of_later_months_are_found_better_than_by_their_base_score() -> (
    None
):
    require(DATA / "cve-kev")
    script = str(ROOT / "benchmarks" / "real_data.py")
    command = [sys.executable, script, str(DATA), "--only", "cve", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)["cve"]
    assert found["loaded"] == 35_704
    (judged,) = found["cve_exploitation"]["judged"]
    assert judged["events"] == found["cve_exploitation"]["scored"] == 6_262
    assert judged["true_alerts"] / judged["alerts"] > 2 * judged["positives"] / judged["events"]
    assert judged["true_alerts"] > 1.5 * judged["queue_true_alerts"]
