"""pySigma's backend for Lucene, corrected where a ``query_string`` reads its output differently."""

import re

from sigma.backends.elasticsearch import LuceneBackend
from sigma.conditions import ConditionFieldEqualsValueExpression
from sigma.conversion.state import ConversionState
from sigma.exceptions import SigmaFeatureNotSupportedByBackendError
from sigma.types import SigmaRegularExpression, SigmaRegularExpressionFlag, SigmaString

from scoreback.connectors.elastic.sigma.lucene_regex import NotInLucene, lucene_regex

_OPERATORS = frozenset(("AND", "OR", "NOT", "TO"))


class Lucene(LuceneBackend):
    """Quotes what looks like an operator, and searches with regular expressions as Sigma does."""

    def convert_value_str(self, s: SigmaString, state: ConversionState) -> str:
        """Quote what looks like an operator or a range, which escaping cannot prevent."""
        plain = str(s)
        if not s.contains_special() and (plain in _OPERATORS or plain[:1] in ("<", ">")):
            inner = re.sub(r'(["\\])', r"\\\1", plain)
            return f'"{inner}"'
        return str(super().convert_value_str(s, state))

    def convert_condition_field_eq_val_re(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> str:
        """Search within values, as Sigma does: Lucene matches whole values."""
        del state
        value = cond.value
        if not isinstance(value, SigmaRegularExpression):
            raise TypeError(f"no regular expression: {type(value)}")
        ignore_case = SigmaRegularExpressionFlag.IGNORECASE in value.flags
        try:
            found = lucene_regex(str(value.regexp), ignore_case=ignore_case)
        except NotInLucene as error:
            raise SigmaFeatureNotSupportedByBackendError(
                f"Lucene's regular expressions do not have {error}"
            ) from error
        return f"{self.escape_and_quote_field(cond.field)}:/{found}/"
