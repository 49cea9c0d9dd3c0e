"""`.codex-gate.yaml`: what a team wants to hear about, from whom it comes, and what is wrong with it.

A value is taken from the first that has one: a flag, the environment (`CODEX_GATE_FAIL_ON`), the file, the default.
The file is the work tree's. In CI, where whoever opens a pull request owns the work tree, a range is screened with
the file of its base commit, so that no change loosens its own gate. `config.schema.json` describes the same keys
for editors (a test holds the two together). PyYAML is imported when there is a file to read, here alone.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from codex_gate.errors import ConfigError, GitError
from codex_gate.git import Repository
from codex_gate.levels import SHARES
from codex_gate.types import Level

if TYPE_CHECKING:
    from datetime import date

    import yaml

FILE: Final = ".codex-gate.yaml"
PREFIX: Final = "CODEX_GATE_"
MAX_BYTES: Final = 64 << 10  # a configuration is a page, not a book (chosen)
MAX_PATTERN: Final = 200
TIERS: Final[Mapping[str, int | None]] = {"1": 1, "2": 2, "3": 3, "auto": None}
MAX_ANNOTATIONS: Final = 50  # what a check run takes in one request
_MAX_BRACKETS: Final = 400  # PyYAML's time grows with the square of their nesting: 2,000 took 20 s (2026-11-25)
SPOKEN: Final = (Level.MODERATE, Level.HIGH, Level.CRITICAL)
NEVER: Final = "never"
_NUMBER: Final = r"(?:[0-9]{1,3}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})"
_FLAGS: Final = {"paths": "--path", "models": "--model"}  # the others are called as their keys
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class PathLevels(NamedTuple):
    """From which level on files under `paths` make the gate speak and fail; None keeps the general setting, "never" is `Level.UNKNOWN`."""

    paths: tuple[str, ...]
    comment: Level | None
    fail_on: Level | None
    line: int  # of the file, where the entry begins


class Ignore(NamedTuple):
    """Findings that the team has judged: which files, which categories (none: all that is said of them), why, until when."""

    paths: tuple[str, ...]
    categories: tuple[str, ...]
    reason: str
    until: date | None


@dataclass(frozen=True, slots=True)
class Settings:
    """The values in force and, by key, where each comes from. A level of UNKNOWN, and a score of None, mean never; a tier of None is auto."""

    fail_on: Level = Level.UNKNOWN
    comment: Level = Level.MODERATE
    hook: str = "advisory"
    noise_budget: Mapping[Level, float] = field(default_factory=lambda: {level: 100 * share for level, share in SHARES.items()})
    annotations: int = 10
    check: bool = True
    sarif: bool = False
    labels: bool = False
    tier: int | None = 1
    models: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    fail_on_score: float | None = None
    levels: tuple[PathLevels, ...] = ()
    ignore: tuple[Ignore, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> list[str]:
        """The patterns that are named, those that are left out with `!` in front."""
        return [*self.include, *(f"!{pattern}" for pattern in self.exclude)]


class Source(NamedTuple):
    """A configuration file: how to call it and what it holds."""

    name: str
    text: bytes


class _Mismatch(Exception):
    """A value that does not fit; the words say what was expected, `line` where it stands when that is known better below."""

    def __init__(self, expected: str, line: int | None = None) -> None:
        super().__init__(expected)
        self.line = line


class _Entry(NamedTuple):
    value: Any
    line: int


# -- finding the file ----------------------------------------------------------------------------------


def find(repo: Repository, base: str | None, name: str | None = None) -> Source | None:
    """The configuration file, None when there is none.

    Args:
        base: the SHA of a commit whose tree is read in place of the work tree.
        name: another path than FILE, from the root of the repository with `base`, from the current directory without.
    Raises:
        ConfigError: a file that was named is not there, or cannot be read.
    """
    if base is not None:
        return _committed(repo, base, name)
    if name is None and repo.top is None:
        return None if repo.is_unborn() else _committed(repo, repo.resolve("HEAD"), None)  # a bare repository has no work tree
    path = name if name is not None else os.path.join(str(repo.top), FILE)
    try:
        if name is None and os.path.lexists(path) and not os.path.isfile(path):
            raise ConfigError(f"{path} is no file that can be read (a link to nothing, a directory, a pipe?); put the configuration itself there, or remove it")
        with open(path, "rb") as stream:
            return Source(name or FILE, _bounded(stream.read(MAX_BYTES + 1), name or FILE))
    except FileNotFoundError:
        if name is None:
            return None
        raise ConfigError(f"the configuration {name} does not exist; give the path of a file, or leave it out") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"the configuration {path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _committed(repo: Repository, base: str, name: str | None) -> Source | None:
    path = in_tree(name)
    try:
        found = repo.file_at(base, path, MAX_BYTES + 1)
        if found is not None and repo.is_link(base, path):
            raise ConfigError(f"{path} of {base[:9]} is a symbolic link, which has no contents in a commit; put the configuration itself there")
    except GitError as error:  # to take it for none would be to loosen a gate
        raise ConfigError(f"the configuration cannot be read: {error}") from error
    return of_commit(base, path, found, is_named=name is not None)


def in_tree(name: str | None) -> str:
    """The path of the configuration in a commit's tree."""
    return (name or FILE).removeprefix("./")


def of_commit(base: str, path: str, text: bytes | None, *, is_named: bool) -> Source | None:
    """The configuration of a commit from what its tree holds at the path; None when it holds nothing.

    Raises:
        ConfigError: nothing, although that file was named; or too much.
    """
    shown = f"{path} of {base[:9]}"
    if text is None and is_named:
        raise ConfigError(f"the base commit {base[:9]} has no file {path}; the configuration is read from there, commit it to the base branch first")
    return None if text is None else Source(shown, _bounded(text, shown))


def _bounded(text: bytes, name: str) -> bytes:
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{name} is larger than {MAX_BYTES >> 10} KiB; a configuration holds a few lines of YAML")
    return text


# -- reading it ----------------------------------------------------------------------------------------


def load(source: Source | None, environ: Mapping[str, str], flags: Mapping[str, str | Sequence[str]], called: str | None = None) -> Settings:
    """The settings in force: flag > environment > file > default.

    Args:
        flags: by key as the file spells it (`fail-on`), only those that were given; `paths` is a list of patterns, `!` leaves out.
        called: how the user knows where the flags come from; each by its own name by default.
    Raises:
        ConfigError: an unknown key, a value that does not fit; the message names the place.
    """
    chosen: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for key, entry in _entries(source).items() if source else ():
        place = f"{source.name}, line {entry.line}" if source else ""
        chosen[key], sources[key] = _parsed(key, entry.value, place), place
    for key in KEYS:
        variable = PREFIX + key.upper().replace("-", "_")
        if key in WRITTEN and (text := environ.get(variable, "").strip()):
            chosen[key], sources[key] = _parsed(key, text, variable), variable
        if key in flags:
            flag = called or _FLAGS.get(key, f"--{key}")
            chosen[key], sources[key] = _parsed(key, flags[key], flag), flag
    for key, name in (("comment", "comment"), ("fail-on", "fail_on")):
        if chosen.get(key) is Level.UNKNOWN and source is not None and not sources[key].startswith(f"{source.name}, line "):
            chosen["levels"] = tuple(entry._replace(**{name: Level.UNKNOWN if getattr(entry, name) else None}) for entry in chosen.get("levels", ()))
    include, exclude = chosen.pop("paths", ((), ()))
    return Settings(**{key.replace("-", "_"): value for key, value in chosen.items()}, include=include, exclude=exclude, sources=sources)


def _parsed(key: str, value: Any, place: str) -> Any:
    try:
        return KEYS[key](value)
    except _Mismatch as error:
        where = re.sub(r"line \d+$", f"line {error.line}", place) if error.line is not None else place
        raise ConfigError(f"{where}: {key}: {error}") from None


def _entries(source: Source) -> dict[str, _Entry]:
    import yaml

    if source.text.count(b"[") + source.text.count(b"{") > _MAX_BRACKETS:
        raise ConfigError(f"{source.name} is no YAML that a team would write: it holds more than {_MAX_BRACKETS} brackets")
    try:
        text = source.text.decode("utf-8-sig")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except UnicodeDecodeError:
        raise ConfigError(f"{source.name} is not UTF-8; save it as UTF-8 text") from None
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(
            f"{source.name}{place} is no YAML: {getattr(error, 'problem', None) or 'it is nested too deeply or holds a character that YAML forbids'}"
        ) from None
    if node is None:
        return {}
    plain = _plain(node, source.name, set())
    if plain.value is None:
        return {}
    if not isinstance(plain.value, dict):
        raise ConfigError(f"{source.name} holds {_shown(plain.value)}; expected keys such as fail-on: high")
    for key, entry in plain.value.items():
        if key not in KEYS:
            raise ConfigError(f"{source.name}, line {entry.line}: {_unknown(key, KEYS)}")
    return dict(plain.value)


def _plain(node: yaml.Node, name: str, seen: set[int]) -> _Entry:
    """A YAML node as dictionaries, lists and scalars in entries that know their line."""
    import yaml

    line = node.start_mark.line + 1
    if id(node) in seen:
        raise ConfigError(f"{name}, line {line}: YAML aliases (&name, *name) are not taken; write the value out")
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        found: dict[str, _Entry] = {}
        for key_node, value_node in node.value:
            at = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigError(f"{name}, line {at}: a key is one word, here it is a list or holds keys itself; write for example fail-on: high")
            key = str(key_node.value)
            if key in found:
                raise ConfigError(f"{name}, line {at}: the key {_shown(key)} stands here for the second time; keep one")
            found[key] = _Entry(_plain(value_node, name, seen).value, at)
        return _Entry(found, line)
    if isinstance(node, yaml.SequenceNode):
        return _Entry([_plain(item, name, seen) for item in node.value], line)
    if node.tag in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:null"):
        return _Entry(None if node.tag.endswith("null") else str(node.value).lower() in _TRUE, line)
    return _Entry(str(node.value), line)


def _unknown(key: str, known: Mapping[str, object] | Sequence[str]) -> str:
    from difflib import get_close_matches

    names = list(known)
    spelled = str(key).lower().replace("_", "-")
    near = [spelled] if spelled in names else get_close_matches(spelled, names, 1, 0.6)
    hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(names)}"
    return f"unknown key {_shown(key)}; {hint}"


# -- the values ----------------------------------------------------------------------------------------


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    return "a list" if isinstance(value, list) else "keys" if isinstance(value, dict) else repr(str(value)[:60])


def _level(value: Any) -> Level:
    if value in (NEVER, "none"):
        return Level.UNKNOWN
    if value in SPOKEN:
        return Level(value)
    raise _Mismatch(f"{_shown(value)}; expected {', '.join(SPOKEN)} or {NEVER}")


def _score(value: Any) -> float | None:
    if value in (NEVER, "none"):
        return None
    if isinstance(value, str) and re.fullmatch(_NUMBER, value) and 0 < float(value) <= 100:
        return float(value)
    raise _Mismatch(f"{_shown(value)}; expected a score above 0 and up to 100, for example 95, or {NEVER}")


def _hook(value: Any) -> str:
    if value in ("advisory", "gate"):
        return str(value)
    raise _Mismatch(f"{_shown(value)}; expected advisory (only speaks) or gate (stops at fail-on)")


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in (*_TRUE, *_FALSE):
        return value.lower() in _TRUE
    raise _Mismatch(f"{_shown(value)}; expected true or false")


def _tier(value: Any) -> int | None:
    if isinstance(value, str) and value.lower() in TIERS:
        return TIERS[value.lower()]
    raise _Mismatch(f"{_shown(value)}; expected 1, 2, 3 or auto")


def _directory(value: Any) -> str:
    """The directory as git names it in a tree, so that one and the same is read here and in CI, and its files are known for the model's own."""
    expected = "the path of a model directory, for example models/codex-gate"
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise _Mismatch(f"{_shown(value)}; expected {expected}")
    path = posixpath.normpath(value)
    if path == "." or value.startswith("/") or ".." in value.split("/"):
        raise _Mismatch(f"{_shown(value)} is no directory inside the repository; expected from its root on {expected} (another place: --model DIR)")
    return path


def _count(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,3}", value) and int(value) <= MAX_ANNOTATIONS:
        return int(value)
    raise _Mismatch(f"{_shown(value)}; expected a whole number from 0 to {MAX_ANNOTATIONS}")


def _percentage(value: Any) -> float:
    found = re.fullmatch(rf"({_NUMBER}) ?%?", value) if isinstance(value, str) else None
    if found is None or not 0 < float(found[1]) <= 100:
        raise _Mismatch(f"{_shown(value)}; expected a percentage above 0 and up to 100, for example 10 %")
    return float(found[1])


def percentage(text: str, place: str) -> float:
    """The number of a percentage, in (0, 100].

    Raises:
        ConfigError: none; the message begins with `place`.
    """
    try:
        return _percentage(text)
    except _Mismatch as error:
        raise ConfigError(f"{place}: {error}") from None


def switch(text: str, place: str) -> bool:
    """Whether a word means true.

    Raises:
        ConfigError: it means neither true nor false; the message begins with `place`.
    """
    try:
        return _switch(text)
    except _Mismatch as error:
        raise ConfigError(f"{place}: {error}") from None


def _budget(value: Any) -> dict[Level, float]:
    """One number is the share of changes that anything is said about; the louder levels keep their proportion to it."""
    if not isinstance(value, dict):
        total = _percentage(value)
        return {level: total * share / SHARES[Level.MODERATE] for level, share in SHARES.items()}
    _known(value, [str(level) for level in SPOKEN])
    shares = {level: 100 * share for level, share in SHARES.items()} | {Level(key): _percentage(entry.value) for key, entry in value.items()}
    if not shares[Level.MODERATE] >= shares[Level.HIGH] >= shares[Level.CRITICAL]:
        raise _Mismatch("; ".join(f"{level} {share:g} %" for level, share in shares.items()) + "; expected that a louder level has no larger share")
    return shares


def _named(entry: _Entry, line: int) -> tuple[str, ...]:
    """The patterns of an entry that is about some paths."""
    found = _patterns(entry.value)
    if not found:
        raise _Mismatch("an entry with an empty list of paths changes nothing; name some, for example src/**", line)
    return found


def _patterns(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [_Entry(value, 0)]
    found = []
    for item, line in items:
        if not isinstance(item, str) or not item.strip("/ ") or len(item) > MAX_PATTERN or item.startswith("!"):
            raise _Mismatch(f"{_shown(item)} is no path pattern; expected for example src/** or *.md, at most {MAX_PATTERN} characters", line or None)
        found.append(_pattern(item.strip(), line or None))
    return tuple(found)


def _pattern(text: str, line: int | None) -> str:
    """A pattern; ./ in front means the root. One that no file can match is refused: a gate would pass that looked at nothing."""
    pattern = text[1:] if text.startswith("./") else text
    names = pattern.strip("/").split("/")
    if any(name in ("", ".", "..") for name in names):
        raise _Mismatch(f"{_shown(text)} can match no file; expected a pattern from the root of the repository on, for example src/** or *.md", line)
    if not all(map(_is_closed, names)):
        raise _Mismatch(
            f"{_shown(text)} holds a bracket without an end or with an empty range; expected for example [a-z]*.py, [[] for the bracket itself", line
        )
    return pattern


def _is_closed(name: str) -> bool:
    """Whether every bracket of a pattern for one name ends and can match something, as fnmatch reads them."""
    at = 0
    while (at := name.find("[", at)) >= 0:
        first = at + 2 if name.startswith("!", at + 1) else at + 1
        end = name.find("]", first + 1)  # one that comes first is a character like others
        if end < 0 or translate(name[at : end + 1]) == translate("[z-a]"):
            return False
        at = end + 1
    return True


def _paths(value: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if isinstance(value, dict):
        _known(value, ("include", "exclude"))
        return tuple(_patterns(value[key].value) if key in value else () for key in ("include", "exclude"))  # type: ignore[return-value]
    if isinstance(value, list) and value and isinstance(value[0], _Entry):
        return _patterns(value), ()
    if not isinstance(value, str | list):
        raise _Mismatch(f"{_shown(value)}; expected a list of patterns, or the keys include and exclude")
    lines = value.splitlines() if isinstance(value, str) else value
    given = [line.strip() for line in lines if line.strip()]
    kept, left_out = [w for w in given if not w.startswith("!")], [w[1:] for w in given if w.startswith("!")]
    return _patterns([_Entry(w, 0) for w in kept]), _patterns([_Entry(w, 0) for w in left_out])


def _path_levels(value: Any) -> tuple[PathLevels, ...]:
    found = []
    for entry, line in _records(value, ("paths", "comment", "fail-on"), "paths"):
        if len(entry) == 1:
            raise _Mismatch("an entry without comment and fail-on changes nothing; give one of them", line)
        comment, fail_on = (_level(entry[key].value) if key in entry else None for key in ("comment", "fail-on"))
        found.append(PathLevels(_named(entry["paths"], line), comment, fail_on, line))
    return tuple(found)


def _ignores(value: Any) -> tuple[Ignore, ...]:
    found = []
    for entry, line in _records(value, ("paths", "categories", "reason", "until"), "paths", "reason"):
        reason = entry["reason"].value
        if not isinstance(reason, str) or not reason.strip():
            raise _Mismatch(f"{_shown(reason)} is no reason; say why in words, so that someone can judge it later", line)
        until = _date(entry["until"].value, entry["until"].line) if "until" in entry else None
        found.append(Ignore(_named(entry["paths"], line), _categories(entry.get("categories"), line), reason.strip(), until))
    return tuple(found)


def _categories(entry: _Entry | None, line: int) -> tuple[str, ...]:
    from codex_gate.taxonomy import DefectCategory

    if entry is None:
        return ()
    names = [str(category) for category in DefectCategory]
    wanted = [str(item.value) for item in entry.value] if isinstance(entry.value, list) else [str(entry.value)]
    if not wanted or entry.value in (None, ""):
        raise _Mismatch("an empty list of categories; name those that are not to be said, or leave the key out to mean all", line)
    for name in wanted:
        if name not in names:
            raise _Mismatch(_unknown(name, names).replace("unknown key", "unknown category").replace("the keys are", "the categories are"), line)
    return tuple(wanted)


def day(text: str) -> date:
    """A day written YYYY-MM-DD, and in none of the other forms of ISO 8601.

    Raises:
        ValueError: it is none.
    """
    from datetime import date

    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        raise ValueError(text)
    return date.fromisoformat(text)


def _date(value: Any, line: int) -> date:
    try:
        return day(str(value))
    except ValueError:
        raise _Mismatch(f"until: {_shown(value)}; expected a date such as 2027-01-31", line) from None


def _records(value: Any, known: Sequence[str], *needed: str) -> Iterator[tuple[dict[str, _Entry], int]]:
    """The mappings of a list, each with the keys that it may and must have."""
    if not isinstance(value, list):
        raise _Mismatch(f"{_shown(value)}; expected a list of entries, each with {' and '.join(needed)}")
    for entry, line in value:
        if not isinstance(entry, dict):
            raise _Mismatch(f"{_shown(entry)}; expected keys: {', '.join(known)}", line)
        _known(entry, known)
        if missing := [key for key in needed if key not in entry]:
            raise _Mismatch(f"an entry without {' and '.join(missing)}; expected {' and '.join(needed)}", line)
        yield entry, line


def _known(value: Mapping[str, _Entry], names: Sequence[str]) -> None:
    for key, entry in value.items():
        if key not in names:
            raise _Mismatch(_unknown(key, names), entry.line)


KEYS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "fail-on": _level,
    "comment": _level,
    "hook": _hook,
    "noise-budget": _budget,
    "annotations": _count,
    "check": _switch,
    "sarif": _switch,
    "labels": _switch,
    "tier": _tier,
    "models": _directory,
    "paths": _paths,
    "fail-on-score": _score,
    "levels": _path_levels,
    "ignore": _ignores,
}
"""Every key with what reads its value, from YAML or from a string."""

WRITTEN: Final = tuple(key for key in KEYS if key not in ("levels", "ignore"))
"""The keys that the environment may hold too: those whose value is one line, and `paths`, one pattern a line."""


# -- showing it ----------------------------------------------------------------------------------------


def rows(settings: Settings) -> list[tuple[str, str, str]]:
    """(key, value in words, where it comes from) for `codex-gate config`."""
    budget = ", ".join(f"{level} {share:.3g} %" for level, share in settings.noise_budget.items())
    values = {
        "fail-on": _word(settings.fail_on),
        "comment": _word(settings.comment),
        "hook": settings.hook,
        "noise-budget": budget,
        "annotations": str(settings.annotations),
        "check": str(settings.check).lower(),
        "sarif": str(settings.sarif).lower(),
        "labels": str(settings.labels).lower(),
        "tier": "auto" if settings.tier is None else str(settings.tier),
        "models": settings.models or "the one that ships",
        "paths": " ".join(settings.paths) or "all",
        "fail-on-score": NEVER if settings.fail_on_score is None else f"{settings.fail_on_score:.15g}",
        "levels": "; ".join(map(_said_levels, settings.levels)) or "none",
        "ignore": "; ".join(map(_said_ignore, settings.ignore)) or "none",
    }
    return [(key, values[key], settings.sources.get(key, "default")) for key in KEYS]


def _word(level: Level) -> str:
    return NEVER if level is Level.UNKNOWN else str(level)


def _said_levels(entry: PathLevels) -> str:
    parts = [f"{name} {_word(level)}" for name, level in (("comment", entry.comment), ("fail-on", entry.fail_on)) if level is not None]
    return f"{' '.join(entry.paths)}: {', '.join(parts)}"


def _said_ignore(entry: Ignore) -> str:
    what = f" ({', '.join(entry.categories)})" if entry.categories else ""
    return f"{' '.join(entry.paths)}{what}: {entry.reason}" + (f", until {entry.until}" if entry.until else "")
