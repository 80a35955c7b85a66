"""What a saved search does with its results: built-in actions, and those of installed apps."""

import csv
import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.splunkd import enterprise_security
from tests.splunkd.confs import Stanza
from tests.splunkd.scheduling.dispatch import is_on
from tests.splunkd.spl.engine import Shown
from tests.splunkd.store import Event

if TYPE_CHECKING:
    from tests.splunkd.instance import Instance
    from tests.splunkd.jobs import Job

_SECONDS = 120
_TOKEN = re.compile(r"\$(?:result\.)?([\w.{}]+)\$")
NO_ACTIONS = {"correlationsearch", "escu", "customsearch", "keyindicator", "cam"}
"""Marks of content, which do nothing by themselves."""


def perform(
    instance: "Instance", stanza: Stanza, job: "Job", rows: list[Shown], at: float
) -> dict[str, str]:
    """Do all actions that are switched on; the error of each."""
    done: dict[str, str] = {}
    for key, value in sorted(stanza.values.items()):
        name = key.removeprefix("action.")
        if not key.startswith("action.") or "." in name or not is_on(value) or name in NO_ACTIONS:
            continue
        done[name] = _perform(name, instance, stanza, job, rows, at)
    return done


def _perform(
    name: str, instance: "Instance", stanza: Stanza, job: "Job", rows: list[Shown], at: float
) -> str:
    if name == "summary_index":
        return _summary(instance, stanza, rows, at)
    if name in ("notable", "risk"):
        if not instance.enterprise_security:
            return f"there is no action {name} without Enterprise Security"
        return enterprise_security.act(name, instance, stanza, job.sid, rows, at)
    if name in ("email", "script", "rss", "webhook", "lookup", "logevent"):
        return ""  # accepted, and nothing comes of it
    digest = is_on(stanza.values.get("alert.digest_mode", "1"))
    for part in [rows] if digest else [[row] for row in rows]:
        said = _custom(name, instance, stanza, job, part)
        if said:
            return said
    return ""


def _summary(instance: "Instance", stanza: Stanza, rows: list[Shown], at: float) -> str:
    index = stanza.values.get("action.summary_index._name", "summary")
    if index not in instance.indexes:
        return ""  # splunkd says nothing either
    events = []
    for row in rows:
        fields = {**row, "search_name": stanza.name}
        events.append(stash(index, fields, stanza.name, instance.name, at))
    instance.store.add(events)
    return ""


def stash(index: str, fields: Shown, source: str, host: str, at: float) -> Event:
    """An event that a search made. Its fields are indexed, so that no quote in them is lost."""
    public = {k: v for k, v in fields.items() if not k.startswith("_")}
    text = ", ".join(
        f'{name}="{str(value).replace(chr(34), chr(39))}"' for name, value in public.items()
    )
    kept = json.dumps({k: v for k, v in public.items() if k not in ("index", "host", "source")})
    return Event(index, at, host, source, "stash", f"{at:.0f}, {text}", kept)


def _custom(name: str, instance: "Instance", stanza: Stanza, job: "Job", rows: list[Shown]) -> str:
    about = instance.confs.get("alert_actions", name, stanza.owner, stanza.app)
    app = instance.app(about.app) if about else None
    if about is None or app is None or app.folder is None:
        return f"there is no alert action {name}"
    program = app.folder / "bin" / f"{name}.py"
    given = {
        key.removeprefix("param."): value
        for key, value in about.values.items()
        if key.startswith("param.")
    }
    prefix = f"action.{name}.param."
    given |= {k.removeprefix(prefix): v for k, v in stanza.values.items() if k.startswith(prefix)}
    first = rows[0] if rows else {}
    folder = instance.store.folder / "dispatch" / re.sub(r"[^\w.-]", "_", job.sid)
    folder.mkdir(parents=True, exist_ok=True)
    results = folder / f"results-{name}.csv.gz"
    _write_results(results, rows)
    payload = {
        "app": stanza.app,
        "owner": job.owner,
        "results_file": str(results),
        "results_link": f"http://{instance.name}:8000/app/{stanza.app}/@go?sid={job.sid}",
        "search_uri": f"/servicesNS/nobody/{stanza.app}/saved/searches/{stanza.name}",
        "server_host": instance.name,
        "server_uri": instance.url,
        "session_key": instance.accounts.session_of(job.owner),
        "sid": job.sid,
        "search_name": stanza.name,
        "configuration": {key: filled(value, first) for key, value in given.items()},
        "result": first,
    }
    return _executed(program, payload, instance)


def _executed(program: Path, payload: dict[str, Any], instance: "Instance") -> str:
    done = subprocess.run(
        [sys.executable, str(program), "--execute"],
        input=json.dumps(payload),
        env={
            "PATH": os.environ.get("PATH", ""),
            "SPLUNK_HOME": str(instance.store.folder),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    return f"exit code {done.returncode}: {done.stderr.strip()}" if done.returncode else ""


def _write_results(path: Path, rows: list[Shown]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    several = [n for n in names if any(isinstance(row.get(n), list) for row in rows)]
    with gzip.open(path, "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, *(f"__mv_{name}" for name in several)])
        for row in rows:
            cells = [_cell(row.get(name)) for name in names]
            writer.writerow([*cells, *(_marked(row.get(name)) for name in several)])


def _cell(value: str | list[str] | None) -> str:
    if value is None:
        return ""
    return "\n".join(value) if isinstance(value, list) else value


def _marked(value: str | list[str] | None) -> str:
    if not isinstance(value, list):
        return ""
    return ";".join("$" + each.replace("$", "$$") + "$" for each in value)


def filled(text: str, row: Shown) -> str:
    """A text with the row's values in place of ``$field$`` and ``$result.field$``."""

    def value(match: re.Match[str]) -> str:
        found = row.get(match[1])
        if found is None:
            return match[0]
        return ", ".join(found) if isinstance(found, list) else found

    return _TOKEN.sub(value, text)
