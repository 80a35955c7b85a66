"""An example of each command, shown at the end of its ``--help``."""

_EXAMPLES = {
    "demo": "scoreback demo --home company",
    "load": "scoreback load alerts.csv --stream alerts --time created --id alert_id",
    "streams": "scoreback streams alerts --json",
    "unload": "scoreback unload alerts.csv --stream alerts",
    "check": "scoreback check alert_queue.yml",
    "new": "scoreback new alert_queue --select stream=alerts",
    "import-sigma": "scoreback import-sigma rule.yml --name encoded_command",
    "validate": "scoreback validate alert_queue.yml --explain",
    "test": "scoreback test detectors --junit tests.xml",
    "backtest": "scoreback backtest alert_queue.yml --since 2026-01-26 --every 7d",
    "train": "scoreback train alert_queue.yml --as-of 2026-02-16",
    "score": "scoreback score detectors --until 2026-02-23T09:00:00Z",
    "verdict": "scoreback verdict 3f9a1c benign_positive --by dana",
    "versions": "scoreback versions alert_queue.yml",
    "report": "scoreback report alert_queue.yml v2 --out report.html",
    "export-model": "scoreback export-model alert_queue.yml v2 --compressed",
    "promote": "scoreback promote alert_queue.yml v2 --by dana",
    "retire": "scoreback retire alert_queue.yml v2 --reason unstable --by dana",
    "rollback": "scoreback rollback alert_queue.yml --by dana",
    "pause": "scoreback pause alert_queue.yml --reason flooded --by dana",
    "resume": "scoreback resume alert_queue.yml --by dana",
    "plan": "scoreback plan detectors",
    "apply": "scoreback apply detectors --by dana",
    "remove": "scoreback remove alert_queue.yml --yes",
    "keys": "scoreback keys --elastic detectors --expires 90d",
    "health": "scoreback health detectors --at 2026-02-23",
    "serve": "scoreback serve detectors --log-format json",
    "quarantine list": "scoreback quarantine list alert_queue.yml",
    "quarantine accept": "scoreback quarantine accept alert_queue.yml 3f9a1c --by dana",
    "quarantine reject": "scoreback quarantine reject alert_queue.yml 3f9a1c --by dana",
    "settings list": "scoreback settings list alert_queue.yml",
    "settings set": "scoreback settings set alert_queue.yml alerts.budget 40/day --by dana",
    "settings remove": "scoreback settings remove alert_queue.yml alerts.budget",
}


def example(command: str) -> str:
    """The example at the end of *command*'s ``--help``.

    Raises:
        KeyError: the command has no example.
    """
    return f"\b\nExample:\n  {_EXAMPLES[command]}"
