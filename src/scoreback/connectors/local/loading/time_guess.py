"""Guesses which column of an export holds the times, and their format: for remedies only.

A guess is proposed to the user and never applied: a wrong one would move events.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing

import pyarrow as pa

from scoreback.timestamps import TimeReader

SAMPLES = 20  # how many values of each column are examined

# Time formats that are read only on request, in strptime's notation.
_FORMS = (
    "%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M:%S.%f",
    "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d-%b-%Y %H:%M:%S", "%d %b %Y %H:%M:%S",
    "%d/%b/%Y %H:%M:%S", "%d/%b/%Y:%H:%M:%S", "%d.%m.%y %H:%M:%S", "%d.%m.%y %H:%M",
    "%a %b %d %H:%M:%S %Y", "%a, %d %b %Y %H:%M:%S %z", "%a %b %d %Y %H:%M:%S", "%b %d %Y %H:%M:%S",
    "%d/%m/%y %H:%M:%S", "%d/%m/%y %H:%M",
)  # fmt: skip
_TELLING = re.compile(r"time|date|zeit|datum|when|stamp|(^|[._])ts$", re.IGNORECASE)


def column_of_times(samples: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    """The likeliest time column among *samples*, and its format; "" where unsure.

    Args:
        samples: some values of each column.
    """
    likely = sorted(samples, key=lambda name: (not _TELLING.search(name), name.count(".")))
    with closing(TimeReader()) as reader:
        for name in likely:
            texts = samples[name]
            if _all_read(reader, texts) and (_TELLING.search(name) or not _numbers(texts)):
                return name, ""
    for name in likely:
        form = form_of(samples[name])
        if form and (_TELLING.search(name) or not _numbers(samples[name])):
            return name, form
    return "", ""


def form_of(texts: Sequence[str]) -> str:
    """The format that fits all of *texts*, as in ``strptime``; "" where no usual format fits."""
    if not texts:
        return ""
    for form in _FORMS:
        with closing(TimeReader(form=form)) as reader:
            if _all_read(reader, texts) and _plausible(reader, texts):
                return form
    return ""


def options(name: str, form: str) -> str:
    """The options of `scoreback load` for this column and format."""
    quoted = f"'{name}'" if re.search(r"[^\w.@-]", name) else name
    return f"--time {quoted}" + (f" --time-format '{form}'" if form else "")


def _all_read(reader: TimeReader, texts: Sequence[str]) -> bool:
    return bool(texts) and reader.read(pa.array(texts, pa.string())).values.null_count == 0


def _plausible(reader: TimeReader, texts: Sequence[str]) -> bool:
    years = {each.year for each in reader.read(pa.array(texts, pa.string())).values.to_pylist()}
    return all(1995 <= year < 2100 for year in years)


def _numbers(texts: Iterable[str]) -> bool:
    return all(re.fullmatch(r"[0-9.]+", text) for text in texts)
