"""The simulated company: seeded events, alerts and findings with a known truth, for demo and tests.

::

    difficulty.py       what makes real data hard, each a named parameter
    population.py       machines, people, addresses
    behaviour.py        what a behaviour is: rates, bursts, habits, field values
    endpoint.py alerts.py vulnerabilities.py    the three streams, as tables of behaviours
    draw.py             draws a day of a stream, and the best possible score of every event
    analysts.py         the people who close alerts: late, mostly right, not always
    company.py          all of it together: `Company`
    play.py             the demo's story: what happens on which of the forty days
    rounds.py stage.py  a day of it; the SIEM that it is played in, and its people
    story.py            what happened, as values
    judge.py phases.py  what was shown, held against the truth; cut into phases
    exports.py          two example exports, for whoever has none at hand

Nothing here is real: addresses come from documentation ranges, names from the reserved domain
``example``, flaws from a numbering of our own. Whoever shows a figure that rests on it shows
`SYNTHETIC_NOTICE` beside it.
"""

SYNTHETIC_NOTICE = "synthetic data: a simulated company, not a measurement of any real network"
