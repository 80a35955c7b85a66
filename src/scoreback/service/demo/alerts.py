"""The alert stream: alerts of other rules that somebody must triage (incident response).

A few noisy rules make most of the volume. What ``R-310 Encoded command line`` means depends on the
machine: on a server it is often an attack, on nearly every developer's workstation it is a build
script, so the rule's name alone does not tell. From `Difficulty.drift_day` on, a software roll-out
triggers ``R-420 Scheduled task created`` and others on workstations; from
`Difficulty.new_attack_day` on, thefts through cloud storage trigger ``R-130 Large upload``, which
was noise before.
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scoreback.service.demo.behaviour import Behaviour, Bursts, Draws, Stream, taken
from scoreback.service.demo.campaigns import CLOUD_THEFT, LATERAL_MOVEMENT, SERVER_INTRUSION
from scoreback.service.demo.difficulty import Difficulty
from scoreback.service.demo.population import GROUPS

RULES = {  # id → name, severity
    "R-110": ("Connection to a newly seen domain", 47),
    "R-120": ("Many refused connections", 47),
    "R-130": ("Large upload", 47),
    "R-140": ("Expired certificate accepted", 21),
    "R-210": ("Logon outside working hours", 47),
    "R-310": ("Encoded command line", 73),
    "R-420": ("Scheduled task created", 47),
    "R-430": ("Remote service installed", 73),
    "R-440": ("Office program starts a shell", 73),
    "R-450": ("Memory of the logon process read", 99),
}
NOISY_RULES = frozenset({"R-110", "R-120", "R-130", "R-140"})
AMBIGUOUS_RULE = "R-310"
# A campaign raises fewer alerts than it makes events.
_LATERAL_MOVEMENT = replace(LATERAL_MOVEMENT, an_hour=2.1)
_SERVER_INTRUSION = replace(SERVER_INTRUSION, an_hour=2.1)
_CLOUD_THEFT = replace(CLOUD_THEFT, an_hour=2.1)
SHOWN_NOISY, SHOWN_OTHER = 0.45, 0.9  # share of alerts that somebody opens


def alerts_stream(difficulty: Difficulty) -> Stream:
    """The alert stream, with drift and new attack as *difficulty* says."""
    noise = difficulty.drift_rate
    return Stream(
        name="alerts",
        behaviours=(
            Behaviour(
                name="browsing", hours="office", usual=0.5, outside=0.48, owner=0.95,
                rates={"workstation": 4.6, "developer": 4.2, "server": 0.8},
                values={
                    "rule": {"R-110": 62, "R-140": 20, "R-130": 14, "R-440": 0.7, "R-310": 0.2},
                    "process": {"chrome.exe": 70, "teams.exe": 18, "outlook.exe": 10,
                                "curl.exe": 1},
                    "port": {"443": 80, "80": 14, "8443": 6},
                    "bytes": {"small": 40, "medium": 40, "large": 17, "huge": 3},
                },
            ),
            Behaviour(
                name="monitoring", allowed=True, hours="night", usual=0.5, outside=0.02, owner=0.95,
                rates={"server": 4.5, "workstation": 0.3},
                bursts=Bursts(per_day=3, an_hour=9, hours=(1, 3), groups={"server": 1}),
                values={
                    "rule": {"R-120": 86, "R-210": 10, "R-430": 1, "R-420": 1.5},
                    "process": {"scanner.exe": 55, "svchost.exe": 40, "wmiprvse.exe": 5},
                    "port": {"445": 26, "135": 22, "22": 20, "3389": 12, "443": 15, "5985": 5},
                    "bytes": {"tiny": 70, "small": 28, "medium": 2},
                },
            ),
            Behaviour(
                name="development", hours="office", usual=0.72, outside=0.2, owner=0.95,
                rates={"developer": 5.5, "server": 0.1},
                bursts=Bursts(per_day=1.5, an_hour=5, hours=(1, 2), groups={"developer": 1}),
                values={
                    "rule": {"R-310": 46, "R-110": 20, "R-420": 10, "R-130": 12, "R-430": 2},
                    "process": {"powershell.exe": 44, "python.exe": 30, "node.exe": 18,
                                "curl.exe": 8},
                    "port": {"443": 50, "22": 20, "8443": 15, "5985": 6, "445": 4},
                    "bytes": {"tiny": 10, "small": 40, "medium": 30, "large": 18, "huge": 2},
                },
            ),
            Behaviour(
                name="administration", allowed=True, hours="night", usual=0.65, outside=0.03,
                owner=0.65, rates={"server": 1.6, "workstation": 0.45, "developer": 0.2},
                values={
                    "rule": {"R-210": 40, "R-420": 20, "R-430": 14, "R-310": 2.5, "R-120": 14,
                             "R-450": 2},
                    "process": {"powershell.exe": 45, "svchost.exe": 25, "wmiprvse.exe": 20,
                                "cmd.exe": 10},
                    "port": {"445": 30, "5985": 25, "135": 15, "3389": 20, "22": 10},
                    "bytes": {"tiny": 25, "small": 50, "medium": 20, "large": 5},
                },
            ),
            Behaviour(
                name="roll_out", allowed=True, first_day=difficulty.drift_day, usual=0.3,
                outside=0.12, owner=0.5,
                rates={"workstation": 0.4 * noise, "developer": 0.2 * noise, "server": 0.1 * noise},
                bursts=Bursts(per_day=6 * noise, an_hour=3, hours=(1, 2),
                              groups={"workstation": 3, "developer": 1}),
                values={
                    "rule": {"R-420": 50, "R-430": 24, "R-440": 14, "R-310": 6, "R-210": 6},
                    "process": {"deploy.exe": 74, "powershell.exe": 12, "cmd.exe": 14},
                    "port": {"8443": 60, "445": 15, "5985": 15, "443": 10},
                    "bytes": {"tiny": 10, "small": 40, "medium": 45, "large": 5},
                },
            ),
            Behaviour(
                name="lateral_movement", attack=True, hours="office", bursts=_LATERAL_MOVEMENT,
                usual=0.12, outside=0.06, owner=0.35,
                rates={"workstation": 0.07, "developer": 0.03},
                values={
                    "rule": {"R-440": 26, "R-430": 24, "R-420": 18, "R-450": 9, "R-120": 13,
                             "R-210": 10},
                    "process": {"powershell.exe": 36, "cmd.exe": 28, "wmiprvse.exe": 20,
                                "rundll32.exe": 16},
                    "port": {"445": 42, "3389": 20, "5985": 20, "135": 14, "443": 4},
                    "bytes": {"tiny": 40, "small": 45, "medium": 12, "large": 3},
                },
            ),
            Behaviour(
                name="server_intrusion", attack=True, hours="night", bursts=_SERVER_INTRUSION,
                usual=0.2, outside=0.15, owner=0.35, rates={"server": 0.09},
                values={
                    "rule": {"R-310": 58, "R-430": 13, "R-210": 13, "R-450": 5, "R-120": 17},
                    "process": {"powershell.exe": 56, "cmd.exe": 16, "python.exe": 8,
                                "svchost.exe": 20},
                    "port": {"445": 24, "5985": 18, "443": 26, "22": 16, "3389": 16},
                    "bytes": {"tiny": 26, "small": 46, "medium": 22, "large": 6},
                },
            ),
            Behaviour(
                name="phishing", attack=True, hours="office", usual=0.05, outside=0.93, owner=0.95,
                rates={"workstation": 0.055, "developer": 0.05},
                values={
                    "rule": {"R-440": 40, "R-310": 16, "R-110": 30, "R-140": 14},
                    "process": {"outlook.exe": 36, "powershell.exe": 24, "chrome.exe": 26,
                                "rundll32.exe": 14},
                    "port": {"443": 66, "8443": 18, "80": 16},
                    "bytes": {"tiny": 36, "small": 50, "medium": 14},
                },
            ),
            Behaviour(
                name="cloud_theft", attack=True, hours="office", bursts=_CLOUD_THEFT, usual=0.15,
                outside=0.82, owner=0.6, rates={"workstation": 0.03, "developer": 0.03},
                first_day=difficulty.new_attack_day,
                values={
                    "rule": {"R-130": 62, "R-110": 22, "R-140": 8, "R-210": 8},
                    "process": {"curl.exe": 46, "python.exe": 20, "chrome.exe": 16, "cmd.exe": 18},
                    "port": {"443": 55, "22": 28, "8443": 17},
                    "bytes": {"medium": 8, "large": 34, "huge": 58},
                },
            ),
        ),
        write=_write,
        shown=_shown,
        kept=frozenset({"rule.id", "rule.name", "event.severity", "host.name",
                        "labels.host_group"}),
    )  # fmt: skip


def _shown(draws: Draws) -> NDArray[np.float64]:
    noisy = np.array([rule in NOISY_RULES for rule in draws.options["rule"]])
    return np.where(noisy[draws.codes["rule"]], SHOWN_NOISY, SHOWN_OTHER)


def _write(draws: Draws) -> dict[str, pa.Array]:
    people = draws.population
    return {
        "rule.id": draws.text("rule"),
        "rule.name": draws.text("rule", {rule: name for rule, (name, _) in RULES.items()}),
        "event.severity": draws.text("rule", {rule: str(s) for rule, (_, s) in RULES.items()}),
        "host.name": taken(list(people.hosts), draws.host),
        "labels.host_group": taken(list(GROUPS), people.groups[draws.host]),
        "user.name": taken(list(people.people), draws.user),
        "process.name": draws.text("process"),
        "source.ip": taken(list(people.addresses), draws.host),
        "destination.ip": taken(list(people.addresses), draws.destination),
        "destination.port": draws.text("port"),
        "network.bytes": draws.sizes("bytes"),
    }
