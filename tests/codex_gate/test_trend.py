"""A built repository looked back at by period (tests/codex_gate/replayed.py), and histories that are strange."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from codex_gate.config import Settings
from codex_gate.errors import GitError, UsageError
from codex_gate.intervals import wilson
from codex_gate.model import Model
from codex_gate.periods import Trend
from codex_gate.policy import Policy
from codex_gate.replay import replay
from codex_gate.trend import trend
from tests.codex_gate import drifting, replayed
from tests.codex_gate.samples import write_model
from tests.conftest import DAY, START, Node, Repo

NOW = START + 1000 * DAY
FAR = int(datetime(2400, 1, 1, tzinfo=UTC).timestamp())


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model.load(write_model(tmp_path / "model"))


def run(repo: Repo, model: Model, **more: object) -> Trend:
    return trend(repo.open(), model, more.pop("policy", Policy()), NOW, **more)  # type: ignore[arg-type]


def dated(repo: Repo, times: list[int], message: str = "work") -> list[str]:
    """One small change at each of these times."""
    nodes = [Node({"a.py": f"x = {k}\n"}, (k - 1,) if k else (), time=when, message=message) for k, when in enumerate(times)]
    return repo.build(nodes)


def test_a_built_history_by_month(repo: Repo, model: Model) -> None:
    replayed.build(repo)
    found = run(repo, model)
    assert [(p.name, p.n) for p in found.periods] == [("2024-01", 31), ("2024-02", 29), ("2024-03", 10)]
    # Fixes: the changes 30 | 40 (a merge that brings one), 50, 55. The merge at 20 brings work and a fix of it, half of its commits.
    assert [p.n_fixes for p in found.periods] == [2, 3, 0]
    january = found.periods[0]
    assert january.judged == 31 and january.observed == wilson(2, 31)  # 10 and 20 were repaired
    assert january.soon == wilson(2, 31)  # both after twenty days, the median
    assert all(p.drift is None for p in found.periods)


def test_risks_and_repairs_are_those_of_a_backtest(repo: Repo, model: Model) -> None:
    replayed.build(repo)
    assert run(repo, model).replayed.changes == replay(repo.open(), model, Policy(), 0.1).changes
    assert len(run(repo, model, last=10).replayed.changes) == 10  # fewer than a backtest asks for
    since = run(repo, model, since=date(2024, 2, 1))
    assert [(p.name, p.n) for p in since.periods] == [("2024-02", 29), ("2024-03", 10)]


def test_a_merge_is_a_fix_by_its_title_or_by_half_of_what_it_brings(repo: Repo, model: Model) -> None:
    nodes = [Node({"a.py": "a = 1\n"}, message="start")]
    line = [0]

    def merged(title: str, *messages: str) -> None:
        at = line[-1]
        for k, message in enumerate(messages):
            nodes.append(Node({f"m{len(nodes)}.py": f"x = {k}\n"}, (at,), message=message))
            at = len(nodes) - 1
        nodes.append(Node({f"m{len(nodes)}.py": "x = 9\n"}, (line[-1], at), message=f"Merge pull request #1 from ada/x\n\n{title}"))
        line.append(len(nodes) - 1)

    merged("Add a thing", "add it", "more of it", "fix: crash in it")
    merged("Add another", "add it", "fix: crash in it")
    merged("Fix crash on empty input", "wip", "more of it")
    shas = repo.build(nodes)
    found = run(repo, model)
    assert [c.sha for c in found.replayed.changes] == [shas[k] for k in line]
    assert found.n_fixes == 2 and found.periods[0].n == 4


def test_a_change_of_ways_is_drift_in_its_month(repo: Repo, model: Model) -> None:
    repo.build(drifting.nodes(250, 150))  # a change a day from 2024-01-01, most of them Rust from September on
    found = run(repo, model, by="quarter")
    assert [p.name for p in found.periods] == ["2024-Q1", "2024-Q2", "2024-Q3", "2024-Q4", "2025-Q1"]
    assert [p.drift.drift if p.drift else None for p in found.periods] == [None, None, None, True, True]  # the last has 34, so the quarter before joins it
    quarter = found.periods[3].drift
    assert quarter is not None and "file type" in [s.name for s in quarter.moved]


# -- strange histories -------------------------------------------------------------------------------------


def test_an_unborn_branch_and_a_shallow_clone_are_refused(repo: Repo, model: Model, tmp_path: Path) -> None:
    with pytest.raises(GitError, match="no commits yet"):
        run(repo, model)
    replayed.build(repo)
    repo.git("clone", "-q", "--depth", "60", f"file://{repo.path}", str(tmp_path / "shallow"))
    with pytest.raises(UsageError, match=r"shallow.*--unshallow"):
        trend(repo.open(tmp_path / "shallow"), model, Policy(), NOW)


def test_a_clone_without_contents_is_refused(repo: Repo, model: Model, tmp_path: Path) -> None:
    replayed.build(repo)
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.git("clone", "-q", "--bare", "--filter=blob:none", f"file://{repo.path}", str(tmp_path / "partial"))
    with pytest.raises(UsageError, match=r"are not in this clone.*--refetch"):
        trend(repo.open(tmp_path / "partial"), model, Policy(), NOW)


def test_one_commit_is_one_period_that_says_nothing(repo: Repo, model: Model) -> None:
    dated(repo, [START])
    (period,) = run(repo, model).periods
    assert (period.name, period.n) == ("2024-01", 1) and period.is_small and math.isnan(period.mean_risk)


def test_no_change_since_a_day_is_refused(repo: Repo, model: Model) -> None:
    dated(repo, [START])
    with pytest.raises(UsageError, match=r"0 changes to replay \(those since 2030-01-01 of 1 .*at least 1 is needed, take an earlier date"):
        run(repo, model, since=date(2030, 1, 1))


def test_paths_that_keep_nothing_are_refused(repo: Repo, model: Model) -> None:
    dated(repo, [START, START + DAY])
    with pytest.raises(UsageError, match=r"0 of 2 changes touch the paths .*at least 1 is needed, take"):
        run(repo, model, policy=Policy(Settings(include=("docs/**",))))


def test_dates_that_no_clock_can_have_shown_are_set_right_and_said(repo: Repo, model: Model) -> None:
    times = [0, *(START + k * DAY for k in range(12)), FAR, 86_400, *(START + k * DAY for k in range(40, 52))]
    dated(repo, times)
    found = run(repo, model)
    assert [(p.name, p.n) for p in found.periods] == [("2024-01", 15), ("2024-02", 12)]
    (notice,) = found.replayed.notices
    assert notice.code == "clock" and notice.text.startswith("3 of 27 changes are dated before 1972 or in the future")
    assert max(c.time for c in found.replayed.changes) == START + 51 * DAY  # so age is judged by a date that can be


def test_one_date_that_cannot_be_is_one(repo: Repo, model: Model) -> None:
    dated(repo, [*(START + k * DAY for k in range(12)), FAR, *(START + k * DAY for k in range(40, 52))])
    (notice,) = run(repo, model).replayed.notices
    assert notice.text == "1 of 25 changes is dated before 1972 or in the future, and counted at the date of the change before it"


def test_a_date_before_1970_is_set_right_too(repo: Repo, model: Model) -> None:
    (first,) = dated(repo, [START])
    tree = repo.git("rev-parse", f"{first}^{{tree}}")
    person = "Ada <ada@example.org> -86400 +0000"
    text = f"tree {tree}\nparent {first}\nauthor {person}\ncommitter {person}\n\nold\n"
    repo.git("update-ref", "HEAD", repo.git("hash-object", "-w", "-t", "commit", "--literally", "--stdin", stdin=text.encode()))
    found = run(repo, model)
    assert [(p.name, p.n) for p in found.periods] == [("2024-01", 2)] and found.replayed.notices[0].code == "clock"


def test_a_history_without_any_date_that_can_be_is_refused(repo: Repo, model: Model) -> None:
    dated(repo, [0, 10, FAR])
    with pytest.raises(UsageError, match=r"no change has a date from 1972 to today \(2026-09-27\).*clock"):
        run(repo, model)


def test_a_silent_year_is_a_gap(repo: Repo, model: Model) -> None:
    dated(repo, [*(START + k * DAY for k in range(12)), *(START + (500 + k) * DAY for k in range(12))])
    found = run(repo, model, by="quarter")
    assert [p.n for p in found.periods] == [12, 0, 0, 0, 0, 12]
    assert all(math.isnan(p.mean_risk) for p in found.periods[1:5])
