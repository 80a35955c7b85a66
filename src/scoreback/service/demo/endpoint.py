"""The endpoint stream: process starts and connections on machines (threat detection).

Two kinds of event: a process starts (with its command line), or connects (with a destination).
Attackers use the same programs as administrators and developers, so no program gives them away; the
combination does: the account, the number of new destinations within the hour, and the shape of the
command line. From `Difficulty.drift_day` on, a fleet-management agent runs encoded PowerShell on
workstations; from `Difficulty.new_attack_day` on, attackers copy data to cloud storage.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.service.demo.behaviour import Behaviour, Bursts, Draws, Stream, Weights, taken
from scoreback.service.demo.campaigns import CLOUD_THEFT, LATERAL_MOVEMENT, SERVER_INTRUSION
from scoreback.service.demo.difficulty import Difficulty
from scoreback.service.demo.population import GROUPS

TRIAGED = 0.25  # share of endpoint events, at random, that the team looks at in its weekly hunt

_SITES = ("www.office.example", "mail.corp.example", "updates.vendor.example", "cdn.news.example",
          "repo.packages.example", "chat.corp.example", "api.payroll.example")  # fmt: skip

_HANDS_ON: dict[str, Weights] = {  # an intruder at the keyboard, on any machine
    "action": {"connect": 6, "start": 4},
    "process": {"powershell.exe": 36, "cmd.exe": 20, "wmiprvse.exe": 20,
    "rundll32.exe": 14, "ssh.exe": 6, "svchost.exe": 4},
    "parent": {"cmd.exe": 28, "powershell.exe": 30, "services.exe": 20, "winword.exe": 14},
    "command": {"encoded": 45, "script": 20, "flags": 20, "url": 10, "plain": 5},
    "port": {"445": 38, "3389": 20, "5985": 20, "135": 12, "22": 6, "443": 4},
    "bytes": {"tiny": 40, "small": 45, "medium": 12, "large": 3},
    "dns": {"none": 90, "site": 6, "generated": 4},
}  # fmt: skip


def endpoint_stream(difficulty: Difficulty) -> Stream:
    """The endpoint stream, with drift and new attack as *difficulty* says."""
    noise = difficulty.drift_rate
    return Stream(
        name="endpoint",
        behaviours=(
            Behaviour(
                name="office_work", hours="office", usual=0.88, outside=0.1, owner=0.94,
                rates={"workstation": 12, "developer": 5, "server": 0.5},
                values={
                    "action": {"connect": 7, "start": 3},
                    "process": {"chrome.exe": 40, "outlook.exe": 20, "teams.exe": 20,
                                "svchost.exe": 12, "powershell.exe": 0.6, "cmd.exe": 1},
                    "parent": {"explorer.exe": 80, "services.exe": 15, "cmd.exe": 1,
                               "winword.exe": 3},
                    "command": {"plain": 70, "flags": 26, "script": 3, "encoded": 0.3},
                    "port": {"443": 75, "80": 10, "53": 6, "445": 5, "389": 4},
                    "bytes": {"tiny": 10, "small": 40, "medium": 40, "large": 9, "huge": 0.6},
                    "dns": {"site": 66, "cdn": 14, "generated": 1.5, "none": 18},
                },
            ),
            Behaviour(
                name="development", hours="office", usual=0.76, outside=0.17, owner=0.93,
                rates={"developer": 15, "server": 1.5},
                values={
                    "action": {"connect": 5, "start": 5},
                    "process": {"python.exe": 26, "git.exe": 20, "node.exe": 20, "ssh.exe": 12,
                                "powershell.exe": 9, "cmd.exe": 9, "curl.exe": 6},
                    "parent": {"code.exe": 60, "cmd.exe": 20, "explorer.exe": 12,
                               "powershell.exe": 8},
                    "command": {"plain": 20, "flags": 40, "script": 30, "url": 7, "encoded": 3},
                    "port": {"443": 60, "22": 18, "8443": 10, "80": 8, "5985": 1},
                    "bytes": {"tiny": 10, "small": 30, "medium": 35, "large": 22, "huge": 3},
                    "dns": {"site": 50, "cdn": 25, "generated": 1, "none": 24},
                },
            ),
            Behaviour(
                name="administration", allowed=True, hours="night", usual=0.7, outside=0.04,
                owner=0.7, rates={"workstation": 0.8, "developer": 0.5, "server": 9},
                values={
                    "action": {"connect": 5, "start": 5},
                    "process": {"svchost.exe": 40, "powershell.exe": 24, "cmd.exe": 12,
                                "wmiprvse.exe": 10, "ssh.exe": 8, "rundll32.exe": 3},
                    "parent": {"services.exe": 60, "svchost.exe": 25, "powershell.exe": 8,
                               "cmd.exe": 7},
                    "command": {"plain": 30, "flags": 40, "script": 22, "encoded": 6, "url": 1},
                    "port": {"445": 25, "135": 15, "389": 20, "5985": 14, "3389": 8, "22": 8,
                             "443": 10},
                    "bytes": {"tiny": 20, "small": 50, "medium": 20, "large": 8, "huge": 2},
                    "dns": {"site": 25, "cdn": 2, "generated": 0.3, "none": 72},
                },
            ),
            Behaviour(
                name="inventory_scan", allowed=True, hours="night", usual=0.1, outside=0.0,
                owner=0.85, bursts=Bursts(per_day=3, an_hour=10, hours=(1, 3),
                groups={"server": 1}),
                values={
                    "action": {"connect": 9, "start": 1},
                    "process": {"scanner.exe": 70, "svchost.exe": 20, "wmiprvse.exe": 10},
                    "parent": {"services.exe": 95, "svchost.exe": 5},
                    "command": {"flags": 80, "script": 20},
                    "port": {"445": 25, "135": 25, "22": 15, "3389": 10, "443": 15, "5985": 10},
                    "bytes": {"tiny": 70, "small": 28, "medium": 2},
                    "dns": {"none": 97, "site": 3},
                },
            ),
            Behaviour(
                name="fleet_agent", allowed=True, first_day=difficulty.drift_day, usual=0.35,
                outside=0.1, owner=0.45,
                rates={"workstation": 0.5 * noise, "developer": 0.3 * noise, "server": 0.1 * noise},
                bursts=Bursts(per_day=4 * noise, an_hour=4, hours=(1, 2),
                              groups={"workstation": 3, "developer": 1}),
                values={
                    "action": {"connect": 5, "start": 5},
                    "process": {"powershell.exe": 55, "rundll32.exe": 25, "cmd.exe": 15},
                    "parent": {"fleet-agent.exe": 74, "services.exe": 16, "powershell.exe": 10},
                    "command": {"encoded": 60, "script": 30, "flags": 10},
                    "port": {"8443": 55, "445": 15, "5985": 15, "443": 15},
                    "bytes": {"tiny": 20, "small": 55, "medium": 25},
                    "dns": {"none": 50, "cdn": 30, "site": 20},
                },
            ),
            Behaviour(
                name="lateral_movement", attack=True, hours="office", bursts=LATERAL_MOVEMENT,
                usual=0.12, outside=0.06, owner=0.35,
                rates={"workstation": 0.07, "developer": 0.04},
                values=_HANDS_ON,
            ),
            Behaviour(
                name="server_intrusion", attack=True, hours="night", bursts=SERVER_INTRUSION,
                usual=0.15, outside=0.06, owner=0.35, rates={"server": 0.08}, values=_HANDS_ON,
            ),
            Behaviour(
                name="beacon", attack=True, hours="office", usual=0.05, outside=0.9, owner=0.9,
                rates={"workstation": 0.12, "developer": 0.08, "server": 0.05},
                values={
                    "action": {"connect": 8, "start": 2},
                    "process": {"rundll32.exe": 30, "powershell.exe": 24, "svchost.exe": 20,
                                "chrome.exe": 20, "curl.exe": 6},
                    "parent": {"winword.exe": 30, "explorer.exe": 30, "cmd.exe": 20,
                               "services.exe": 20},
                    "command": {"encoded": 50, "url": 30, "flags": 15, "plain": 5},
                    "port": {"443": 60, "8443": 20, "80": 15, "53": 5},
                    "bytes": {"tiny": 50, "small": 45, "medium": 5},
                    "dns": {"generated": 55, "cdn": 22, "none": 16, "site": 7},
                },
            ),
            Behaviour(
                name="cloud_theft", attack=True, hours="office", bursts=CLOUD_THEFT, usual=0.12,
                outside=0.84, owner=0.6, rates={"workstation": 0.04, "developer": 0.04},
                first_day=difficulty.new_attack_day,
                values={
                    "action": {"connect": 8, "start": 2},
                    "process": {"curl.exe": 44, "python.exe": 20, "cmd.exe": 20, "chrome.exe": 14},
                    "parent": {"cmd.exe": 45, "explorer.exe": 30, "powershell.exe": 25},
                    "command": {"url": 65, "script": 15, "flags": 20},
                    "port": {"443": 60, "22": 25, "8443": 15},
                    "bytes": {"medium": 10, "large": 30, "huge": 60},
                    "dns": {"cdn": 55, "none": 30, "site": 15},
                },
            ),
        ),
        write=_write,
        shown=lambda draws: np.full(len(draws.host), TRIAGED),
        kept=frozenset({"event.category", "event.action", "host.name", "process.name"}),
        absent={
            "command": ("action", frozenset({"connect"})),
            "port": ("action", frozenset({"start"})),
            "bytes": ("action", frozenset({"start"})),
            "dns": ("action", frozenset({"start"})),
            "destination": ("action", frozenset({"start"})),
        },
    )  # fmt: skip


def _write(draws: Draws) -> dict[str, pa.Array]:
    people = draws.population
    connects = pa.array(draws.codes["action"] == draws.options["action"].index("connect"))
    nothing = pa.scalar(None, pa.string())

    def only(connecting: bool, column: pa.Array) -> pa.Array:
        mask = connects if connecting else pc.invert(connects)
        return pc.if_else(mask, column, nothing)

    return {
        "event.category": draws.text("action", {"connect": "network", "start": "process"}),
        "event.action": draws.text("action", {"connect": "connection_attempted", "start": "start"}),
        "host.name": taken(list(people.hosts), draws.host),
        "labels.host_group": taken(list(GROUPS), people.groups[draws.host]),
        "user.name": taken(list(people.people), draws.user),
        "process.name": draws.text("process"),
        "process.parent.name": draws.text("parent"),
        "process.command_line": only(False, _command_lines(draws)),
        "source.ip": taken(list(people.addresses), draws.host),
        "destination.ip": only(True, taken(list(people.addresses), draws.destination)),
        "destination.port": only(True, draws.text("port")),
        "network.bytes": only(True, draws.sizes("bytes")),
        "dns.question.name": only(True, _questions(draws)),
    }


def _command_lines(draws: Draws) -> pa.Array:
    """Program, then arguments of the drawn shape, with random letters."""
    programs, shapes = draws.options["process"], draws.options["command"]
    letters = _random_text(draws, 96)
    length = draws.rng.integers(40, 96, len(letters)).tolist()
    lines = []
    for program, shape, text, size in zip(
        draws.codes["process"].tolist(), draws.codes["command"].tolist(), letters, length,
        strict=True,
    ):  # fmt: skip
        match shapes[shape]:
            case "plain":
                arguments = ""
            case "flags":
                arguments = f" --profile {text[0]} --mode {_MODES[size % len(_MODES)]}"
            case "script":
                arguments = rf" C:\scripts\{_MODES[size % len(_MODES)]}\job-{text[:4]}.ps1"
            case "url":
                arguments = f" https://{text[:6]}.share.example/{text[6:12]}"
            case _:
                arguments = f" -w hidden -enc {text[:size]}"
        lines.append(programs[program] + arguments)
    return pa.array(lines)


_MODES = ("daily", "überprüfung", "full", "同期", "repair", "delta")


def _questions(draws: Draws) -> pa.Array:
    """DNS names: known sites, long names of content networks, generated names."""
    kinds = draws.options["dns"]
    letters = _random_text(draws, 20)
    names: list[str | None] = []
    for kind, text, site in zip(
        draws.codes["dns"].tolist(), letters,
        draws.rng.integers(0, len(_SITES), len(letters)).tolist(), strict=True,
    ):  # fmt: skip
        match kinds[kind]:
            case "site":
                names.append(_SITES[site])
            case "cdn":
                names.append(f"d{text[:12]}.edge.example")
            case "generated":
                names.append(f"{text[:18]}.example")
            case _:
                names.append(None)
    return pa.array(names, pa.string())


def _random_text(draws: Draws, size: int) -> list[str]:
    """*size* random letters for each event."""
    alphabet = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz0123456789", dtype="S1")
    picked = alphabet[draws.rng.integers(0, len(alphabet), (len(draws.host), size))]
    return [str(row, "ascii") for row in picked.view(f"S{size}").ravel().tolist()]
