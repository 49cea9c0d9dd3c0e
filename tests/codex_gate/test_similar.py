"""Likeness of programs: what must not count and what must, in every language alike, and what bad files get."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import jsonschema
import pytest

from codex_gate import similar
from codex_gate.errors import UsageError
from codex_gate.paths import LANGUAGES
from codex_gate.reporters.similar import render
from tests.codex_gate.samples import call

ROOT = Path(__file__).parents[2]

# By file name: a program; the same renamed, commented and laid out otherwise; and the first with another data flow, two reads of variables having changed places.
CASES = {
    "x.py": (
        "def total(prices, taxes, limit=3):\n    found = []\n    for price, tax in zip(prices, taxes):\n        if price > limit:\n            found.append(price * tax)\n    return sum(found)\n",
        'def add_up(  # a comment\n    ps, ts, most=3,\n):\n  """What it does."""\n  out = []\n\n  for p, t in zip(ps, ts):\n    if p > most:\n      out.append(p * t)\n  return sum(out)\n',
        "def total(prices, taxes, limit=3):\n    found = []\n    for price, tax in zip(prices, taxes):\n        if tax > limit:\n            found.append(price * price)\n    return sum(found)\n",
    ),
    "x.js": (
        "function total(prices, taxes) { let found = 0; for (const i in prices) { found += prices[i] * taxes[i]; } return Math.max(found, prices.length); }",
        "/* sums */ function addUp(ps, ts) {\n  let out = 0;\n  for (const k in ps) {\n    out += ps[k] * ts[k]; // here\n  }\n  return Math.max(out, ps.length);\n}\n",
        "function total(prices, taxes) { let found = 0; for (const i in prices) { found += prices[i] * prices[i]; } return Math.max(found, taxes.length); }",
    ),
    "x.java": (
        "class Shop { private int sum; int total(int[] a, int b) { for (int x : a) { this.sum += x * b; } log(a.length); return total(a, this.sum - b); } }",
        "class Store {\n    private int all;\n    // sums\n    int addUp(int[] values, int by) {\n        for (int v : values) {\n            this.all += v * by;\n        }\n"
        "        log(values.length);\n        return addUp(values, this.all - by);\n    }\n}\n",
        "class Shop { private int sum; int total(int[] a, int b) { for (int x : a) { this.sum += b * b; } log(a.length); return total(a, this.sum - x); } }",
    ),
    "x.c": (
        "static int *grow(struct list *l, int n) { int *p = realloc(l->items, n * sizeof *p); if (!p) return NULL; l->items = p; l->size = n; return p; }",
        "static int *more(struct list *xs, int count)\n{\n\tint *q = realloc(xs->items, count * sizeof *q);\n\tif (!q) /* none left */\n\t\treturn NULL;\n\txs->items = q;\n\txs->size = count;\n\treturn q;\n}\n",
        "static int *grow(struct list *l, int n) { int *p = realloc(l->items, n * sizeof *l); if (!p) return NULL; p->items = p; l->size = n; return p; }",
    ),
    "x.go": (
        "func Total(a []int, b int) int {\n\ts := 0\n\tfor _, x := range a {\n\t\ts += x * b\n\t}\n\treturn s - len(a)\n}\n",
        "// sums\nfunc AddUp(values []int, by int) int {\n\tall := 0\n\n\tfor _, v := range values {\n\t\tall += v * by\n\t}\n\treturn all - len(values)\n}\n",
        "func Total(a []int, b int) int {\n\ts := 0\n\tfor _, x := range a {\n\t\ts += b * x\n\t}\n\treturn s - len(a)\n}\n",
    ),
    "x.rs": (
        "fn total<'a>(a: &'a [i32], b: i32) -> i32 { let mut s = 0; for x in a { s += x * b; } s.abs() - b }",
        "/// sums\nfn add_up<'a>(values: &'a [i32], by: i32) -> i32 {\n    let mut all = 0;\n    for v in values {\n        all += v * by;\n    }\n    all.abs() - by\n}\n",
        "fn total<'a>(a: &'a [i32], b: i32) -> i32 { let mut s = 0; for x in a { b += x * b; } s.abs() - s }",
    ),
    "x.rb": (
        "def total(a, b)\n  s = 0\n  a.each do |x|\n    s += x * b\n  end\n  puts s\nend\n",
        "# sums\ndef add_up(values, by)\n  all = 0\n\n  values.each do |v|\n    all += v * by\n  end\n  puts all\nend\n",
        "def total(a, b)\n  s = 0\n  a.each do |x|\n    s += x * s\n  end\n  puts b\nend\n",
    ),
    "x.sh": (
        'total() {\n  local a=$1\n  b=$(( $a + 2 ))\n  echo $b $a\n}\n',
        '# sums\nadd_up() {\n  local v=$1\n\n  w=$(( $v + 2 ))\n  echo $w $v\n}\n',
        'total() {\n  local a=$1\n  b=$(( $b + 2 ))\n  echo $a $a\n}\n',
    ),
}  # fmt: skip


def likeness(first: str, second: str, name: str = "x.py") -> similar.Likeness:
    return similar.compare(similar.program(first, name), similar.program(second, name))


@pytest.mark.parametrize("name", CASES)
def test_a_renamed_copy_is_the_same_program_and_another_data_flow_is_not(name: str) -> None:
    program, copy, other = CASES[name]
    same = likeness(program, copy, name)
    assert (same.value, same.same_program, same.alone) == (1.0, True, ((), ()))
    differs = likeness(program, other, name)
    assert 0.3 < differs.value < 0.999 and not differs.same_program and any(differs.alone)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x = f(1)\n", "x = g(1)\n"),  # another function of others
        ("x = f(1)\n", "x = f(2)\n"),
        ("x = f(1)\n", "x = f('1')\n"),
        ("x.a()\n", "x.b()\n"),
        ("x = f(1)\n", "x = f(1).y\n"),
        ("if a:\n    f()\n    g()\n", "if a:\n    f()\ng()\n"),  # layout that Python reads
        ("try:\n    f()\nexcept KeyError:\n    pass\n", "try:\n    f()\nexcept IndexError:\n    pass\n"),
        ("def f(a, b):\n    return a - b\n", "def f(a, b):\n    return b - a\n"),
        ("x = ''\n", "x = 'y'\n"),
        ("def f(x: int): return x\n", "def f(x: str): return x\n"),
    ],
)
def test_what_counts(first: str, second: str) -> None:
    found = likeness(first, second)
    assert found.value < 1 and not found.same_program


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x = 'one text'\n", 'y = "another"\n'),
        ("x = f(1,\n  2)\n", "x = f(\n    1,\n    2,\n)\n"),
        ("x = 1 + \\\n  2\n", "x = 1 + 2\n"),
        ("x = '''a\nb''' % y\n", "x = 'cd' % y\n"),
        ("x = 1\r\ny = x\r\n", "x = 1\ny = x\n"),
        ("def f(a):\n    return a\ndef g(a):\n    return a\n", "def f(a):\n    return a\ndef g(b):\n    return b\n"),  # names of two scopes
        ("class A:\n    def put(self, x):\n        self.x = x\n", "class B:\n    def take(me, y):\n        me.z = y\n"),
        ("def f(list):\n    return list[0]\n", "def f(xs):\n    return xs[0]\n"),  # a parameter may hide a type
        ("x = 1_000\n", "x = 1000\n"),
    ],
)
def test_what_does_not_count(first: str, second: str) -> None:
    found = likeness(first, second)
    assert found.value == 1 and found.same_program


def test_the_same_parts_in_another_order_are_not_the_same_program() -> None:
    same = " 1 + 2 + 3 "  # five tokens, so that no run sees what stands on both sides
    found = likeness(f"{same}; 8 ;{same}* 9 *{same}", f"{same}* 9 *{same}; 8 ;{same}", "x.js")
    assert found.value == 1 and not found.same_program
    assert "the same parts in another order" in render("terminal", [found])


def test_a_word_that_means_two_things_is_one_name_so_a_copy_with_one_of_them_renamed_is_not_the_same() -> None:
    """As Python reads it the import's `open` and the function's are two; there is no parser here."""
    text = "from builtins import open as _first\n\n\ndef open(path, mode):\n    found = _first(path, mode)\n    return found\n"
    both, one = (similar.program(text.replace(old, new), "x.py") for old, new in ((" open", " begin"), ("def open", "def begin")))
    whole = similar.program(text, "x.py")
    assert similar.compare(whole, both).value == 1.0 and similar.compare(whole, both).same_program
    assert 0.8 < similar.compare(whole, one).value < 1.0


def test_a_command_of_the_shell_counts() -> None:
    assert likeness("a=1\necho $a\n", "b=1\necho $b\n", "x.sh").same_program
    assert likeness("a=1\necho $a\n", "a=1\neval $a\n", "x.sh").value < 1


def test_an_edit_changes_the_likeness_a_little_and_another_program_much() -> None:
    text = (ROOT / "codex_gate" / "intervals.py").read_text("utf-8")
    edited = text.replace("    half = Z95", "    check(above)\n    half = Z95")
    assert 0.97 < likeness(text, edited).value < 1
    assert likeness(text, (ROOT / "codex_gate" / "globs.py").read_text("utf-8")).value < 0.5


def test_likeness_is_symmetric_and_its_vector_gives_it_again() -> None:
    paths = [ROOT / "codex_gate" / f"{name}.py" for name in ("intervals", "lines", "cli", "similar", "lexing")]
    programs = [similar.read(path) for path in paths]
    for first in programs:
        assert math.fsum(x * x for x in first.vector) == pytest.approx(1)
        for second in programs:
            found = similar.compare(first, second).value
            assert 0 <= found <= 1 and found == pytest.approx(similar.compare(second, first).value)
            assert sum(a * b for a, b in zip(first.vector, second.vector, strict=True)) == pytest.approx(found, abs=0.1)


def test_a_worked_out_likeness() -> None:
    """Without an own name and with one run of three tokens each, nothing in common is 0; of two runs one in common is a half."""
    assert likeness("1 + 2", "1 + 3", "x.js").value == 0
    assert likeness("1 + 2 + 3 + 4", "1 + 2 + 3 + 4", "x.js").value == 1
    # runs of five of six tokens: two; the first is common, each share is 1/2, so the root of the product too
    assert likeness("1 + 2 + 3 ;", "1 + 2 + 3 !", "x.js").value == pytest.approx(0.5)


def test_vectors_are_the_same_in_every_process() -> None:
    code = "from codex_gate import similar; print(similar.program('def f(a):\\n    return a + 1\\n', 'x.py').vector)"
    seen = {
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1


def test_stretches_name_the_lines_of_both_files(tmp_path: Path) -> None:
    body = "".join(f"    x{k} = f{k}(a, {k})\n    y{k} = x{k} * b[{k}]\n" for k in range(10))
    found = likeness("def one(a, b):\n" + body + "    return 1\n", "import os\n\n\ndef two(a, b):\n" + body + "    raise a\n")
    assert found.stretches[0].first == (1, 21) and found.stretches[0].second == (4, 24)
    assert found.stretches[0].n_tokens > 180


@pytest.mark.parametrize("language", [*sorted(set(LANGUAGES.values())), None])
def test_every_language_and_an_unknown_one_can_be_compared(language: str | None) -> None:
    name = next((f"x{suffix}" for suffix, spoken in LANGUAGES.items() if spoken == language), "x.unknown")
    text = 'abc = def(1, "x")\nfor b in c { abc[b] = abc[0] + 1 }\n'
    found = likeness(text, text.replace("abc", "other"), name)
    assert found.value == 1 and found.first.language == language


# -- files ---------------------------------------------------------------------------------------------


def write(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write(tmp_path / "good.py", CASES["x.py"][0])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\x7fELF\x00\x01\x02", "is binary or not UTF-8; expected program text"),
        (bytes(range(1, 256)) * 9, "is binary or not UTF-8; expected program text"),
        ("x = 1\n".encode("utf-16"), "is binary or not UTF-8; expected program text"),
        (b"x" * ((16 << 20) + 1), "has more than 16 MiB; expected program text, which is smaller"),
    ],
    ids=["nul", "bytes", "utf-16", "large"],
)
def test_a_file_that_is_no_program_text_is_refused(data: bytes, told: str, good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = write(tmp_path / "bad.py", data)
    for files in ((good, bad), (bad, good), (good, good, bad)):
        said = call(capsys, "similar", *files)
        assert (said.code, said.out, said.err) == (2, "", f"codex-gate: {bad} {told}\n")


def test_a_path_that_is_no_file_is_refused(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path, told in (
        (tmp_path, "is a directory; expected a file"),
        (tmp_path / "none", "cannot be read (No such file or directory)"),
        ("/dev/null", "is no regular file"),
    ):
        said = call(capsys, "similar", good, path)
        assert said.code == 2 and said.err.startswith(f"codex-gate: {path} {told}") and said.err.count("\n") == 1


def test_no_permission_is_said(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UsageError, match=r"cannot be read \(Permission denied\)"):
        similar.read(good)


def test_a_file_without_program_text_is_like_nothing_and_nothing_is_compared_with_it(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for data in ("", "\n\n# a comment\n", '"""Only a docstring."""\n'):
        empty = write(tmp_path / "empty.py", data)
        said = call(capsys, "similar", good, empty)
        assert said.code == 0 and said.out.startswith("0 % alike as programs\nthe second file holds no program text\n")
        said = call(capsys, "similar", empty, good)
        assert said.code == 2 and "holds no program text" in said.err


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.js", "x" * 5_000_000),
        ("b.js", ";".join(f"function a{k}(b){{return b+{k}}}" for k in range(100_000))),
        ("c.py", '"\\' * 2_000_000),
        ("d.js", "`\\" * 2_000_000),
        ("e.py", '"""a"""b\n' * 400_000),
        ("f.rb", "@" * 2_000_000),
        ("g.lua", "--[=" * 400_000),
        ("h.py", "(" * 1_000_000),
    ],
    ids=["one name", "minified", "quotes", "backticks", "docstrings", "signs", "comments", "brackets"],
)
def test_hostile_text_takes_bounded_time(name: str, data: str) -> None:
    began = time.process_time()
    found = similar.program(data, name)
    assert time.process_time() - began < 10  # seconds; quadratic work would take hours
    assert len(found.lines) <= similar.MAX_TOKENS and found.whole == (name in ("a.js", "c.py", "d.js", "g.lua"))  # one name, one text, one comment


def test_a_stretch_is_tried_at_so_many_places_of_repetitive_text_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: Counter[int] = Counter()
    shared = similar._shared
    monkeypatch.setattr(similar, "_shared", lambda ours, start, theirs, place: tried.update([start]) or shared(ours, start, theirs, place))
    again = "call(a, b)\n" * 200
    similar.compare(similar.program("x = 1\n" + again, "a.py"), similar.program(again, "b.py"))
    assert tried and max(tried.values()) == similar.MAX_PLACES


def test_the_same_file_twice(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "similar", good, good).out.startswith("100 % alike as programs\nthe same bytes\n")


# -- reports -------------------------------------------------------------------------------------------


@pytest.fixture
def family(tmp_path: Path) -> tuple[Path, ...]:
    names = ("a.py", "copy.py", "flow.py")
    return tuple(write(tmp_path / name, text) for name, text in zip(names, CASES["x.py"], strict=True))


def test_more_files_are_ranked_by_likeness_to_the_first(family: tuple[Path, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(family[0].parent)
    said = call(capsys, "similar", "a.py", "flow.py", "copy.py")
    assert said.code == 0
    assert said.out.splitlines()[:3] == ["Like a.py", " 100 %  copy.py", "        the same program but for names, layout, comments and the wording of"]
    assert said.out.index("copy.py") < said.out.index("flow.py")


def test_json_holds_to_its_schema_and_each_has_its_vector(family: tuple[Path, ...], capsys: pytest.CaptureFixture[str]) -> None:
    schema = json.loads(call(capsys, "schema", "similar").out)
    found = json.loads(call(capsys, "similar", *family, "--format", "json").out)
    jsonschema.validate(found, schema)
    copy, flow = found["others"]
    assert copy["likeness"] == 1 and copy["same_program"] and copy["vector"] == found["file"]["vector"]
    assert flow["likeness"] < 1 and flow["vector"] != copy["vector"] and flow["alone"]["file"]
    assert schema["properties"]["file"]["properties"]["vector"]["minItems"] == similar.DIMENSIONS


def test_no_line_of_the_report_is_wider_than_the_window(tmp_path: Path) -> None:
    body = "".join(f"    x{k} = f{k}(a, {k})\n    y{k} = x{k} * b[{k}]\n" for k in range(30))
    first = similar.program(f"def one(a, b):\n{body}", "first/" * 20 + "x.py")
    for others in (["def two(a, b):\n" + body.replace("x3 *", "x2 *")], [body, "x = 1\n", ""]):
        found = [similar.compare(first, similar.program(text, "other/" * 20 + f"{number}.unknown")) for number, text in enumerate(others)]
        for width in (40, 80):
            assert max(map(len, render("terminal", found, width=width).splitlines())) <= width


def test_what_is_read_in_part_unknown_or_of_two_languages_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similar, "MAX_TOKENS", 6)
    found = similar.compare(similar.program("x = f(1, 2)\ny = x\n", "x.py"), similar.program("x = 1", "x.what"))
    text = " ".join(render("terminal", [found]).split())
    assert "x.py is read up to its token" in text and "the language of x.what is not known" in text and "python, unknown: words and signs" in text
