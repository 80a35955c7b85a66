"""Functions of ``eval`` on fields with several values."""

from collections.abc import Callable

from tests.splunkd.spl.functions import Expression, Result, Table, multi, scalar, truth
from tests.splunkd.spl.values import Row, SearchFailed, number, one_or_many, text


def _mvindex(values: list[Result]) -> Result:
    own, first = multi(values[0]), number(values[1])
    if first is None:
        return None
    size = len(own)
    start = int(first) + (size if first < 0 else 0)
    last = number(values[2]) if len(values) > 2 else None
    end = start if last is None else int(last) + (size if last < 0 else 0)
    return one_or_many(own[max(start, 0) : end + 1] if end >= 0 else [])


def _joined(values: list[Result]) -> Result:
    own = multi(values[0])
    return text(scalar(values[1]) or "").join(own) if own else None


def _split(values: list[Result]) -> Result:
    whole, by = scalar(values[0]), scalar(values[1])
    if whole is None or by is None:
        return None
    parts = text(whole).split(text(by)) if text(by) else list(text(whole))
    return one_or_many(parts)


def _counted(values: list[Result]) -> Result:
    own = multi(values[0])
    return len(own) if own else None


def _found(values: list[Result]) -> Result:
    from tests.splunkd.spl.text_functions import regex

    pattern = regex(text(scalar(values[1]) or ""))
    return next((i for i, v in enumerate(multi(values[0])) if pattern.search(v)), None)


def _zipped(values: list[Result]) -> Result:
    by = text(scalar(values[2]) or "") if len(values) > 2 else ","
    pairs = zip(multi(values[0]), multi(values[1]), strict=False)
    return one_or_many(f"{a}{by}{b}" for a, b in pairs)


def _field_of(argument: Expression) -> Callable[[Row], tuple[str, list[str]]]:
    """The one field that an expression reads, by watching what it asks a row for."""

    class Watched(dict[str, object]):
        asked: str = ""

        def get(self, key: str, default: object = None) -> object:
            self.asked = self.asked or key
            return super().get(key, default)

    def read(row: Row) -> tuple[str, list[str]]:
        watched = Watched(row)
        argument(watched)  # type: ignore[arg-type]
        if not watched.asked:
            raise SearchFailed("The expression of mvfilter must have a field.")
        return watched.asked, multi(row.get(watched.asked))

    return read


def _filtered(arguments: list[Expression]) -> Expression:
    field_of = _field_of(arguments[0])

    def kept(row: Row) -> Result:
        name, own = field_of(row)
        return one_or_many(v for v in own if truth(arguments[0]({**row, name: v})))

    return kept


def _mapped(arguments: list[Expression]) -> Expression:
    field_of = _field_of(arguments[0])

    def made(row: Row) -> Result:
        name, own = field_of(row)
        results = (scalar(arguments[1]({**row, name: v})) for v in own)
        return one_or_many(text(v) for v in results if v is not None)

    return made


LAZY_MULTIVALUE: dict[str, tuple[int, int, Callable[[list[Expression]], Expression]]] = {
    "mvfilter": (1, 1, _filtered),
    "mvmap": (2, 2, _mapped),
}
MULTIVALUE: Table = {
    "mvcount": (1, 1, _counted),
    "mvindex": (2, 3, _mvindex),
    "mvjoin": (2, 2, _joined),
    "mvappend": (1, 99, lambda values: one_or_many(v for each in values for v in multi(each))),
    "mvdedup": (1, 1, lambda values: one_or_many(dict.fromkeys(multi(values[0])))),
    "mvsort": (1, 1, lambda values: one_or_many(sorted(multi(values[0])))),
    "mvfind": (2, 2, _found),
    "mvzip": (2, 3, _zipped),
    "split": (2, 2, _split),
}
