"""The configuration: what each key means, what is refused and in which words, where a value comes from."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import date
from importlib.resources import files

import jsonschema
import pytest
import yaml

from codex_gate import config
from codex_gate.config import KEYS, Settings, Source
from codex_gate.errors import ConfigError
from codex_gate.policy import Policy
from codex_gate.types import Level
from tests.conftest import Repo

SCHEMA = json.loads((files("codex_gate") / "config.schema.json").read_text("utf-8"))
FULL = """
fail-on: critical
comment: high
hook: gate
noise-budget: {moderate: 20, high: 5 %, critical: 1.5}
annotations: 3
check: false
sarif: yes
labels: true
tier: 3
models: models/ours
paths:
  include: [src/, lib/**]
  exclude: "*.min.js"
fail-on-score: 97.5
levels:
  - paths: docs/
    comment: never
  - {paths: [src/pay/**], comment: moderate, fail-on: high}
ignore:
  - paths: [legacy/]
    categories: [ResourceLeaks]
    reason: goes away in spring
    until: 2027-03-31
"""


def read(text: str | bytes, environ: dict[str, str] | None = None, **flags: str) -> Settings:
    source = Source(config.FILE, text.encode() if isinstance(text, str) else text)
    return config.load(source, environ or {}, {key.replace("_", "-"): value for key, value in flags.items()})


def fault(text: str | bytes, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text, environ)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_every_key_is_read() -> None:
    found = read(FULL)
    assert found.fail_on is Level.CRITICAL
    assert found.comment is Level.HIGH
    assert (found.hook, found.annotations, found.check, found.sarif, found.labels, found.models) == ("gate", 3, False, True, True, "models/ours")
    assert found.noise_budget == {Level.MODERATE: 20, Level.HIGH: 5, Level.CRITICAL: 1.5}
    assert (found.include, found.exclude) == (("src/", "lib/**"), ("*.min.js",))
    assert [(e.paths, e.comment, e.fail_on) for e in found.levels] == [(("docs/",), Level.UNKNOWN, None), (("src/pay/**",), Level.MODERATE, Level.HIGH)]
    assert found.ignore == (config.Ignore(("legacy/",), ("ResourceLeaks",), "goes away in spring", date(2027, 3, 31)),)
    assert set(found.sources) == set(KEYS)
    assert (found.tier, found.fail_on_score) == (3, 97.5)
    assert found.sources["levels"] == ".codex-gate.yaml, line 16"


def test_the_schema_holds_the_same_keys_and_takes_the_example() -> None:
    assert list(SCHEMA["properties"]) == list(KEYS)
    plain = json.loads(json.dumps(yaml.safe_load(FULL), default=str))
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(plain)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null\n", "{}\n"])
def test_an_empty_file_is_the_defaults(text: str) -> None:
    assert read(text) == Settings()


def test_a_flag_goes_before_the_environment_before_the_file_before_the_default() -> None:
    text, environ = (
        "fail-on: high\ncomment: high\nannotations: 1\n",
        {"CODEX_GATE_FAIL_ON": "critical", "CODEX_GATE_COMMENT": "critical", "CODEX_GATE_CHECK": ""},
    )
    found = read(text, environ, fail_on="moderate")
    assert (found.fail_on, found.comment, found.annotations, found.check) == (Level.MODERATE, Level.CRITICAL, 1, True)
    assert found.sources == {"fail-on": "--fail-on", "comment": "CODEX_GATE_COMMENT", "annotations": ".codex-gate.yaml, line 3"}
    assert [source for key, _, source in config.rows(found) if key == "check"] == ["default"]


def test_one_number_as_noise_budget_keeps_the_proportion_of_the_levels() -> None:
    assert read("noise-budget: 15").noise_budget == pytest.approx({Level.MODERATE: 15, Level.HIGH: 5, Level.CRITICAL: 1})


def assert_both_say_the_same(text: str) -> None:
    """The file and its schema, of whether a text can be meant."""
    try:
        read(text)
        taken = True
    except ConfigError:
        taken = False
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(yaml.safe_load(text)) == taken, text


@pytest.mark.parametrize("number", ["95", "95.123", ".5", "5.", "0.0005", "100.000", "100.1", "0", ".", "-1", "1e1", "95,1", "٣"])
def test_file_and_schema_take_the_same_numbers(number: str) -> None:
    for key in ("fail-on-score", "noise-budget"):
        assert_both_say_the_same(f"{key}: {number}")


@pytest.mark.parametrize(
    "path", ["models", "./models/", ".//a//b", "a.b/..c", "...", "/models", ".", "./", "..", "../a", "a/../b", "a/..", "' '", "''", ".//.", ".hidden/a"]
)
def test_file_and_schema_take_the_same_directories(path: str) -> None:
    assert_both_say_the_same(f"models: {path}")


@pytest.mark.parametrize("pattern", [".", "../a", "a//b", "src/[", "[z-a]"])
def test_a_pattern_that_no_file_can_match_is_refused_wherever_it_stands(pattern: str) -> None:
    for document in ({"paths": [pattern]}, {"paths": {"exclude": [pattern]}}, {"levels": [{"paths": [pattern], "fail-on": "high"}]}):
        with pytest.raises(ConfigError, match=r"can match no file|holds a bracket"):
            read(json.dumps(document))
    with pytest.raises(ConfigError, match=r"can match no file|holds a bracket"):
        config.load(None, {"CODEX_GATE_PATHS": f"src/**\n!{pattern}"}, {})
    assert read('paths: ["./src/**"]').include == read('paths: ["/src/**"]').include


def test_paths_from_the_environment_are_one_pattern_a_line() -> None:
    found = read("", {"CODEX_GATE_PATHS": "src/\n\n !src/gen/\n"})
    assert (found.include, found.exclude) == (("src/",), ("src/gen/",))


@pytest.mark.parametrize("name", ["mymodels/", "./mymodels", ".//mymodels//", "mymodels"])
def test_a_model_directory_is_the_same_however_it_is_written(name: str) -> None:
    for settings in (read(f"models: {name}\n"), read("", {"CODEX_GATE_MODELS": name}), read("", models=name)):
        assert settings.models == "mymodels"
        keep = Policy(settings).keep
        assert keep is not None and not keep("mymodels/model.json") and keep("mymodels/deeper/a.py")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fail_on: high", "line 1: unknown key 'fail_on'; did you mean fail-on?"),
        ("\nanotations: 3", "line 2: unknown key 'anotations'; did you mean annotations?"),
        ("zzz: 1", "line 1: unknown key 'zzz'; the keys are fail-on, comment"),
        ("fail-on: low", "line 1: fail-on: 'low'; expected moderate, high, critical or never"),
        ("fail-on: true", "fail-on: true; expected moderate"),
        ("comment:", "comment: nothing; expected moderate"),
        ("hook: block", "hook: 'block'; expected advisory"),
        ("annotations: 51", "expected a whole number from 0 to 50"),
        ("annotations: -1", "expected a whole number from 0 to 50"),
        ("tier: 4", "tier: '4'; expected 1, 2, 3 or auto"),
        ("tier: true", "tier: true; expected 1, 2, 3 or auto"),
        ("check: maybe", "expected true or false"),
        ("noise-budget: 0", "expected a percentage above 0"),
        ("noise-budget: 101", "expected a percentage above 0"),
        ("noise-budget: {high: 40}", "expected that a louder level has no larger share"),
        ("noise-budget: {hihg: 4}", "line 1: noise-budget: unknown key 'hihg'; did you mean high?"),
        ("models: []", "models: a list; expected the path of a model directory"),
        ("models: ../ours", "models: '../ours' is no directory inside the repository; expected from its root on"),
        ("models: a/../../ours", "is no directory inside the repository"),
        ("models: /ours", "is no directory inside the repository"),
        ("models: ./", "is no directory inside the repository"),
        ("paths: {includes: a}", "unknown key 'includes'; did you mean include?"),
        ("paths:\n  exclude:\n    - a\n    - '!b'\n", "line 4: paths: '!b' is no path pattern"),
        ("paths: ['']", "is no path pattern"),
        ("levels: high", "expected a list of entries"),
        ("levels:\n  - paths: a\n", "line 2: levels: an entry without comment and fail-on changes nothing"),
        ("levels:\n  - fail-on: high\n", "line 2: levels: an entry without paths"),
        ("levels: [a]", "expected keys: paths, comment, fail-on"),
        ("ignore:\n  - paths: a\n", "an entry without reason"),
        ("ignore:\n  - paths: a\n    reason: ''\n", "is no reason; say why in words"),
        ("ignore:\n  - paths: a\n    reason: true\n", "true is no reason; say why in words"),
        ("ignore:\n  - paths: a\n    reason: b\n    categories:\n", "an empty list of categories"),
        ("paths: true\n", "true; expected a list of patterns, or the keys include and exclude"),
        ("paths:\n", "expected a list of patterns, or the keys include and exclude"),
        ("ignore:\n  - paths: a\n    reason: b\n    until: 20270131\n", "expected a date such as 2027-01-31"),
        ("ignore:\n  - paths: a\n    reason: b\n    until: '2027-W05-1'\n", "expected a date such as 2027-01-31"),
        ("ignore:\n  - paths: a\n    reason: x\n    until: spring\n", "line 4: ignore: until: 'spring'; expected a date such as 2027-01-31"),
        ("ignore:\n  - paths: a\n    reason: x\n    categories: []\n", "line 2: ignore: an empty list of categories; name those"),
        ("ignore:\n  - paths: []\n    reason: x\n", "line 2: ignore: an entry with an empty list of paths changes nothing"),
        ("levels:\n  - paths: []\n    comment: high\n", "line 2: levels: an entry with an empty list of paths changes nothing"),
        ("ignore:\n  - paths: a\n    reason: x\n    categories: ResourceLeak\n", "unknown category 'ResourceLeak'; did you mean ResourceLeaks?"),
        ("fail-on: high\nfail-on: never", "line 2: the key 'fail-on' stands here for the second time"),
        ("- a", "holds a list; expected keys"),
        ("just words", "holds 'just words'; expected keys"),
        ("fail-on: [high", "is no YAML"),
        ("a: &x 1\nb: *x", "aliases"),
        ("paths: " + "[" * 2000, "is no YAML"),
        (b"\xff\xfe", "not UTF-8"),
        ("fail-on: !!python/object/apply:os.system ['true']", "fail-on: a list; expected"),
        ("fail-on: hi\x07gh", "is no YAML"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(text: str | bytes, words: str) -> None:
    said = fault(text)
    assert words in said
    assert said.startswith(".codex-gate.yaml")


def test_a_variable_that_does_not_fit_is_named() -> None:
    assert fault("", {"CODEX_GATE_FAIL_ON": "hgih"}) == "CODEX_GATE_FAIL_ON: fail-on: 'hgih'; expected moderate, high, critical or never"


# -- where the file is read ----------------------------------------------------------------------------


@pytest.fixture
def project(make_repo: Callable[..., Repo]) -> Repo:
    repo = make_repo()
    repo.write(config.FILE, "fail-on: high\n")
    repo.commit()
    repo.write(config.FILE, "fail-on: never\n")
    return repo


def test_the_work_tree_is_read_without_a_base_and_the_commit_with_one(project: Repo) -> None:
    gate = project.open()
    assert config.find(gate, None) == Source(".codex-gate.yaml", b"fail-on: never\n")
    head = project.head()
    assert config.find(gate, head) == Source(f".codex-gate.yaml of {head[:9]}", b"fail-on: high\n")


def test_no_file_is_no_source(make_repo: Callable[..., Repo]) -> None:
    repo = make_repo()
    repo.write("a", "x")
    assert config.find(repo.open(), None) is None
    assert config.find(repo.open(), repo.commit()) is None


def test_a_bare_repository_is_read_at_its_head(project: Repo, make_repo: Callable[..., Repo]) -> None:
    bare = make_repo("bare", bare=True)
    assert config.find(bare.open(), None) is None
    project.git("push", "-q", str(bare.path), "HEAD:refs/heads/main")
    found = config.find(bare.open(), None)
    assert found is not None
    assert found.text == b"fail-on: high\n"


def test_a_file_that_is_named_must_be_there(project: Repo) -> None:
    with pytest.raises(ConfigError, match=r"other\.yaml does not exist"):
        config.find(project.open(), None, "other.yaml")
    with pytest.raises(ConfigError, match=r"has no file other\.yaml"):
        config.find(project.open(), project.head(), "./other.yaml")


def test_a_file_that_is_too_large_or_no_file_is_refused(project: Repo) -> None:
    project.write(config.FILE, "#" * (config.MAX_BYTES + 1))
    with pytest.raises(ConfigError, match="larger than 64 KiB"):
        config.find(project.open(), None)
    (project.path / config.FILE).unlink()
    (project.path / config.FILE).mkdir()
    with pytest.raises(ConfigError, match="is no file that can be read"):
        config.find(project.open(), None)
    (project.path / config.FILE).rmdir()
    (project.path / config.FILE).symlink_to("nowhere")
    with pytest.raises(ConfigError, match=r"a link to nothing"):
        config.find(project.open(), None)
    assert config.find(project.open(), project.head()) is not None


def test_more_brackets_than_a_team_writes_are_refused_before_yaml_reads_them() -> None:
    began = time.process_time()
    with pytest.raises(ConfigError, match="holds more than 400 brackets"):
        config.load(config.Source("c.yaml", b"paths: " + b"[" * 30_000), {}, {})
    assert time.process_time() - began < 1


def test_a_link_in_a_commit_is_not_followed(make_repo: Callable[..., Repo]) -> None:
    repo = make_repo()
    repo.symlink(config.FILE, "/etc/passwd")
    with pytest.raises(ConfigError, match=r"is a symbolic link, which has no contents in a commit"):
        config.find(repo.open(), repo.commit())


def test_never_beside_the_file_is_never_for_its_paths_too() -> None:
    source = config.Source("c.yaml", b"fail-on: high\nlevels:\n  - {paths: a/, fail-on: high, comment: high}\n")
    said = [
        config.load(source, environ, flags)
        for environ, flags in (({}, {}), ({}, {"fail-on": "never"}), ({"CODEX_GATE_FAIL_ON": "never"}, {}), ({}, {"fail-on": "critical"}))
    ]
    assert [settings.levels[0].fail_on for settings in said] == [Level.HIGH, Level.UNKNOWN, Level.UNKNOWN, Level.HIGH]
    assert all(settings.levels[0].comment is Level.HIGH for settings in said)


def test_a_key_that_is_no_word_is_named_as_such() -> None:
    with pytest.raises(ConfigError, match=r"c\.yaml, line 1: a key is one word"):
        config.load(config.Source("c.yaml", b"? [a]\n: 1\n"), {}, {})
