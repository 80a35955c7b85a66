"""The Painless text of the scorer: the same for all models, except for parts that few need.

Data of a detector, a model or an event enters only through ``params`` and ``ctx``, never as text.
The language is that of Elasticsearch 7.10, which later versions and OpenSearch read alike. It uses
no regular expressions, because clusters may forbid them, and no loop over more than one text or
tree.

`scoreback.portable` defines in plain Python what each part computes.
"""

import re
from collections.abc import Sequence

LIMIT = 2_000  # characters per script
# Kinds of features, in the order in which they get room beside the trees. A separate script costs
# each event about as much as a few features.
ORDER = (
    "number", "category", "ratio", "length", "digits", "hour_of_day", "day_of_week", "entropy",
    "is_private_ip",
)  # fmt: skip
GIVEN = "given"  # the kind of a column that an earlier script has computed

# Adds all values of one field to `found`: from `here` down, along the keys of `path` from `at` on.
_VALUES = """
void values(def here, List path, int at, List found) {
  int n = path.size();
  while (at < n && here instanceof Map) here = ((Map) here).get(path.get(at++));
  if (here instanceof Collection) for (def each : here) values(each, path, at, found);
  else if (at == n && here != null && !(here instanceof Map || ''.equals(here))) found.add(here);
}
"""
# `d + (d - d)` turns infinity into missing; so does an invalid index in a text that ends there.
_NUMBER = """
double number(def v) {
  double d = Double.NaN;
  if (v instanceof Number && !(v instanceof Float)) d = ((Number) v).doubleValue();
  else try {
    String s = v.toString();
    for (int i = 0; i < s.length(); i++) {
      String c = s.substring(i, i + 1);
      if (!'0123456789.+-eE \t\n\x0b\x0c\r'.contains(c) && !(c == '_'
          && Character.isDigit(s.charAt(i - 1)) && Character.isDigit(s.charAt(i + 1)))) return d;
    }
    s = s.replace('_', '').trim();
    d = Double.parseDouble(s.startsWith('+-') ? s.substring(1) : s);
  } catch (Exception e) {}
  return d + (d - d);
}
"""
_TAKEN = """
double taken(List values, def take) {
  double r = Double.NaN;
  for (def v : values) {
    double d = number(v);
    if (take == 'first') return d;
    if (d == d) r = r != r ? d : take == 'min' ? Math.min(r, d)
        : take == 'max' ? Math.max(r, d) : r + d;
  }
  return r + (r - r);
}
"""
_FIRST = "double taken(List v, def take) { return v.size() > 0 ? number(v.get(0)) : Double.NaN; }"
_JOINED = """
String joined(List values) {
  String s = '';
  for (def v : values) s += s == '' ? v : ' ' + v;
  return s;
}
"""
_ENTROPY = """
double entropy(String s) {
  Map seen = new HashMap();
  int n = 0;
  for (int i = 0; i < s.length() && n < 4096; n++) {
    int c = s.codePointAt(i);
    i += c > 65535 ? 2 : 1;
    seen.put(c, 1 + (int) seen.getOrDefault(c, 0));
  }
  double r = 0;
  for (int k : seen.values()) r += (double) k / n * Math.log((double) n / k) / Math.log(2);
  return r;
}
"""
_DIGITS = """
double digits(String s) {
  int n = 0;
  for (int i = 0; i < s.length(); i++) {
    int c = s.charAt(i);
    if (c > 47 && c < 58) n++;
  }
  return n;
}
"""
_ADDRESS = """
boolean holds(String s, String signs) {
  for (int i = 0; i < s.length(); i++)
    if (!signs.contains(s.substring(i, i + 1))) return false;
  return true;
}
double local(String s) {
  String d = '0123456789', x = d + 'abcdef';
  int i = s.indexOf(':');
  if (i < 0) {
    def p = s.splitOnToken('.');
    if (p.length != 4) return Double.NaN;
    for (String q : p) if (q == '' || q.length() > 3 || !holds(q, d)) return Double.NaN;
    return s.startsWith('10.') || s.startsWith('127.') || s.startsWith('192.168.')
        || s.startsWith('169.254.') || p[0] == '172' && p[1].length() == 2
        && p[1].compareTo('15') > 0 && p[1].compareTo('32') < 0 ? 1 : 0;
  }
  s = s.toLowerCase();
  if (i > s.length() - 2 || !holds(s.substring(0, i), x) || !holds(s, x + ':.'))
    return Double.NaN;
  return s == '::1' || i < 5 && (s.startsWith('fc') || s.startsWith('fd')
      || i > 2 && 'fe8 fe9 fea feb'.contains(s.substring(0, 3))) ? 1 : 0;
}
"""
# Milliseconds; a time in an unknown format ends the script.
_TIME = """
double time(def v) {
  if (v instanceof Number) return ((Number) v).doubleValue();
  String s = v.toString();
  if (!s.contains('T')) {
    if (s.lastIndexOf('-') < 1) return Long.parseLong(s);
    s += 'T00:00';
  }
  if (!s.endsWith('Z') && !s.contains('+') && s.lastIndexOf('-') < 10) s += 'Z';
  return ZonedDateTime.parse(s).toInstant().toEpochMilli();
}
double when(List f, boolean arrived) {
  List e = f.get(0), a = f.get(1);
  double t = a.size() > 0 ? time(a.get(0)) : System.currentTimeMillis();
  return arrived ? t : e.size() > 0 ? Math.min(time(e.get(0)), t) : Double.NaN;
}
"""

_FUNCTIONS = {
    "number": (_NUMBER, _TAKEN),
    "ratio": (_NUMBER, _TAKEN),
    "entropy": (_JOINED, _ENTROPY),
    "digits": (_JOINED, _DIGITS),
    "length": (_JOINED,),
    "is_private_ip": (_ADDRESS,),
    "hour_of_day": (_TIME,),
    "day_of_week": (_TIME,),
}
_BEGIN = """
List f = new ArrayList();
for (List paths : params.fields) {
  List o = new ArrayList();
  for (List p : paths) values(ctx, p, 0, o);
  f.add(o);
}
Map r = ctx._scoreback;
"""
_EACH = """
for (Map q : params.columns) {
  String k = q.k;
  List o = f.get(q.f);
  double d = Double.NaN;
"""
# For each kind, how it reads the values `o` of its field; only time features may have none.
_COLUMN = {
    "number": "if (k == 'number') d = taken(o, q.t);",
    "ratio": """
        if (k == 'ratio') {
          double b = taken(f.get(q.d), q.t);
          d = taken(o, q.t) / b;
          d += d - d;
        }""",
    "category": """
        if (k == 'category' && o.size() > 0) {
          Set u = new TreeSet();
          for (def v : o) u.add(v.toString());
          def w = q.v.get(String.join(', ', u));
          d = w == null ? 0 : w;
        }""",
    "length": """
        if (k == 'length' && o.size() > 0) {
          String s = joined(o);
          d = s.codePointCount(0, s.length());
        }""",
    "digits": "if (k == 'digits' && o.size() > 0) d = digits(joined(o));",
    "entropy": "if (k == 'entropy' && o.size() > 0) d = entropy(joined(o));",
    "is_private_ip": """
        if (k == 'is_private_ip' && o.size() > 0) d = local(o.get(0).toString());""",
    "hour_of_day": """
        if (k == 'hour_of_day') {
          double t = when(f, q.a) / 3600000;
          d = Math.floor(t) - 24 * Math.floor(Math.floor(t) / 24);
        }""",
    "day_of_week": """
        if (k == 'day_of_week') {
          double t = Math.floor(when(f, q.a) / 86400000) + 3;
          d = t - 7 * Math.floor(t / 7) + 1;
        }""",
    GIVEN: "if (k == 'given') d = r.remove(q.c);",
}
_KEPT = """
  r.put(q.c, d);
}
"""
# Each number is looked up among its column's thresholds once, not in each tree: after a zero, `b`
# has two places per column, first for questions that send missing numbers left. A tree is its
# depth, its numbers of nodes and leaves, then for each node: place, threshold, nodes to the left
# child; the right child is the next one. A leaf leads to itself. Sums are in single precision, as
# in XGBoost.
_TREES = """
  int c = 1 + 2 * n++;
  if (d == d) {
    int g = Collections.binarySearch(params.cuts.get(n - 1), d + 0.0);
    b[c] = b[c + 1] = g < 0 ? -1 - g : 1 + g;
  } else b[c + 1] = 65535;
}
String t = params.trees;
List l = params.leaves;
float m = (float) params.intercept;
int p = 0, e = 0;
while (p < t.length()) {
  int i = p + 3;
  for (int h = t.charAt(p); h > 0; h--)
    i += 3 * t.charAt(i + 2) + ((t.charAt(i + 1) - b[t.charAt(i)]) >> 31 & 3);
  m += (float) (double) l.get(e + t.charAt(i + 1));
  e += t.charAt(p + 2);
  p += 3 + 3 * t.charAt(p + 1);
}
"""
_LINEAR = """
  Map w = params.terms.get(n++);
  double s = d == d ? ((float) Math.max(-h, Math.min(h, d)) - w.mean) / w.scale : 0;
  s = Math.max(-params.farthest, Math.min(params.farthest, s));
  z += w.slope * s + w.missing * ((d == d ? 0 : 1) - w.rate);
}
float m = (float) z;
"""
_BEFORE_TREES = "int n = 0;\nint[] b = new int[1 + 2 * params.columns.size()];\n"
_BEFORE_LINEAR = "int n = 0;\ndouble z = params.intercept, h = 3.4028234663852886e38;\n"
_RESULT = """
ctx.remove('_scoreback');
r.score = Math.min(1 / (1 + Math.exp(-m)), 0.9999999999999999);
r.alert = m >= (double) r.remove('cut');
def s = ctx.scoreback;
if (s == null) ctx.scoreback = s = new HashMap();
if (s instanceof Map) {
  s.remove('error');
  s.putAll(r);
  if (!(s.detectors instanceof Map)) s.detectors = new HashMap();
  s.detectors.put(r.remove('detector'), r);
}
"""
# Instead of a score: an event's own score from before this pipeline is not Scoreback's.
FAILED = """
ctx.remove('_scoreback');
def s = ctx.scoreback;
if (s == null) ctx.scoreback = s = new HashMap();
if (s instanceof Map) {
  s.remove('score');
  s.remove('alert');
  s.remove('threshold');
  s.putAll(params);
  if (!(s.detectors instanceof Map)) s.detectors = new HashMap();
  s.detectors.put(params.detector, ['version': params.version, 'error': params.error]);
}
"""


def reading(kinds: Sequence[str], *, firsts: bool) -> str:
    """The script that keeps columns of *kinds* for a later script.

    With *firsts*, a field with several numbers always gives the first.
    """
    return compact(_functions(kinds, firsts=firsts) + _BEGIN + _EACH + _columns(kinds) + _KEPT)


def scoring(kinds: Sequence[str], *, linear: bool, firsts: bool) -> str:
    """The script that reads columns of *kinds*, computes the score and writes it onto the event."""
    before, after = (_BEFORE_LINEAR, _LINEAR) if linear else (_BEFORE_TREES, _TREES)
    functions, columns = _functions(kinds, firsts=firsts), _columns(kinds)
    return compact(functions + _BEGIN + before + _EACH + columns + after + _RESULT)


def compact(source: str) -> str:
    """*source* without the white space that only people need; texts within it stay."""
    found, apart = "", False
    for token in re.findall(r"'(?:\\.|[^'\\])*'|\w+|\s+|[^\w\s]", source):
        if token.isspace():
            apart = True
            continue
        words = re.match(r"\w", token) and re.match(r"\w", found[-1:])
        found += " " * bool(apart and found and (words or found[-1] == token)) + token
        apart = False
    return found


def _functions(kinds: Sequence[str], *, firsts: bool) -> str:
    needed = dict.fromkeys(part for kind in kinds for part in _FUNCTIONS.get(kind, ()))
    return _VALUES + "".join(_FIRST if firsts and part == _TAKEN else part for part in needed)


def _columns(kinds: Sequence[str]) -> str:
    return "\n".join(_COLUMN[kind] for kind in kinds)
