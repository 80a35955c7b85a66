"""What the search language means: our own expectations, which no Splunk has confirmed."""

from collections.abc import Iterator

import pytest

from tests.splunkd.simulator import Options, Simulator
from tests.splunkd.spl import engine
from tests.splunkd.spl.times import Bounds, instant
from tests.splunkd.spl.values import SearchFailed, SearchRefused

NOW = 1700000000.0


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """Ten events of two hosts, ten seconds apart."""
    made = Simulator(Options(now=NOW))
    made.add_events(
        {
            "raw": {"n": n, "user": ["ann", "Bob"][n % 2], "tags": ["a", "b"][: n % 3],
                    "deep": {"x": n / 4}},
            "time": NOW - 100 + 10 * n,
            "indextime": NOW - 50 + n,
            "host": f"h{n % 2}",
            "sourcetype": "app:json",
        }
        for n in range(10)
    )  # fmt: skip
    made.add_events(
        [{"raw": 'Nov 1 sshd: login user=eve ip="10.0.0.7" failed', "index": "os", "time": NOW}]
    )
    yield made
    made.close()


def rows(simulator: Simulator, search: str, bounds: Bounds | None = None) -> list[engine.Shown]:
    """What a search shows."""
    return list(engine.start(simulator.head, search, bounds=bounds).shown())


def values(simulator: Simulator, search: str, field: str = "n") -> list[str]:
    """One field of what a search shows, sorted as numbers."""
    found = [str(row[field]) for row in rows(simulator, f"search index=main {search}")]
    return sorted(found, key=float)


def evaluated(simulator: Simulator, expression: str) -> object:
    """What an expression gives in a row of its own."""
    found = rows(simulator, f'| makeresults | eval a=3, b="x", it={expression} | table it')
    return found[0].get("it")


@pytest.mark.parametrize(
    ("search", "wanted"),
    [
        ("n=3", "3"),
        ("n=3.0", "3"),
        ("n>7", "8 9"),
        ("n>=7 n<9", "7 8"),
        ("user=BOB n<4", "1 3"),
        ("user=b* n<4", "1 3"),
        ("NOT user=ann n<4", "1 3"),
        ("user!=ann n<4", "1 3"),
        ("nothing!=1", ""),
        ("NOT nothing=1 n=1", "1"),
        ("n=1 OR n=2 user=ann", "2"),  # OR binds before AND
        ("n IN (1, 2, 5)", "1 2 5"),
        ("tags{}=b n<6", "2 5"),
        ("deep.x=0.25", "1"),
        ("host=h1 n<3", "1"),
        ("(n=1 OR n=4) AND NOT host=h1", "4"),
        ("earliest=-20s", "8 9"),
        ("earliest=1699999980 latest=1699999990", "8"),
        ("_index_earliest=1699999955 _index_latest=1699999957", "5 6"),
        ("Bob n<3", "1"),
        ('user="bob" sourcetype=app:*  n=1', "1"),
        ("user=*", "0 1 2 3 4 5 6 7 8 9"),
    ],
)
def test_the_search_command_selects(simulator: Simulator, search: str, wanted: str) -> None:
    assert values(simulator, search) == wanted.split()


def test_text_has_its_key_value_pairs_as_fields(simulator: Simulator) -> None:
    found = rows(simulator, "search index=os failed | table user ip")
    assert found == [{"user": "eve", "ip": "10.0.0.7"}]


def test_an_unknown_index_has_no_rows(simulator: Simulator) -> None:
    assert rows(simulator, "search index=nope | stats count") == [{"count": "0"}]


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("1+2*3", "7"),
        ("(1+2)*3", "9"),
        ("7/2", "3.5"),
        ("6/2", "3"),
        ("7%4", "3"),
        ("-a", "-3"),
        ("1/0", None),
        ("a.b", "3x"),
        ('a.":".missing', None),
        ('b+"y"', "xy"),
        ('if(a=3,"yes","no")', "yes"),
        ('if(missing=3,"yes","no")', "no"),
        ('case(a=1,"one",a=3,"three")', "three"),
        ("coalesce(missing,b)", "x"),
        ("if(isnull(missing) AND NOT isnull(a),1,0)", "1"),
        ('if(a=1 OR a=3 AND b="y",1,0)', "0"),  # AND binds before OR
        ('if(b="X",1,0)', "0"),
        ('if(like(b,"_"),1,0)', "1"),
        ('if(match(b,"^[x-z]$"),1,0)', "1"),
        ('if(b IN ("x","y"),1,0)', "1"),
        ('if(cidrmatch("10.0.0.0/8","10.1.2.3"),1,0)', "1"),
        ("round(2.5)", "3"),
        ("round(1.2345,2)", "1.23"),
        ("floor(-1.5)", "-2"),
        ('tonumber("12")+1', "13"),
        ('tostring(1234567.5,"commas")', "1,234,567.50"),
        ('substr("abcdef",2,3)', "bcd"),
        ('substr("abcdef",-2)', "ef"),
        ('len("abc")', "3"),
        ('replace("a-b","(\\w)-(\\w)","\\2\\1")', "ba"),
        ('mvjoin(mvappend("a","b"),"|")', "a|b"),
        ('mvindex(split("a,b,c",","),-1)', "c"),
        ('mvcount(split("a,b,c",","))', "3"),
        ("mvcount(missing)", None),
        ('mvfilter(match(mvx,"a"))', None),
        ('strftime(1700000000.25,"%Y-%m-%d %H:%M:%S.%3N")', "2023-11-14 22:13:20.250"),
        ('strftime(1700000000.25,"%s.%6N")', "1700000000.250000"),
        ('strptime("2023-11-14","%Y-%m-%d")', "1699920000"),
        ('relative_time(1700000000,"-1d@d")', "1699833600"),
        ("now()", "1700000000"),
        ('json_extract("{\\"a\\":[{\\"t\\":1},{\\"t\\":2}]}","a{}.t")', "[1,2]"),
        ('json_array_to_mv("[\\"x\\",\\"y\\"]")', ["x", "y"]),
        ("json_array(b,a)", '["x",3]'),
        ('md5("1:".a)', "5f649e24afcd658ccf64513a5ce71950"),
    ],
)
def test_eval_gives(simulator: Simulator, expression: str, wanted: object) -> None:
    assert evaluated(simulator, expression) == wanted


@pytest.mark.parametrize(
    ("tail", "wanted"),
    [
        ("| stats count", [{"count": "10"}]),
        ("| stats count BY user", [{"user": "Bob", "count": "5"}, {"user": "ann", "count": "5"}]),
        ("| stats max(n) AS m, sum(n) avg(n) BY host | where host=\"h0\"",
         [{"host": "h0", "m": "8", "sum(n)": "20", "avg(n)": "4"}]),
        ("| stats dc(user) AS users values(user) AS who",
         [{"users": "2", "who": ["Bob", "ann"]}]),
        ("| stats count BY tags{}", [{"tags{}": "a", "count": "6"}, {"tags{}": "b", "count": "3"}]),
        ("| stats latest(n) AS l earliest(n) AS e", [{"l": "9", "e": "0"}]),
        ("| stats count(eval(n>6)) AS big", [{"big": "3"}]),
        ("| sort n | head 2 | table n", [{"n": "0"}, {"n": "1"}]),
        ("| sort - n | head 2 | table n", [{"n": "9"}, {"n": "8"}]),
        ("| sort host, - n | head 2 | table host n",
         [{"host": "h0", "n": "8"}, {"host": "h0", "n": "6"}]),
        ("| dedup user | table user n", [{"user": "Bob", "n": "9"}, {"user": "ann", "n": "8"}]),
        ("| where n=4 | rename user AS \"Who is it\" | table \"Who is it\"",
         [{"Who is it": "ann"}]),
        ("| where n=4 | eval x=1, y=x+1 | fields x y | fields - _*", [{"x": "1", "y": "2"}]),
        ("| where n=0 | fillnull value=- user z | table user z", [{"user": "ann", "z": "-"}]),
        ("| where n=2 | mvexpand tags{} | table tags{}", [{"tags{}": "a"}, {"tags{}": "b"}]),
        ("| where n=4 | rex field=user \"(?<first>.)\" | table first", [{"first": "a"}]),
        ("| top limit=1 user | table count", [{"count": "5"}]),
        ("| bin span=1m _time | stats count BY _time",
         [{"_time": "2023-11-14T22:11:00.000+00:00", "count": "2"},
          {"_time": "2023-11-14T22:12:00.000+00:00", "count": "6"},
          {"_time": "2023-11-14T22:13:00.000+00:00", "count": "2"}]),
        ("| chart count BY host, user",
         [{"host": "h0", "Bob": "0", "ann": "5"}, {"host": "h1", "Bob": "5", "ann": "0"}]),
    ],
)  # fmt: skip
def test_commands_make(simulator: Simulator, tail: str, wanted: list[engine.Shown]) -> None:
    assert rows(simulator, f"search index=main {tail}") == wanted


def test_by_within_a_quoted_name_is_a_word_like_others(simulator: Simulator) -> None:
    search = 'search index=main | timechart span=1h max(n) AS "Expected by training"'
    assert rows(simulator, search)[-1]["Expected by training"] == "9"
    search = 'search index=main n=* | stats count AS "all by now" BY user'
    assert [row["all by now"] for row in rows(simulator, search)] == ["5", "5"]


def test_a_timechart_has_empty_spans_too(simulator: Simulator) -> None:
    bounds = Bounds(NOW - 140, NOW)
    found = rows(simulator, "search index=main | timechart span=1m count BY user", bounds)
    assert [(row["_time"], row["Bob"], row["ann"]) for row in found] == [
        ("2023-11-14T22:11:00.000+00:00", "1", "1"),
        ("2023-11-14T22:12:00.000+00:00", "3", "3"),
        ("2023-11-14T22:13:00.000+00:00", "1", "1"),
    ]


@pytest.mark.parametrize(
    "search",
    [
        "search index=main | nosuchcmd",
        "search index=main | join n [search index=os]",
        "search index=main [search index=os | fields user]",
        "search index=main | stats nosuch(n)",
        "search (index=main",
        "search index=main \"unbalanced",
        "search index=main | `nomacro`",
        "search index=main | collect index=main",
        "| where a=1",
    ],
)  # fmt: skip
def test_what_is_not_listed_is_refused(simulator: Simulator, search: str) -> None:
    with pytest.raises(SearchRefused):
        rows(simulator, search)


@pytest.mark.parametrize(
    "tail",
    ["eval a=nosuch(n)", "eval a=(", "where n=", "lookup nosuch n", "eval a=if(n=1,2)"],
)
def test_wrong_expressions_and_missing_lookups_fail(simulator: Simulator, tail: str) -> None:
    with pytest.raises(SearchFailed):
        rows(simulator, f"search index=main | {tail}")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("-5m@m", 1699999680.0),
        ("now", NOW),
        ("@d", 1699920000.0),
        ("-1d@d+2h", 1699840800.0),
        ("-24h@h", 1699912800.0),
        ("1700000000.5", 1700000000.5),
        ("2023-11-14T22:13:20+00:00", NOW),
        ("@w1", 1699833600.0),
        ("@mon", 1698796800.0),
        ("", None),
    ],
)
def test_time_modifiers_mean(given: str, wanted: float | None) -> None:
    assert instant(given, NOW) == wanted
