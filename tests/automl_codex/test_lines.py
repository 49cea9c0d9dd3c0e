"""The line ranker's training: the measures by hand, the protocol itself, and how it gets into a model directory."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from automl_codex import cli, lines, lines_report
from codex_gate.errors import ModelError, UsageError
from codex_gate.lines import LINE_FEATURES
from codex_gate.localise import LINES_FILE, LineRanker
from codex_gate.model import MANIFEST, Model, read_manifest
from tests.codex_gate.samples import add_ranker, write_model

Entries = dict[tuple[str, str], list[tuple[str, float, bool, bytes, int]]]


def entries(seed: int = 1, projects: int = 5) -> Entries:
    """Commits whose conditions tend to be defective; no deleted line is."""
    rng = random.Random(seed)
    found: Entries = {}
    for p, c in itertools.product(range(projects), range(5)):
        rows: list[tuple[str, float, bool, bytes, int]] = []
        for place in range(rng.randrange(6, 22)):
            kind, added = rng.randrange(4), rng.random() < 0.7
            text = (f"if (a{place} > {c}) {{", f"x{place} = run({p})", "}", f"import m{place}")[kind]
            rows.append((f"src/f{place % 2}.java", place, added, text.encode(), int(added and kind == 0 and rng.random() < 0.8)))
        rows.append(("src/f0.java", 90, True, b"if (last < 1) {", 1))
        found[f"p{p}", f"{c:040x}"] = rows
    return found


@pytest.fixture(scope="module")
def data() -> lines.Lines:
    return lines.gather(entries())


@pytest.fixture(autouse=True)
def few_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two settings and two inner folds: the protocol is the same, in a tenth of the time."""
    monkeypatch.setattr(lines, "SETTINGS", (lines.SETTINGS[0], lines.SETTINGS[-1]))
    monkeypatch.setattr(lines, "INNER_FOLDS", 2)


def table(path: Path, found: Entries, columns: tuple[str, ...] = lines.COLUMNS) -> Path:
    with (gzip.open if path.suffix == ".gz" else open)(path, "wt", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        for (project, sha), rows in found.items():
            writer.writerows(
                [project, file, "added" if added else "deleted", sha, text.decode(), float(label), place] for file, place, added, text, label in rows
            )
    return path


# -- measures --------------------------------------------------------------------------------------------


def test_measures_of_a_commit_by_hand() -> None:
    y = np.array([0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1])
    found = lines.of_commit(y, -np.arange(12.0))
    assert found == {"top_5": 2 / 5, "top_10": 2 / 10, "recall_at_20_percent": 1 / 3, "ifa": 1.0}
    assert lines.of_commit(np.array([0, 1]), np.array([1.0, 0.0])) == {"top_5": 0.5, "top_10": 0.5, "recall_at_20_percent": 0.0, "ifa": 1.0}


def test_ties_count_as_the_mean_over_all_orders() -> None:
    y, scores = np.array([1, 0, 0, 1, 0, 0]), np.array([2.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    found = lines.of_commit(y, scores)
    orders = [(0, *middle, 5) for middle in itertools.permutations((1, 2, 3, 4))]
    exact = [lines.of_commit(y[list(order)], -np.arange(6.0)) for order in orders]
    for name in lines.MEASURES:
        assert found[name] == pytest.approx(np.mean([row[name] for row in exact]))
    flat = lines.of_commit(y, np.zeros(6))
    assert flat["ifa"] == pytest.approx(4 / 3)  # (n − d) / (d + 1)
    assert flat["top_5"] == pytest.approx(2 / 6)


def test_only_commits_with_a_defective_line_inside_the_mask_count(data: lines.Lines) -> None:
    everything = np.ones(len(data), bool)
    assert len(lines.judged(data, data.y.astype(float), everything)) == 25
    assert not lines.judged(data, data.y.astype(float), ~data.added)
    assert len(lines.judged(data, data.y.astype(float), everything, least=15)) == sum(len(rows) >= 15 for rows in data.commits())


# -- protocol --------------------------------------------------------------------------------------------


def test_no_project_is_on_both_sides(data: lines.Lines) -> None:
    pairs = lines.folds(data)
    assert len(pairs) == 5
    for train, test in pairs:
        assert not set(data.project[train]) & set(data.project[test])
        assert (train ^ test).all()
    assert sum(test for _, test in pairs).tolist() == [1] * len(data)


def test_scores_of_a_project_do_not_know_its_labels(data: lines.Lines) -> None:
    """Turning a project's labels around changes what others get from it, never its own scores."""
    turned = replace(data, y=np.where(data.project == "p2", 1 - data.y, data.y))
    before, after = lines.left_out(data, lines.nested), lines.left_out(turned, lines.nested)
    own = data.project == "p2"
    assert np.array_equal(before[own], after[own])
    assert not np.allclose(before[~own], after[~own])


def test_penalty_is_chosen_without_the_project_that_is_left_out(data: lines.Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[set[str], int]] = []
    real = lines.coefficients

    def watched(d: lines.Lines, mask: np.ndarray, strength: float, columns: object) -> tuple[np.ndarray, float]:
        seen.append((set(d.project[mask].tolist()), int((mask & ~d.added).sum())))
        return real(d, mask, strength, columns)  # type: ignore[arg-type]

    monkeypatch.setattr(lines, "coefficients", watched)
    lines.nested(data, data.project != "p3")
    assert len(seen) == len(lines.SETTINGS) * lines.INNER_FOLDS + 1
    assert all("p3" not in projects for projects, _ in seen)
    assert all(len(projects) < 4 for projects, _ in seen[:-1]) and len(seen[-1][0]) == 4


def test_order_of_rows_moves_nothing(tmp_path: Path) -> None:
    found = entries()
    rng = random.Random(7)
    mixed: Entries = {}
    for key in rng.sample(sorted(found), len(found)):
        mixed[key] = rng.sample(found[key], len(found[key]))
    one, two = lines.read(table(tmp_path / "a.csv", found)), lines.read(table(tmp_path / "b.csv.gz", mixed))
    assert np.array_equal(one.x, two.x) and np.array_equal(one.y, two.y) and one.text == two.text
    assert lines.build(one, {}) == lines.build(two, {})


def test_defective_lines_of_a_commit_weigh_as_much_as_its_clean_ones(data: lines.Lines) -> None:
    rows, weight = lines.learned(data, np.ones(len(data), bool))
    total = []
    for commit in set(data.commit[rows].tolist()):
        own, y = data.commit[rows] == commit, data.y[rows]
        assert weight[own & (y == 1)].sum() == pytest.approx(weight[own & (y == 0)].sum())
        total.append(weight[own].sum() / np.sqrt(own.sum()))
    assert total == pytest.approx([total[0]] * len(total)) and weight.mean() == pytest.approx(1)


def test_what_the_lines_of_a_commit_share_is_not_learned(data: lines.Lines) -> None:
    at = LINE_FEATURES.index("tokens")
    shifted = replace(data, x=data.x + (data.speaks * data.commit * 0.1)[:, None] * (np.arange(len(LINE_FEATURES)) == at))
    everything, columns = np.ones(len(data), bool), [LINE_FEATURES.index("numbers"), at]
    one, two = (lines.coefficients(d, everything, 1e6, columns)[0] for d in (data, shifted))
    assert abs(one).min() > 0.05
    assert np.allclose(one, two, rtol=0.01)


def test_only_added_lines_with_program_text_are_learned_from(data: lines.Lines) -> None:
    changed = replace(data, y=np.where(data.added & data.speaks, data.y, 1))
    everything = np.ones(len(data), bool)
    columns = range(len(LINE_FEATURES))
    one, two = (lines.coefficients(d, everything, 0.01, columns) for d in (data, changed))
    assert np.array_equal(one[0], two[0]) and one[1] == two[1]
    assert (~data.speaks).sum() > 10


def test_ranker_learns_what_is_there(data: lines.Lines) -> None:
    scores = lines.left_out(data, lines.nested)
    ours, chance = (np.mean([row["ifa"] for row in lines.judged(data, s, data.added)]) for s in (scores, np.zeros(len(data))))
    assert ours < chance / 2


def test_what_ships_scores_as_what_was_judged(data: lines.Lines) -> None:
    built = lines.build(data, {"trained": "today"})
    ranker = LineRanker.parse(built, "x")
    assert json.loads(built)["trained"] == "today"
    setting = lines.choose(data, np.ones(len(data), bool))
    w = np.zeros(len(LINE_FEATURES))
    w[list(setting.columns)], bias = lines.coefficients(data, np.ones(len(data), bool), setting.strength, setting.columns)
    assert np.allclose(ranker.weights, w, rtol=1e-5) and ranker.bias == pytest.approx(bias, rel=1e-5)
    row = data.x[np.nonzero(data.speaks)[0][0]]
    assert ranker._logistic(row.tolist()) == pytest.approx(1 / (1 + np.exp(-(row @ w + bias))), rel=1e-4)


# -- the command -----------------------------------------------------------------------------------------


def test_command_judges_trains_and_installs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, model, page = table(tmp_path / "lines.csv", entries(projects=3)), write_model(tmp_path / "model"), tmp_path / "out" / "lines.md"
    assert cli.main(["lines", "--input", str(source), "--output", str(model), "--eval-report", str(page)]) == 0
    text = page.read_text("utf-8")
    assert "3 Java projects" in text and "| random |" in text and "| ceiling |" in text and "| shipped (within commits, nested) |" in text
    loaded = Model.load(model)
    assert LineRanker.load(model, loaded.manifest) is not None
    made = json.loads((model / LINES_FILE).read_bytes())
    assert made["training"]["projects"] == 3 and set(made["left_out_projects"]) == set(lines.MEASURES)
    assert loaded.version == "test-1"


def test_report_is_the_same_for_the_same_seed_and_its_ceiling_is_one(data: lines.Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: fit for name, fit in lines.entrants().items() if name in (lines.SHIPPED, "line length")}
    monkeypatch.setattr(lines, "entrants", lambda: few)
    one, two = (lines.report(data, 5, lambda _: None) for _ in range(2))
    assert one == two
    for view in one["tables"].values():
        rows = view["rows"]
        assert all(rows["random"]["top_10"][0] <= rows[name]["top_10"][0] <= rows["ceiling"]["top_10"][0] for name in (lines.SHIPPED,))
        assert rows["ceiling"]["ifa"][0] == 0
        assert all(low <= value <= high for row in rows.values() for value, low, high in row.values())
    assert one["defective_deleted"] == 0
    assert json.loads(json.dumps(one)) == one
    page = lines_report.markdown(
        {**one, "input": "x.csv", "input_sha256": "0" * 64, "seed": 5, "date": "2026-01-01", "machine": {"processor": "p", "cores": 2, "python": "3"}}
    )
    assert "Deleted lines." in page
    told = [line for line in page.splitlines() if line.startswith("| no test: ")]
    assert len(told) == 2 * len(one["tables"]), "what has seen the lines it is judged on says so in every table"


def test_a_ranker_that_learns_orders_finds_the_conditions(data: lines.Lines) -> None:
    pytest.importorskip("lightgbm")
    many = lines.gather(entries(projects=40))
    scores = lines.lambda_mart(many, np.ones(len(many), bool))(data)
    heard = data.added & data.speaks
    assert scores[heard & (data.y == 1)].mean() > scores[heard & (data.y == 0)].mean()
    assert np.array_equal(scores, lines.lambda_mart(many, np.ones(len(many), bool))(data))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("project,file\np,f\n", "lacks the columns ctype, sha, line, label, idx"),
        (",".join(lines.COLUMNS) + "\n", "holds no labelled line"),
        (",".join(lines.COLUMNS) + "\np,f,added,s,x,yes,0\n", "line 2 holds 'yes' where a number is expected"),
        (",".join(lines.COLUMNS) + "\np,f,added,s,x,1,here\n", "line 2 holds 'here'"),
        *((",".join(lines.COLUMNS) + f"\np,f,added,s,x,1,{place}\n", f"line 2 holds '{place}' where a number is expected") for place in ("nan", "inf", "")),
        *(
            (",".join(lines.COLUMNS) + f"\np,f,added,s,x,{label},0\n", f"line 2 has the label '{label}'; expected 0 (clean) or 1")
            for label in ("2", "0.9", "-1")
        ),
        (",".join(lines.COLUMNS) + "\np,f,added,s,x,0,0\np,f,added,s,x,1\n", "line 3 has fewer values than columns; expected project, file"),
        (
            ",".join(lines.COLUMNS) + "\np,a.c,added,s,x = 1,0,0\np,a.c,added,s,y = f(2),1,1\n",
            "has 1 project with a commit that added both defective and clean",
        ),
    ],
)
def test_table_that_is_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    assert cli.main(["lines", "--input", str(tmp_path / "t.csv")]) == 2
    assert message in capsys.readouterr().err


def test_two_projects_are_too_few(tmp_path: Path) -> None:
    found = entries(projects=3)
    found = {key: [(*row[:4], 0 if key[0] == "p1" else row[4]) for row in rows] for key, rows in found.items()}  # the third has nothing defective
    with pytest.raises(UsageError, match="has 2 projects with a commit that added both defective and clean lines of program text; expected 3 or more"):
        lines.read(table(tmp_path / "t.csv", found))


def test_projects_that_teach_nothing_leave_something_to_learn_in_every_fold(tmp_path: Path) -> None:
    """Of p0 to p4 only p0 and p3 could be learned from beside p4; by their names alone both would lie in one fold."""
    found = {key: [(*row[:4], 0 if key[0] in ("p1", "p2") else row[4]) for row in rows] for key, rows in entries(projects=5).items()}
    data = lines.read(table(tmp_path / "t.csv", found))
    for left_out in ("p0", "p3", "p4"):
        assert lines.choose(data, data.project != left_out) in lines.SETTINGS


def test_a_line_without_a_label_may_have_no_place(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", entries(projects=3))
    whole = len(lines.read(path))
    with path.open("a") as stream:
        stream.write("p0,src/A.java,added,s,unlabelled,\n")
    assert len(lines.read(path)) == whole


def test_unreadable_table_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv.gz").write_bytes(b"no gzip")
    for name in ("none.csv", "t.csv.gz"):
        assert cli.main(["lines", "--input", str(tmp_path / name)]) == 2
        assert "cannot be read" in capsys.readouterr().err


# -- model directories -----------------------------------------------------------------------------------


def test_install_leaves_a_directory_that_holds_no_model_alone(tmp_path: Path, data: lines.Lines) -> None:
    (tmp_path / "m").mkdir()
    with pytest.raises(ModelError, match=r"model\.json cannot be read"):
        lines.install(lines.build(data, {}), tmp_path / "m")
    assert list((tmp_path / "m").iterdir()) == [] and [p.name for p in tmp_path.iterdir()] == ["m"]


def test_install_lists_the_ranker_and_keeps_the_rest(tmp_path: Path, data: lines.Lines) -> None:
    model = write_model(tmp_path / "m")
    before = read_manifest(model)
    lines.install(lines.build(data, {}), model)
    lines.install(lines.build(data, {"again": 1}), model)
    after = read_manifest(model)
    assert {**after, "files": {n: e for n, e in after["files"].items() if n != LINES_FILE}} == before
    assert LineRanker.load(model, after) is not None


def test_new_risk_model_takes_the_ranker_along(tmp_path: Path) -> None:
    old, bare = add_ranker(write_model(tmp_path / "old"), calls=2.0), write_model(tmp_path / "bare")
    files = {"risk.forest": (bare / "risk.forest").read_bytes(), MANIFEST: (bare / MANIFEST).read_bytes()}
    kept = lines.carried(files, tmp_path / "none", bare, old)
    assert kept[LINES_FILE] == (old / LINES_FILE).read_bytes()
    assert json.loads(kept[MANIFEST])["files"][LINES_FILE]["size"] == len(kept[LINES_FILE])
    assert lines.carried(files, bare) == files
    (old / LINES_FILE).write_bytes(b"{}")
    with pytest.raises(ModelError, match=r"lines\.json has 2 bytes"):
        lines.carried(files, old)
