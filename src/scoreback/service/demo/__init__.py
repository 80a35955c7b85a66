"""The simulated company: seeded events, alerts and findings with a known truth, for demo and tests.

::

    difficulty.py       what makes real data hard, as named parameters
    population.py       machines, people, addresses
    behaviour.py        what a behaviour is: rates, bursts, habits, field values
    endpoint.py alerts.py vulnerabilities.py    the three streams, as tables of behaviours
    draw.py             draws the events of a day, and the best possible score of each
    analysts.py         the people who close alerts: late, and mostly right
    company.py          puts it all together: `Company`
    play.py             the demo's story: what happens on each of the forty days
    rounds.py stage.py  plays the days; the SIEM and its analysts
    story.py            what happened, as values
    judge.py phases.py  compare alerts with the truth; cut the days into phases
    exports.py          two example exports, for users without one at hand

Nothing here is real: addresses come from documentation ranges, names from the reserved domain
``example``, and flaws have made-up numbers. Show `SYNTHETIC_NOTICE` beside every figure that is
computed from this data.
"""

SYNTHETIC_NOTICE = "synthetic data: a simulated company, not a measurement of any real network"
