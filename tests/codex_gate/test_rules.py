"""The rules, by cases in tests/cases/rules and by what must hold for any input.

A case is a file: lines of `#` comment; `expect:` with the categories that must be said, best first, or `unclassified`;
`message:` with further lines of the message indented by two blanks; then an ordinary git diff.
"""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest

from codex_gate import rules
from codex_gate.rule_table import ADDED, CHANGED, DELETED, MESSAGE, PAIR, PATH, RULES, SWAP
from codex_gate.taxonomy import DefectCategory
from codex_gate.types import Commit, Evidence, FileChange

# How the names of a category's case files begin; "<stem>-not-…" is a twin that must not fire.
STEMS = re.findall(
    r"\w+", "ast borrow stdlib type race security memory comprehension bounds precedence annotation iterator config integration performance api leak logic"
)
CASES = sorted((Path(__file__).parents[1] / "cases" / "rules").glob("*.diff"))


def change(path: str, patch: str | bytes) -> FileChange:
    body = patch.encode() if isinstance(patch, str) else patch
    return FileChange(path, None, "M", 0o100644, 0o100644, "1" * 40, "2" * 40, body.count(b"\n+"), body.count(b"\n-"), body)


def commit(message: str | None, *files: FileChange) -> Commit:
    return Commit(None, (), "a@example.org", 1_600_000_000, 0, message, files)


def added(path: str, *lines: str) -> FileChange:
    return change(path, f"@@ -1,1 +1,{len(lines) + 1} @@\n x\n" + "".join(f"+{line}\n" for line in lines))


def said(message: str | None, *files: FileChange) -> list[str]:
    return [str(found.category) for found in rules.classify(commit(message, *files))]


PLAIN = {suffix: added(f"src/app.{suffix}", "go(x)") for suffix in ("py", "rs", "c", "java", "go", "js")}


def read_case(path: Path) -> tuple[list[str], Commit]:
    head, *sections = path.read_text().split("\ndiff --git ")
    lines = [line for line in head.split("\n") if not line.startswith("#")]
    expected = next(line.removeprefix("expect:") for line in lines if line.startswith("expect:"))
    message = [line.removeprefix("message:").strip() if line.startswith("message:") else line[2:] for line in lines if line.startswith(("message:", "  "))]
    files = []
    for section in sections:
        name = re.match(r"a/(\S+) b/\S+", section)
        assert name is not None
        files.append(change(name[1], section[section.index("\n@@ ") + 1 :].rstrip("\n") + "\n"))
    return [word.strip() for word in expected.split(",")], commit("\n".join(message) or None, *files)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    expected, case = read_case(path)
    assert [str(found.category) for found in rules.classify(case)] == [word for word in expected if word != "unclassified"]


def test_every_rule_is_exercised_by_a_case() -> None:
    met = {rule.name for path in CASES for rule, _ in rules.fired(read_case(path)[1])}
    assert {rule.name for rule in RULES} - met == set()


def test_every_category_has_cases_that_fire_by_message_and_by_diff_and_a_twin_that_must_not() -> None:
    by_message, by_diff, twins = set(), set(), set()
    for path in CASES:
        for found in rules.classify(read_case(path)[1]):
            kinds = {piece.where == "message" for piece in found.evidence}
            by_message |= {found.category} if True in kinds else set()
            by_diff |= {found.category} if False in kinds else set()
        twins |= {category for category, stem in zip(DefectCategory, STEMS) if path.stem.startswith(f"{stem}-not-") and category not in read_case(path)[0]}
    assert by_message == by_diff == set(DefectCategory)
    assert twins == set(DefectCategory)


def test_the_table_is_well_formed() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.pattern.pattern and (rule.also or not rule.also_source)
        assert rule.where in (MESSAGE, ADDED, DELETED, CHANGED, PATH, PAIR, SWAP), rule.name
        assert 0 < rule.weight <= 0.8, rule.name
        assert rule.cues or rule.where in (PATH, PAIR, SWAP), rule.name
        assert all(re.fullmatch(r"[a-z0-9]+", cue) for cue in rule.cues) or rule.where != MESSAGE, rule.name
        assert not re.search(r"\((?:\?:)?(?:\\\w|\[[^\]]*\]|\.)[*+]\)[*+]", rule.source), f"{rule.name}: a repeat of a repeat can take exponential time"


@pytest.mark.parametrize("message", ["fastest", "trace the graceful embrace", "block the clock, unlock", "breakfast at last", "bleak leakproof", "reconfigure", "prosecution",
                                     "interface", "performer", "slowly" + "ish", "typing" + "s2", "specific"])  # fmt: skip
def test_words_inside_words_do_not_speak(message: str) -> None:
    for plain in PLAIN.values():
        assert said(message, plain) == []


@pytest.mark.parametrize("denial", ["no", "not a", "without", "without any", "isn't a", "not really a", "unrelated to the", "neither", "non-"])
@pytest.mark.parametrize("thing", ["race condition", "memory leak", "SQL injection", "deadlock", "type mismatch"])
def test_denied_words_do_not_speak(denial: str, thing: str) -> None:
    assert said(f"Rename the pool, {denial} {thing}".replace("- ", "-"), PLAIN["py"]) == []
    assert said(f"Rename the pool: {thing}", PLAIN["py"]) != []


def test_a_denied_word_does_not_silence_the_next_one() -> None:
    assert said("Not a memory leak in the reader, but a leak in the writer", PLAIN["py"]) == ["ResourceLeaks"]


@pytest.mark.parametrize("message", ["Do not leak the handle", "It no longer leaks", "The reader must not deadlock", "Reader could not avoid deadlocks"])
def test_telling_of_a_repair_is_no_denial(message: str) -> None:
    assert said(message, PLAIN["py"]) != []


def test_hints_of_the_message_are_heard_in_the_title_only() -> None:
    assert said("Cache the rows", PLAIN["py"]) == ["PerformanceIssues"]
    assert said("Sort the rows\n\nThe cache is filled as before.", PLAIN["py"]) == []
    body, title = (rules.classify(commit(m, PLAIN["py"]))[0].confidence for m in ("Sort\n\nIt had a deadlock.", "It had a deadlock"))
    assert body < title


def test_trailers_and_addresses_do_not_speak() -> None:
    assert said("Sort the rows\n\nhttps://example.org/deadlock\nReviewed-by: Memory Leak <deadlock@example.org>", PLAIN["py"]) == []


def test_evidence_names_place_line_and_words() -> None:
    patch = "@@ -10,3 +10,4 @@ def f\n import os\n-eval(text)\n+x = 1\n+run(cmd, shell=True)\n end\n@@ -30 +31,2 @@\n other\n+handle = open(path)\n"
    found = rules.classify(commit("Close\n\n\nFix CVE-2020-1234", change("src/a.py", patch)))
    assert {piece for one in found for piece in one.evidence} == {
        Evidence("message", 4, "CVE-2020-1234"),
        Evidence("src/a.py", 12, "shell=True"),
        Evidence("src/a.py", 11, "eval(", deleted=True),
        Evidence("src/a.py", 32, "handle = open("),
    }
    assert found[0].category == "SecurityVulnerabilities"
    assert found[0].evidence[0].where == "message"


def test_evidence_is_one_short_printable_line() -> None:
    files = [added("src/a.py", 'password = "' + "\u202e\x1b[31m" + "a" * 300 + '"', "x" * 150 + " = eval(" + "y" * 300 + ")")]
    files += [added(f"src/b{n}.py", "eval(x)", "os.system(x)", "pickle.loads(x)", "run(shell=True)") for n in range(5)]
    for found in rules.classify(commit("deadlock " * 50, *files)):
        assert len(found.evidence) <= rules.MAX_EVIDENCE
        assert all(0 < len(piece.text) <= rules.MAX_TEXT and piece.text.isprintable() for piece in found.evidence)


def test_confidence_combines_distinct_rules_and_stays_in_bounds() -> None:
    once = rules.classify(commit(None, added("a.py", "run(shell=True)")))[0].confidence
    often = rules.classify(commit(None, added("a.py", *[f"run{n}(shell=True)" for n in range(9)])))[0].confidence
    both = rules.classify(commit(None, added("a.py", "run(shell=True)", "eval(x)")))[0].confidence
    assert once == often == 0.55
    assert both == pytest.approx(1 - 0.45 * 0.5)
    everything = rules.classify(commit("CVE-2020-1234 SQL injection, insecure, sanitize", added("a.py", "run(shell=True)", "eval(x)")))[0]
    assert everything.confidence == rules.MAX_CONFIDENCE


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.where not in (MESSAGE, PATH) and rule.weight < rules.STRONG], ids=lambda rule: rule.name)
def test_a_bare_hint_stays_quiet(rule: object) -> None:
    assert isinstance(rule, tuple)
    assert rule[3] <= 0.4


def test_a_hint_drowns_in_a_large_change() -> None:
    hint = "rows = threading.local()"
    assert said(None, added("a.py", hint)) == ["ConcurrencyBugs"]
    assert said(None, added("a.py", hint, *[f"x{n} = {n}" for n in range(900)])) == []


def test_a_path_speaks_by_its_share() -> None:
    pipeline = change(".github/workflows/ci.yml", "@@ -1 +1 @@\n-a: 1\n+a: 2\n")
    assert said("x", pipeline) == ["ConfigurationErrors"]
    assert said("x", pipeline, *[added(f"src/{n}.py", "go(x)") for n in range(9)]) == []


@pytest.mark.parametrize(("message", "suffix", "category"), [
    ("Fix use of moved value", "rs", "OwnershipBorrow"), ("Fix trait bounds", "rs", "TraitBounds"), ("Fix use-after-free", "c", "MemorySafety"),
    ("Fix list comprehension", "py", "ComprehensionBugs"), ("Fix type annotations", "py", "TypeAnnotationGaps"), ("Fix iterator", "rs", "IteratorChain"),
])  # fmt: skip
def test_categories_are_said_only_where_they_apply(message: str, suffix: str, category: str) -> None:
    assert category in said(message, PLAIN[suffix])
    assert said(message, change("run.sh", "@@ -1 +1 @@\n-a\n+b\n")) == []


@pytest.mark.parametrize("path", ["tests/test_a.py", "docs/a.md", "vendor/a/a.py", "node_modules/a/a.js", "a.min.js", "api/a_pb2.py", "data/a.csv"])
def test_tests_documents_data_and_foreign_text_do_not_speak(path: str) -> None:
    assert said("Fix deadlock", added(path, "run(shell=True)", "eval(x)")) == []


@pytest.mark.parametrize("line", ["# run(shell=True)", "    # eval(x)", "x = 1  # was eval(x)"])
def test_comments_do_not_speak(line: str) -> None:
    assert said(None, added("a.py", line)) == []


def test_moved_and_indented_lines_do_not_speak() -> None:
    assert said(None, change("a.py", "@@ -1,2 +1,3 @@\n-run(x, shell=True)\n+if x:\n+    run(x, shell=True)\n go()\n")) == []


def test_no_message_no_files_and_files_without_lines() -> None:
    assert rules.classify(commit(None)) == ()
    assert rules.classify(commit("")) == ()
    assert rules.classify(commit(None, change("a.bin", b""), change("a.py", b""))) == ()
    assert said("Fix deadlock") == ["ConcurrencyBugs"]


def test_bytes_that_are_no_text_do_no_harm() -> None:
    patch = b"@@ -1 +1,2 @@\n-\xff\xfe eval(\n+\xff run(\xc3, shell=True)\n+\x00\x01"
    assert said("\ud800 de\u0301adlock \u0130 deadlock", change("a.py", patch)) == ["ConcurrencyBugs", "SecurityVulnerabilities"]


def test_same_input_same_output_whatever_the_order_of_sets() -> None:
    cases = [read_case(path)[1] for path in CASES]
    first = [rules.classify(case) for case in cases]
    order = list(range(len(cases)))
    random.Random(7).shuffle(order)
    again = {at: rules.classify(cases[at]) for at in order}
    assert [again[at] for at in range(len(cases))] == first


def test_output_is_sorted_with_ties_in_the_order_of_the_taxonomy() -> None:
    order = [str(category) for category in DefectCategory]
    for path in CASES:
        found = [(-one.confidence, order.index(str(one.category))) for one in rules.classify(read_case(path)[1])]
        assert found == sorted(found)


def _best_ms(case: Commit, runs: int = 3) -> float:
    took = []
    for _ in range(runs):
        start = time.process_time()
        rules.classify(case)
        took.append(time.process_time() - start)
    return min(took) * 1000


CUES = sorted({cue for rule in RULES if rule.where != MESSAGE for cue in rule.cues})
HOSTILE = {
    "one long line of every cue": " ".join(CUES) * 40,
    "open brackets": "if eval((((" * 20000,
    "operators": "if (a && b || c & d == e | f != " * 8000,
    "comprehension": "[x for x in y for x in y if z " * 8000,
    "blanks": "password" + " " * 200000 + "=",
    "quotes": '"select a from " \'insert into ' * 8000,
    "angles": "impl<T: A<B<C<D " * 12000,
    "dots": ".iter().map().filter()" * 9000,
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("suffix", ["py", "rs", "c", "js", "java"])
def test_hostile_lines_take_bounded_time(name: str, suffix: str) -> None:
    line = HOSTILE[name]
    text = f"@@ -1 +1 @@\n-{line}\n+{line}!\n"
    assert _best_ms(commit(line, change(f"a.{suffix}", text))) < 50


@pytest.mark.parametrize("suffix", ["py", "rs", "c"])
def test_many_short_hostile_lines_take_bounded_time(suffix: str) -> None:
    old = "".join(f"-{cue} = {n}\n" for n in range(40) for cue in CUES)
    new = "".join(f"+{cue} <= {n}\n" for n in range(40) for cue in CUES)
    assert _best_ms(commit(None, change(f"a.{suffix}", "@@ -1,9 +1,9 @@\n" + old + new))) < 100


def test_what_lies_beyond_the_limit_is_not_read() -> None:
    padding = [f"x{n} = {n}" for n in range(30000)]
    assert len("\n".join(padding)) > rules.MAX_BYTES
    assert said(None, added("a.py", *padding, "run(shell=True)")) == []
    assert said(None, added("a.py", "run(shell=True)", *padding)) == ["SecurityVulnerabilities"]


@pytest.mark.parametrize("dialect", ["python", "javascript", "rust", "c", "java", "go", "ruby", "manifest"])
def test_a_literal_is_looked_for_wherever_it_can_be(dialect: str) -> None:
    """The word that it implies stands as a whole in any text that holds it."""
    implied = [(cue, word) for cue, word, _ in rules._table(dialect).literals]
    for cue, word in implied:
        for before, after in ((b"", b""), (b"x", b"y"), (b"(", b")"), (b"_1", b"9_")):
            assert not word or word in (before + cue + after).translate(rules._WORDS).split()
    assert dialect != "python" or (dict(implied)[b"=dict()"] == b"dict" and dict(implied)[b"std::"] == b"")


def test_lines_begin_alike_as_far_as_they_do() -> None:
    rng = random.Random(2)
    for _ in range(2000):
        one, other = ("".join(rng.choice("ab") for _ in range(rng.randrange(12))) for _ in range(2))
        same = rules._alike(one, other)
        assert (one[:same] == other[:same] and one[same : same + 1] != other[same : same + 1]) or same == min(len(one), len(other))
