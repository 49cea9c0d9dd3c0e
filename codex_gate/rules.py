"""Which defect categories a change speaks for, by the rules of `rule_table.py`, with the words that made them speak.

What counts:

- The message, without trailers and addresses, unless a word of denial stands before the match ("not a memory leak").
  Words that are hints (below NAMED) count in the title only, the others by BODY below it.
- Lines that were added or deleted in program text. Tests, documents, data, vendored and generated files say nothing,
  and neither do comments or lines that were only moved or indented. When nothing else was touched, the message is
  silent too: a test cannot bring the defect that it is about.
- Paths, as loudly as their share in the files that speak.

A rule counts once for a change however often it matches, and weights combine as 1 - Π(1 - w), at most MAX_CONFIDENCE.
A hint (weight below STRONG) in a diff loses half its voice when the change has WIDE lines, for a large change touches
everything. Below FLOOR nothing is said.

Work is bounded for hostile input: at most MAX_BYTES of patch and MAX_MESSAGE characters of message are read, a pattern
sees a window of WINDOW bytes round its cue and at most MAX_TRIES of them in a file. Lines replaced by others are
compared one by one, MAX_PAIRS of them in a file (MAX_TRIES closely), where as many were added as deleted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from codex_gate import paths
from codex_gate.diffs import line_after
from codex_gate.rule_table import ADDED, CHANGED, DELETED, MANIFEST, MESSAGE, PAIR, PATH, RULES, SWAP, Rule
from codex_gate.taxonomy import DefectCategory, applies
from codex_gate.types import Classification, Commit, Evidence, FileChange

FLOOR = 0.25  # chosen: below it a guess is wrong more often than it helps
MAX_CONFIDENCE = 0.95  # words and patterns never prove a defect
STRONG = 0.45
NAMED = 0.50
BODY = 0.8  # chosen: prose below the title tells of other things too
WIDE = 300  # changed lines
MAX_EVIDENCE = 5
MAX_TEXT = 80
MAX_BYTES = 1 << 18
MAX_MESSAGE = 4000
WINDOW = 400
MAX_TRIES = 40
MAX_PAIRS = 200
MARGIN = 24  # characters round the changed part of a line that pair rules see
MAX_GROWTH = 24  # bytes by which a replaced line may be longer or shorter

_Fired = tuple[Rule, Evidence]

_WORDS = bytes(c if (chr(c).isalnum() and c < 128) or c == 95 else 32 for c in range(256))
_LOWER = bytes(chr(c).lower().encode()[0] if w != 32 else 32 for c, w in enumerate(_WORDS))
_IS_WORD = frozenset(c for c in range(256) if _WORDS[c] != 32)
_BLOCKS = re.compile(rb"((?:\n-[^\n]*)++)((?:\n\+[^\n]*)*+)")  # optional second part: every run is read once
_NOISE = re.compile(
    r"^(?:signed-off-by|reviewed-by|co-authored-by|acked-by|tested-by|cc|change-id|git-svn-id)\s*:.*$|https?://\S+|<[^\s<>]+@[^\s<>]+>",
    re.IGNORECASE | re.MULTILINE,
)
# "No leak", "not a memory leak", "without locking"; but "does not leak" and "no longer leaks" tell of a repair.
_DENIAL = re.compile(
    r"(?:\b(?:no|non|without|isn't|aren't|wasn't|neither|nor|unrelated to|rather than|instead of)"
    r"|(?<!do )(?<!does )(?<!did )(?<!must )(?<!should )(?<!could )(?<!can )(?<!would )(?<!will )(?<!to )\bnot)\b"
    r"(?:\s+(?:an?|any|the|actual|actually|real|really|known|new|about|related))*(?:[\s-]+(?!longer|more|matter|only|so)\w+)?[\s-]+$",
    re.IGNORECASE,
)
_ABOUT_PROSE = re.compile(r"\s*(?:docs?|tests?|style|typos?)(?:\([^)]*\))?!?:", re.IGNORECASE)
_MANIFEST = re.compile(r"(?:^|/)(?:package\.json|go\.mod|Cargo\.toml|pom\.xml|[\w-]*requirements[\w-]*\.(?:txt|in)|Pipfile|build\.gradle|composer\.json)$")
_COMMENTS = {
    "#": "python ruby shell perl r julia elixir powershell",
    "//": "c cpp objc java kotlin scala groovy javascript typescript go rust csharp php swift dart zig",
    "--": "sql lua haskell",
    '"': "vim",
    "%": "erlang",
    ";": "clojure",
    "!": "fortran",
    "(*": "ocaml",
}
_COMMENT_MARK = {name: mark for mark, names in _COMMENTS.items() for name in names.split()}


_ORDER = {category: place for place, category in enumerate(DefectCategory)}
_PLACE = {rule.name: place for place, rule in enumerate(RULES)}


class _Table(NamedTuple):
    """The rules for one dialect: by whole word, by literal with a word that it implies, and those for pairs of lines with the words they may take out."""

    words: dict[bytes, tuple[Rule, ...]]
    cues: frozenset[bytes]  # of `words`
    literals: tuple[tuple[bytes, bytes, tuple[Rule, ...]], ...]
    pairs: tuple[tuple[Rule, frozenset[bytes]], ...]
    pair_words: frozenset[bytes]


def classify(commit: Commit) -> tuple[Classification, ...]:
    """The categories that the change speaks for, best first; empty where nothing speaks.

    Confidence is in [FLOOR, MAX_CONFIDENCE] and no probability: it says how loud the evidence is. Ties keep
    the order of the specification. Each category brings at most MAX_EVIDENCE pieces, the weightiest first.
    """
    return weighed(fired(commit), commit)


def weighed(found: Sequence[_Fired], commit: Commit) -> tuple[Classification, ...]:
    """The same from what `fired` found in the change."""
    return _combine(found, [change for change in commit.files if _speaks(change.path)]) if found else ()


def fired(commit: Commit) -> tuple[tuple[Rule, Evidence], ...]:
    """Every rule that matched, with one piece of evidence a line, in the order they were met."""
    speaking = [change for change in commit.files if _speaks(change.path)]
    return tuple(_fired(commit, speaking)) if speaking or not commit.files else ()


def _fired(commit: Commit, speaking: list[FileChange]) -> Iterator[_Fired]:
    languages = frozenset(filter(None, (paths.language(change.path) for change in speaking)))
    open_to = _applicable(languages)
    if commit.message:
        yield from (hit for hit in _in_message(commit.message, languages) if hit[0].category in open_to)
    left = MAX_BYTES
    for change in speaking:
        is_gone = change.status == "D"
        for rule, text in _path_rules(change.path):
            if rule.category in open_to:
                yield rule, Evidence(change.path, 0, text, is_gone)
        dialect = _dialect(change.path)
        if dialect and change.patch and left > 0:
            patch = change.patch[:left]
            left -= len(patch)
            for rule, found in _in_patch(change.path, patch, dialect):
                if rule.category in open_to:
                    yield rule, found._replace(line=0) if is_gone else found


def _combine(found: Sequence[_Fired], speaking: list[FileChange]) -> tuple[Classification, ...]:
    lines = sum((change.added or 0) + (change.deleted or 0) for change in speaking)
    voice = 1.0 if lines <= WIDE / 3 else max(0.5, 1.0 - (lines - WIDE / 3) / (WIDE * 4 / 3))
    share = Counter(rule.name for rule, _ in found if rule.where == PATH)
    said: dict[DefectCategory, dict[str, float]] = {}
    for rule, evidence in found:
        weight = rule.weight
        if rule.where == PATH:
            weight *= share[rule.name] / len(speaking)
        elif rule.where == MESSAGE:
            weight *= 1.0 if evidence.line <= 1 else BODY
        elif weight < STRONG:
            weight *= voice
        said.setdefault(rule.category, {})[rule.name] = weight
    result = []
    for category in sorted(said, key=_ORDER.__getitem__):
        silence = 1.0
        for weight in said[category].values():
            silence *= 1.0 - weight
        if (confidence := round(min(1.0 - silence, MAX_CONFIDENCE), 4)) >= FLOOR:
            pieces = [(rule.weight, evidence) for rule, evidence in found if rule.category is category]
            pieces.sort(key=lambda piece: -piece[0])
            result.append(Classification(category.value, confidence, tuple(dict.fromkeys(e for _, e in pieces))[:MAX_EVIDENCE]))
    result.sort(key=lambda c: -c.confidence)
    return tuple(result)


# -- what speaks, and in which dialect -----------------------------------------------------------------


@lru_cache(maxsize=65536)
def _speaks(path: str) -> bool:
    if paths.is_foreign(path):
        return False
    return paths.role(path) in ("code", "config", "other") or bool(_MANIFEST.search(path)) or (paths.role(path) == "data" and bool(_path_rules(path)))


@lru_cache(maxsize=65536)
def _dialect(path: str) -> str | None:
    """The language of program text, or MANIFEST for a list of dependencies."""
    return MANIFEST if _MANIFEST.search(path) else paths.language(path)


@lru_cache(maxsize=65536)
def _path_rules(path: str) -> tuple[tuple[Rule, str], ...]:
    hits = ((rule, rule.pattern.search(path)) for rule in RULES if rule.where == PATH)
    return tuple((rule, _clean(path if len(path) <= MAX_TEXT else match[0])) for rule, match in hits if match)


@lru_cache(maxsize=4096)
def _applicable(languages: frozenset[str]) -> frozenset[DefectCategory]:
    return frozenset(category for category in DefectCategory if applies(category, languages))


@lru_cache(maxsize=256)
def _table(dialect: str) -> _Table:
    words: dict[bytes, list[Rule]] = {}
    literals: dict[bytes, list[Rule]] = {}
    pairs: list[tuple[Rule, frozenset[bytes]]] = []
    for rule in RULES:
        if rule.where in (MESSAGE, PATH) or not (dialect in rule.languages if rule.languages else dialect != MANIFEST):
            continue
        if rule.where in (PAIR, SWAP):
            pairs.append((rule, frozenset(map(str.encode, rule.cues))))
            continue
        for cue in map(str.encode, rule.cues):
            (words if _IS_WORD.issuperset(cue) else literals).setdefault(cue, []).append(rule)
    frozen = {cue: tuple(rules) for cue, rules in words.items()}
    implied = tuple((cue, _inner_word(cue), tuple(rules)) for cue, rules in literals.items())
    return _Table(frozen, frozenset(frozen), implied, tuple(pairs), frozenset[bytes]().union(*(cues for _, cues in pairs)))


def _inner_word(literal: bytes) -> bytes:
    """A word that stands in a text as a whole wherever the literal does, for it brings both of the word's ends; empty where there is none."""
    return max(literal.translate(_WORDS).split(b" ")[1:-1], key=len, default=b"")


# -- the message ---------------------------------------------------------------------------------------


def _message_table() -> dict[bytes, tuple[Rule, ...]]:
    stems: dict[bytes, dict[Rule, None]] = {}
    for rule in RULES:
        for cue in rule.cues if rule.where == MESSAGE else ():
            stems.setdefault(cue[:4].lower().encode(), {})[rule] = None
    return {stem: tuple(rules) for stem, rules in stems.items()}


_MESSAGE_RULES = _message_table()


def _in_message(message: str, languages: frozenset[str]) -> Iterator[_Fired]:
    """Rules whose pattern matches from the first letter of one of their cues on; the first match that is not denied."""
    words = message[:MAX_MESSAGE].encode("utf-8", "replace").translate(_LOWER).split()
    stems = {word[:4] for word in words} & _MESSAGE_RULES.keys()
    if not stems or _ABOUT_PROSE.match(message):
        return
    prose = _NOISE.sub(" ", message[:MAX_MESSAGE])
    lower = prose.lower() if prose.isascii() else "".join(c.lower() if c.isascii() else c for c in prose)  # the same length
    title = len(prose) - len(prose.lstrip())
    title = prose.find("\n", title) if "\n" in prose[title:] else len(prose)
    best: dict[str, tuple[Rule, re.Match[str]]] = {}
    for stem in sorted(stems):
        rules = [rule for rule in _MESSAGE_RULES[stem] if rule.languages is None or not rule.languages.isdisjoint(languages)]
        text = stem.decode("ascii")
        at = lower.find(text) if rules else -1
        while at >= 0:
            if not at or not lower[at - 1].isalnum():
                for rule in rules:
                    match = rule.pattern.match(prose, at) if at < title or rule.weight >= NAMED else None
                    if match and (rule.name not in best or at < best[rule.name][1].start()) and not _DENIAL.search(prose, max(0, at - 40), at):
                        best[rule.name] = (rule, match)
            at = lower.find(text, at + 1)
    for name in sorted(best, key=_PLACE.__getitem__):
        rule, match = best[name]
        yield rule, Evidence("message", 1 + prose.count("\n", 0, match.start()), _clean(match[0]))


# -- the lines -----------------------------------------------------------------------------------------


def _in_patch(path: str, patch: bytes, dialect: str) -> Iterator[_Fired]:
    table, words = _table(dialect), set(patch.translate(_WORDS).split())
    for cue in sorted(table.cues & words):
        yield from _at_cue(path, patch, cue, table.words[cue], dialect, whole_word=True)
    for cue, word, rules in table.literals:
        if (not word or word in words) and cue in patch:
            yield from _at_cue(path, patch, cue, rules, dialect, whole_word=False)
    if b"\n-" in patch and b"\n+" in patch:
        yield from _in_pairs(path, patch, table, dialect)


def _at_cue(path: str, patch: bytes, cue: bytes, rules: tuple[Rule, ...], dialect: str, whole_word: bool) -> Iterator[_Fired]:
    """Try the rules on each changed line that holds the cue; a rule is content with its first match on either side."""
    waiting = list(rules)
    at, effort, end, size = patch.find(cue), 0.0, 0, len(cue)
    while at >= 0 and waiting and effort < MAX_TRIES:
        after = at + size
        if whole_word and (patch[at - 1] in _IS_WORD or (after < len(patch) and patch[after] in _IS_WORD)):
            effort += 0.1  # part of a longer word
            at = patch.find(cue, after)
            continue
        if at >= end:  # not in the line of the last try
            start = patch.rfind(b"\n", 0, at) + 1
            end = patch.find(b"\n", after)
            end = len(patch) if end < 0 else end
        sign = patch[start]
        if sign in b"+-":
            for rule in tuple(waiting):
                if _wants(rule, sign) and (text := _match(rule, patch, start, at, end, dialect)):
                    waiting.remove(rule)
                    yield rule, Evidence(path, line_after(patch, start), text, sign == 45)
        short = end - start <= WINDOW
        effort += 1 if short else MAX_TRIES / 4  # nobody writes such a line by hand
        at = patch.find(cue, end if short else after)


def _wants(rule: Rule, sign: int) -> bool:
    return rule.where == CHANGED or rule.where == (ADDED if sign == 43 else DELETED)


def _match(rule: Rule, patch: bytes, start: int, at: int, end: int, dialect: str) -> str:
    """The text that the rule matches in the line round `at`, or an empty string."""
    first, last = max(start + 1, at - WINDOW // 2), min(end, at + WINDOW // 2)
    if rule.back:
        first = start
        for _ in range(rule.back):
            first = max(patch.rfind(b"\n", max(0, start - WINDOW), max(0, first - 1)) + 1, 0)
    text = patch[first:last].decode("utf-8", "replace")
    match = rule.pattern.search(text)
    if not match:
        return ""
    if not rule.comments and not rule.back and _is_comment(text, match.start(), dialect):
        return ""
    if _moved(patch, start, end):
        return ""
    return _clean(match[0].rpartition("\n")[2][1:] if rule.back else match[0])


def _is_comment(text: str, at: int, dialect: str) -> bool:
    mark = _COMMENT_MARK.get(dialect)
    bare = text.lstrip()
    if mark == "//" and bare.startswith(("//", "/*", "* ", "*/")):
        return True
    return mark is not None and (bare.startswith(mark) or 0 <= text.find(f" {mark} ") < at)


def _moved(patch: bytes, start: int, end: int) -> bool:
    """Whether the same line, apart from its indentation, stands on the other side of the patch."""
    body = patch[start + 1 : end].strip()
    other = 45 if patch[start] == 43 else 43
    at = patch.find(body)
    for _ in range(MAX_TRIES):
        if at < 0:
            return False
        line = patch.rfind(b"\n", 0, at) + 1
        stop = patch.find(b"\n", at)
        if patch[line] == other and patch[line + 1 : stop if stop >= 0 else len(patch)].strip() == body:
            return True
        at = patch.find(body, at + len(body))
    return False


# -- pairs of lines ------------------------------------------------------------------------------------


def _in_pairs(path: str, patch: bytes, table: _Table, dialect: str) -> Iterator[_Fired]:
    """Rules for a line that was replaced by one that differs from it in little."""
    left, tries = MAX_PAIRS, 0
    for block in _BLOCKS.finditer(patch):
        if block[1].count(b"\n") != block[2].count(b"\n"):
            continue
        old, new = block[1].split(b"\n-")[1:], block[2].split(b"\n+")[1:]
        place = block.start(2)
        for before, after in zip(old, new):
            start, place = place + 1, place + 2 + len(after)
            if left <= 0 or tries >= MAX_TRIES:
                return
            left -= 1
            # Cheap first: a small change keeps one end of the line.
            if abs(len(before) - len(after)) > MAX_GROWTH or len(after) > WINDOW or (before[-5:] != after[-5:] and before.lstrip()[:5] != after.lstrip()[:5]):
                continue
            had, has = before.translate(_WORDS).split(), after.translate(_WORDS).split()
            words = set(had) ^ set(has) if had != has else set()
            if words <= table.pair_words and before.split() != after.split():
                tries += 1
                open_rules = [rule for rule, cues in table.pairs if words <= cues]
                for rule, text in _pair(open_rules, before.decode("utf-8", "replace"), after.decode("utf-8", "replace"), had, has, dialect):
                    yield rule, Evidence(path, line_after(patch, start), text)


def _pair(rules: list[Rule], before: str, after: str, had: list[bytes], has: list[bytes], dialect: str) -> Iterator[tuple[Rule, str]]:
    if not rules or not has or "".join(before.split()) == "".join(after.split()) or _is_comment(after, len(after), dialect):
        return
    head = max(0, _alike(before, after) - MARGIN)
    tail = _alike(before[head:][::-1], after[head:][::-1]) - MARGIN
    old, new = (line[head : len(line) - max(0, tail)] for line in (before, after))
    for rule in rules:
        if rule.where == SWAP:
            same = had != has and sorted(had) == sorted(has) and before.partition("(")[0] == after.partition("(")[0] and bool(rule.pattern.search(after))
        else:
            strip = rule.pattern.sub
            same = "".join(strip("", old).split()) == "".join(strip("", new).split())
        if same and ((also := rule.also) is None or also.search(after) or also.search(before)):
            yield rule, _clean(new)


def _alike(one: str, other: str) -> int:
    """How many characters the two begin with in common."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


def _clean(text: str) -> str:
    """One printable line of at most MAX_TEXT characters."""
    line = " ".join("".join(c if c.isprintable() or c.isspace() else "?" for c in text).split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"
