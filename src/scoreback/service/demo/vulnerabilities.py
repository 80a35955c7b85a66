"""The findings stream: flaws that a scanner found (vulnerability management).

The label is a field: was the flaw exploited on that machine within `Difficulty.watch_days`? A "yes"
exists from the day of the exploitation on, a "no" only once that time has passed, and some machines
are gone before. As in reality, the severity score of a flaw says little about this: exposure,
product, weakness and public exploits together say more, and intruders on a machine try many of its
flaws. From `Difficulty.drift_day` on, many container images arrive with critical flaws that nobody
exploits; from `Difficulty.new_attack_day` on, development tools are exploited too.

Flaws have made-up numbers, as real ones would make claims about real products.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.records import TIME
from scoreback.service.demo.behaviour import Behaviour, Bursts, Draws, Stream, taken
from scoreback.service.demo.difficulty import Difficulty
from scoreback.service.demo.population import GROUPS

PRODUCTS = {  # package → vendor
    "edge-gateway": "Nordhåll", "mail-relay": "Postwerk", "web-portal": "Łódź Software",
    "file-transfer": "Sendō", "database": "Rowstone", "browser": "Wavefront",
    "office-suite": "Papyrus", "pdf-reader": "Papyrus", "kernel": "Base OS",
    "openssl-like": "Base OS",
    "build-server": "Forgeworks", "package-cache": "Forgeworks", "container-image": "Stackyard",
}  # fmt: skip
SCORES = {"low": (20, 40), "medium": (40, 70), "high": (70, 90), "critical": (90, 101)}  # tenths
REFERENCES = {"none": (0, 1), "few": (1, 3), "some": (3, 8), "many": (8, 30)}
AGES = {"fresh": (0, 7), "weeks": (7, 60), "months": (60, 365), "years": (365, 2500)}  # days
EXPLOITED_AFTER_DAYS = 2.0  # mean from finding to exploitation
VARIANTS = 40  # number of flaws per product and weakness
DAY_US = 86_400_000_000


def vulnerabilities_stream(difficulty: Difficulty) -> Stream:
    """The findings stream, with drift and new attack as *difficulty* says."""
    noise = difficulty.drift_rate
    return Stream(
        name="vulnerabilities",
        behaviours=(
            Behaviour(
                name="system_updates", hours="night",
                rates={"workstation": 0.45, "developer": 0.4, "server": 0.6},
                bursts=Bursts(per_day=2, an_hour=4, hours=(1, 2),
                              groups={"server": 2, "workstation": 1}),
                values={
                    "product": {"kernel": 50, "openssl-like": 35, "database": 10, "web-portal": 3},
                    "weakness": {"memory": 50, "information": 25, "denial": 20, "injection": 3},
                    "score": {"low": 14, "medium": 46, "high": 34, "critical": 6},
                    "references": {"none": 66, "few": 26, "some": 6, "many": 2},
                    "age": {"fresh": 26, "weeks": 44, "months": 24, "years": 6},
                    "exposure": {"isolated": 30, "internal": 60, "internet": 10},
                },
            ),
            Behaviour(
                name="desktop_software", hours="night",
                rates={"workstation": 0.5, "developer": 0.3},
                values={
                    "product": {"browser": 45, "office-suite": 30, "pdf-reader": 25},
                    "weakness": {"memory": 45, "injection": 10, "denial": 25, "information": 20},
                    "score": {"low": 10, "medium": 40, "high": 40, "critical": 10},
                    "references": {"none": 60, "few": 28, "some": 9, "many": 3},
                    "age": {"fresh": 40, "weeks": 40, "months": 15, "years": 5},
                    "exposure": {"isolated": 20, "internal": 78, "internet": 2},
                },
            ),
            Behaviour(
                name="server_software", hours="night",
                rates={"server": 1.2, "developer": 0.15},
                values={
                    "product": {"web-portal": 26, "database": 28, "mail-relay": 18,
                                "edge-gateway": 12, "file-transfer": 16},
                    "weakness": {"injection": 22, "denial": 28, "information": 28,
                                 "authentication": 10, "execution": 12},
                    "score": {"low": 10, "medium": 40, "high": 34, "critical": 16},
                    "references": {"none": 46, "few": 32, "some": 15, "many": 7},
                    "age": {"fresh": 18, "weeks": 36, "months": 32, "years": 14},
                    "exposure": {"isolated": 22, "internal": 54, "internet": 24},
                },
            ),
            Behaviour(
                name="development_tools", hours="night", rates={"developer": 0.9, "server": 0.15},
                values={
                    "product": {"build-server": 34, "package-cache": 34, "container-image": 32},
                    "weakness": {"injection": 20, "denial": 25, "information": 30, "execution": 15,
                                 "authentication": 10},
                    "score": {"low": 8, "medium": 40, "high": 36, "critical": 16},
                    "references": {"none": 50, "few": 32, "some": 12, "many": 6},
                    "age": {"fresh": 30, "weeks": 40, "months": 24, "years": 6},
                    "exposure": {"isolated": 20, "internal": 66, "internet": 14},
                },
            ),
            Behaviour(
                name="container_flood", hours="night", first_day=difficulty.drift_day,
                rates={"developer": 0.3 * noise, "server": 0.5 * noise},
                bursts=Bursts(per_day=1.5 * noise, an_hour=5, hours=(1, 2), groups={"server": 1}),
                values={
                    "product": {"container-image": 84, "web-portal": 8, "package-cache": 8},
                    "weakness": {"execution": 44, "injection": 26, "memory": 30},
                    "score": {"high": 30, "critical": 70},
                    "references": {"few": 30, "some": 40, "many": 30},
                    "age": {"fresh": 10, "weeks": 20, "months": 50, "years": 20},
                    "exposure": {"isolated": 10, "internal": 55, "internet": 35},
                },
            ),
            Behaviour(
                name="edge_exploited", attack=True, hours="night", rates={"server": 0.07},
                bursts=Bursts(per_day=0.25, an_hour=1.8, hours=(1, 2), groups={"server": 1}),
                values={
                    "product": {"edge-gateway": 38, "file-transfer": 30, "mail-relay": 18,
                                "web-portal": 14},
                    "weakness": {"execution": 44, "authentication": 30, "injection": 26},
                    "score": {"medium": 8, "high": 40, "critical": 52},
                    "references": {"none": 4, "few": 22, "some": 42, "many": 32},
                    "age": {"fresh": 44, "weeks": 34, "months": 16, "years": 6},
                    "exposure": {"internet": 88, "internal": 12},
                },
            ),
            Behaviour(
                name="desktop_exploited", attack=True, hours="night",
                rates={"workstation": 0.017, "developer": 0.014},
                bursts=Bursts(per_day=0.1, an_hour=1.8, hours=(1, 2), groups={"workstation": 1}),
                values={
                    "product": {"browser": 40, "office-suite": 45, "pdf-reader": 15},
                    "weakness": {"execution": 55, "memory": 40, "injection": 5},
                    "score": {"medium": 10, "high": 60, "critical": 30},
                    "references": {"none": 5, "few": 30, "some": 40, "many": 25},
                    "age": {"fresh": 60, "weeks": 30, "months": 8, "years": 2},
                    "exposure": {"internal": 85, "internet": 15},
                },
            ),
            Behaviour(
                name="tools_exploited", attack=True, hours="night",
                first_day=difficulty.new_attack_day,
                rates={"developer": 0.03},
                bursts=Bursts(per_day=0.3, an_hour=1.8, hours=(1, 2), groups={"developer": 1}),
                values={
                    "product": {"build-server": 55, "package-cache": 45},
                    "weakness": {"execution": 40, "authentication": 52, "injection": 8},
                    "score": {"medium": 35, "high": 50, "critical": 15},
                    "references": {"few": 35, "some": 45, "many": 20},
                    "age": {"fresh": 60, "weeks": 30, "months": 10},
                    "exposure": {"internal": 60, "internet": 40},
                },
            ),
        ),
        write=lambda draws: _write(draws, difficulty),
        shown=lambda draws: np.zeros(len(draws.host)),
        kept=frozenset({"host.name", "vulnerability.id", "labels.exploited", "labels.assessed_at"}),
    )  # fmt: skip


def _write(draws: Draws, difficulty: Difficulty) -> dict[str, pa.Array]:
    people = draws.population
    kinds = draws.codes["product"] * len(draws.options["weakness"]) + draws.codes["weakness"]
    number = 10_000 + kinds * VARIANTS + draws.rng.integers(0, VARIANTS, len(kinds))
    exploited, assessed = _assessed(draws, difficulty)
    score = pc.divide(pa.array(_within(draws, "score", SCORES)).cast(pa.float64()), 10.0)
    return {
        "vulnerability.id": pc.binary_join_element_wise(
            "DEMO", pa.array(number).cast(pa.string()), "-"
        ),
        "vulnerability.score.base": score.cast(pa.string()),
        "vulnerability.severity": draws.text("score"),
        "vulnerability.category": draws.text("weakness"),
        "package.name": draws.text("product"),
        "package.vendor": draws.text("product", PRODUCTS),
        "host.name": taken(list(people.hosts), draws.host),
        "host.asset.criticality": _criticality(draws),
        "labels.host_group": taken(list(GROUPS), people.groups[draws.host]),
        "labels.exposure": draws.text("exposure"),
        "labels.exploit_references": pa.array(_within(draws, "references", REFERENCES)).cast(
            pa.string()
        ),
        "labels.days_since_published": pa.array(_within(draws, "age", AGES)).cast(pa.string()),
        "labels.exploited": exploited,
        "labels.assessed_at": assessed,
    }


def _within(
    draws: Draws, choice: str, limits: dict[str, tuple[int, int]]
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """A number uniform within the drawn class, so it tells no more than the class."""
    spans = np.array([limits[v] for v in draws.options[choice]])[draws.codes[choice]]
    return np.asarray(draws.rng.integers(spans[:, 0], spans[:, 1]), dtype=np.int64)


def _criticality(draws: Draws) -> pa.Array:
    """The criticality of each machine, whatever happens on it."""
    levels = ["low_impact", "medium_impact", "high_impact", "extreme_impact"]
    server = draws.population.groups[draws.host] == GROUPS.index("server")
    return taken([*levels], np.where(server, 1, 0) + draws.host % 3)


def _assessed(draws: Draws, difficulty: Difficulty) -> tuple[pa.Array, pa.Array]:
    """Whether it was exploited, and since when that is known; both null if it never will be."""
    rng, rows = draws.rng, len(draws.host)
    noticed = draws.attack & (rng.random(rows) >= difficulty.wrong_share)
    sooner = np.minimum(rng.exponential(EXPLOITED_AFTER_DAYS, rows), difficulty.watch_days)
    days = np.where(noticed, sooner, difficulty.watch_days)
    moment = pa.array(draws.event_time + (days * DAY_US).astype(np.int64)).cast(TIME)
    gone = pa.array(rng.random(rows) < difficulty.unwatched_share)
    nothing = pa.scalar(None, pa.string())
    answer = taken(["no", "yes"], noticed.astype(np.int64))
    written = pc.strftime(moment, format="%Y-%m-%dT%H:%M:%SZ")
    return pc.if_else(gone, nothing, answer), pc.if_else(gone, nothing, written)
