"""A trained forest as the files that ship: ONNX and flat arrays that agree, manifest, card – all or nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from automl_codex import train
from automl_codex.files import PARITY, check_directory, listed, named, swap
from automl_codex.within import Within
from codex_gate.errors import InternalError
from codex_gate.features import FEATURE_SCHEMA, UNKNOWN
from codex_gate.forest import Forest, pack
from codex_gate.model import FOREST_FILE, FORMAT, MANIFEST, ONNX_FILE, Model
from codex_gate.own_words import WORDS_FILE, OwnWords

OPSET: Final = 18  # onnxruntime 1.23 and later load it
IR_VERSION: Final = 8


def to_onnx(forest: ClassifierMixin, n_features: int) -> bytes:
    """The forest, or another classifier, as an ONNX graph: input `features` (n, n_features) float32, output `probabilities` (n, classes).

    Raises:
        InternalError: the converter failed; its message is shortened (it prints whole models).
    """
    try:
        graph = convert_sklearn(
            forest,
            "risk",
            [("features", FloatTensorType([None, n_features]))],
            target_opset={"": OPSET, "ai.onnx.ml": 1},
            options={id(forest): {"zipmap": False}},
        )
    except Exception as error:  # noqa: BLE001 - the converter raises classes of its own
        raise InternalError(f"the forest could not be converted to ONNX: {str(error)[:300]}") from None
    versions = {entry.domain: entry.version for entry in graph.opset_import}
    del graph.opset_import[:]
    graph.opset_import.extend(onnx.helper.make_opsetid(domain, version) for domain, version in sorted(versions.items()))
    graph.ir_version = IR_VERSION
    onnx.checker.check_model(graph)
    return bytes(graph.SerializeToString(deterministic=True))


def to_flat(forest: RandomForestClassifier, n_features: int) -> bytes:
    """The forest as the bytes of `codex_gate.forest`."""
    return pack([nodes(tree) for tree in forest.estimators_], n_features)


def nodes(estimator: DecisionTreeClassifier) -> list[tuple[int, float, int, int, float]]:
    """A tree as `codex_gate.forest.pack` takes it."""
    tree = estimator.tree_
    share = tree.value[:, 0, 1] / tree.value[:, 0, :].sum(axis=1)
    columns = (np.where(tree.children_left < 0, -1, tree.feature), tree.threshold, tree.children_left, tree.children_right, share)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def parity(forest: RandomForestClassifier, onnx_bytes: bytes, flat: bytes, x: np.ndarray) -> float:
    """Largest difference of raw scores between scikit-learn, ONNX and the flat file on encoded rows x."""
    import onnxruntime

    expected = train.score(forest, x)
    session = onnxruntime.InferenceSession(onnx_bytes, providers=["CPUExecutionProvider"])
    (by_onnx,) = session.run(["probabilities"], {"features": x.astype(np.float32)})
    flat_forest = Forest(flat)
    by_flat = np.array([flat_forest.predict(row) for row in x.tolist()])
    return float(max(np.abs(by_onnx[:, 1] - expected).max(), np.abs(by_flat - expected).max()))


def build(
    forest: RandomForestClassifier,
    knots: Sequence[tuple[float, float]],
    recipe: train.Recipe,
    probe: np.ndarray,
    facts: Mapping[str, Any],
    texts: Mapping[str, str],
    within: Within | None = None,
) -> dict[str, bytes]:
    """All files of a model directory by name, the manifest among them; the ONNX form is of the forest.

    Args:
        probe: encoded rows (n, n_features) on which the three forms must agree, some with unknown history.
        facts: what the manifest states beside what is needed to score (base_rate, period, …).
        texts: further files by name (evaluation.json, training-manifest.txt, …).
    Raises:
        InternalError: the three forms disagree by more than PARITY.
    """
    n = len(recipe.names)
    onnx_bytes, flat = to_onnx(forest, n), to_flat(forest, n)
    worst = parity(forest, onnx_bytes, flat, probe)
    if worst > PARITY:
        raise InternalError(
            f"scikit-learn, ONNX and the flat forest differ by {worst:.2g} on {len(probe)} rows, expected at most {PARITY}; nothing was written"
        )
    rounded = [[round(x, 7), round(p, 7)] for x, p in knots]
    slopes = {name: list(slope) for name, slope in within.slopes.items()} if within is not None else {}
    told = {WORDS_FILE: words_file(within.words)} if within is not None and within.words is not None else {}
    content = hashlib.sha256(
        b"".join([flat, *told.values()]) + json.dumps([rounded, list(recipe.names), FEATURE_SCHEMA, *([slopes] if slopes else [])]).encode()
    )
    version = f"risk-{FORMAT}-{content.hexdigest()[:8]}"
    files = {FOREST_FILE: flat, ONNX_FILE: onnx_bytes} | told | {name: text.replace("{version}", version).encode() for name, text in texts.items()}
    manifest = {
        "format": FORMAT,
        "version": version,
        "feature_schema": FEATURE_SCHEMA,
        "feature_names": list(recipe.names),
        "unknown": UNKNOWN,
        "calibration": rounded,
        **({"slopes": slopes} if slopes else {}),
        **facts,
        "parity": {"rows": len(probe), "largest_difference": worst, "limit": PARITY},
        "recipe": recipe.as_json(),
        "files": {name: listed(data) for name, data in sorted(files.items())},
    }
    return files | {MANIFEST: (json.dumps(manifest, indent=1) + "\n").encode()}


def words_file(words: OwnWords) -> bytes:
    """The bytes of `risk.words.json`."""
    return (json.dumps(words.as_json(), indent=1, ensure_ascii=False) + "\n").encode()


def write_directory(files: Mapping[str, bytes], target: Path, without: Sequence[str] = ()) -> None:
    """Put the files into `target` by swapping whole directories: readers see the old model or the new one.

    Files of the old directory that are not replaced are kept, but those named in `without` and those that the old manifest lists and the new one
    does not: they are of the model that goes. The new one is loaded before the swap.
    A link to a directory stays one: what it leads to is swapped.

    Raises:
        ModelError: the new directory does not load; the old one stays.
        UsageError: something else than a directory lies at `target`; it stays.
    """
    old = target / MANIFEST
    gone = _listed(old.read_bytes()) - _listed(files[MANIFEST]) if MANIFEST in files and old.is_file() else set()
    replace_directory(files, target, {*without, *gone}, Model.load)


def replace_directory(files: Mapping[str, bytes], target: Path, without: Collection[str] = (), check: Callable[[Path], object] = lambda _: None) -> None:
    """Put the files into `target` by swapping whole directories; what else lies there is kept, but that named in `without`.

    Args:
        check: sees the new directory before the swap; what it raises leaves the old one as it is.
    Raises:
        UsageError: something else than a directory lies at `target`; it stays.
    """
    check_directory(target)
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        if target.is_dir():
            shutil.copytree(target, fresh, dirs_exist_ok=True, ignore=lambda _, names: [name for name in names if name in without])
        for name, data in files.items():
            with named(target / name):
                (fresh / name).write_bytes(data)
        fresh.chmod(0o755)
        check(fresh)
        swap(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _listed(manifest: bytes) -> set[str]:
    """The files that a manifest lists; none where it is no manifest."""
    try:
        found = json.loads(manifest)["files"]
        return set(found) if isinstance(found, dict) else set()
    except (ValueError, LookupError, TypeError, RecursionError):
        return set()


def training_manifest(sha256: Sequence[str]) -> str:
    """sha256 of each training commit's SHA, sorted, one a line: whoever has a SHA can check whether it was used."""
    return "".join(f"{line}\n" for line in sorted(set(sha256)))


def training_sources(entries: Sequence[Mapping[str, Any]], used: Mapping[str, Mapping[str, Any]]) -> str:
    """Where the rows came from, as JSON: the corpus entries with the counts and periods that were really used."""
    found = []
    for entry in entries:
        kept = {key: entry[key] for key in ("project", "repository", "clone", "head", "role", "note") if key in entry}
        found.append({**kept, "labels": entry.get("labels", "szz"), "labels_until": str(entry["until"]), **used.get(entry["project"], {})})
    return (
        json.dumps(
            {
                "labeller": "where labels names a file: ApacheJIT, Keshavarz & Nagappan 2022, and Zeng et al., ISSTA 2021; elsewhere SZZ by this package",
                "projects": found,
            },
            indent=1,
        )
        + "\n"
    )


def card(report: Mapping[str, Any]) -> str:
    """MODEL_CARD.md from the content of evaluation.json; `{version}` is filled in by `build`."""
    safe, every, bare = report["time_safe"], report["all_times"], report["without_history"]
    gain, window = safe["difference_to_lapredict"]["forest"], report["windows"]["time_safe"]
    parts = [
        "# Model card: {version}",
        "",
        "Written by `automl-codex train` from `evaluation.json`; do not edit.",
        "",
        "## What it is",
        "",
        f"A random forest ({report['recipe']['n_trees']} trees, depth {report['recipe']['max_depth']}) that gives the calibrated probability that a commit will need a fix later. "
        f"It reads {len(report['recipe']['names'])} measures of the diff, of the added and deleted program text and of the touched files' past: the wording of a message, the hour and the day cannot move the risk. "
        "Intended for pointing reviewers at changes worth a second look. Not for judging people, and not as proof that a change is right or wrong.",
        "",
        f"Measures: {', '.join(report['recipe']['names'])}. Left out: {', '.join(report['left_out_measures'])}.",
        *_beside(report),
        "",
        "## Data",
        "",
        f"{report['final']['rows']} commits of {len(report['data']['projects'])} projects ({', '.join(report['data']['projects'])}), "
        f"{report['final']['period'][0]} to {report['final']['period'][1]}, {report['final']['share_buggy']:.3f} of them buggy; base rate of those that SZZ labelled, every repository counted alike, {report['final']['base_rate']:.3f}. "
        f"Labels: SZZ by this package (docs/labels.md){_outside(report)}; measures mined from the repositories by this package. "
        "A label counts as buggy only if its fix was made before the end of the project's labels; the last year before it is left out. "
        f"{report['protocol']['doubt'][0].upper()}{report['protocol']['doubt'][1:]}.",
        "",
        "## How good it is",
        "",
        f"Whole repositories left out, trained on labels known on {window['cut_off']}, tested on commits from {window['test_from']} {'to ' + window['test_to'] if window['test_to'] else 'on'}. Mean AUC **{safe['mean']['forest']['auc']:.3f}** "
        f"({_span(safe['mean']['forest']['auc_interval'])}); against counting added lines (LApredict) **{gain['value']:+.3f}** ({_span([gain['low'], gain['high']])}). Nothing is searched on this window; what was looked at there while the measures of this package were chosen is told below.",
        "",
        _lowest(safe),
        "",
        *_model_table(safe),
        "",
        *_project_table(safe),
        "",
        *_too_few(safe),
        "Leaving out projects but not time (all commits, every project). Not time-safe: measures that grow with a repository (exp, ndev, nuc) tell the year here"
        + (
            ", and in labels from outside the share of buggy commits may run from .02 to .97 by project and year, which favours models that read them:"
            if report["data"]["labelled_outside"]
            else ":"
        ),
        "",
        *_model_table(every),
        "",
        *_project_table(every),
        "",
        f"With all history unknown, as in a shallow clone (time-safe): mean AUC {bare['mean_auc']:.3f}, pooled ECE {bare['pooled_ece']:.3f}. "
        "A staged change has no message yet; the model does not read it, so nothing changes.",
        "",
        *_external(report["external"]),
        "## Calibration",
        "",
        f"Piecewise linear and monotone, fitted on out-of-project scores of the repositories that SZZ labelled, each counted alike. Over all {safe['pooled']['forest']['commits']:,} time-safe test commits, also of projects with too few buggy ones for an AUC, the expected calibration error is {safe['pooled']['forest']['ece']:.3f}; "
        f"the mean over the {safe['mean_ece_of']['projects']} projects with {safe['mean_ece_of']['test_commits_each']} of them is {safe['mean']['forest']['ece']:.3f}, because base rates differ from project to project (see the table) and a project that was never seen cannot tell its own. "
        f"Where few commits are buggy that alone says little: the same probability for every commit would have {safe['constant']['pooled']['ece']:.3f} and {safe['constant']['mean_ece']:.3f}. "
        f"What the probabilities say beyond it shows in the Brier score: {safe['pooled']['forest']['brier']:.4f} in place of {safe['constant']['pooled']['brier']:.4f}, {safe['constant']['brier_skill']:.1%} less. "
        "Trust the order and the percentile within a repository more than the absolute number.",
        "",
        *gates_section(report["gates"]),
        *_tuning(report.get("tuning")),
        "## Which measures pay",
        "",
        f"Mean AUC over projects, {report['ablation']['window']}, {report['ablation']['trees']} trees; {report['ablation']['tried']} settings in this table. {report['protocol']['selection']}.",
        "",
        "| setting | measures | mean AUC | where SZZ labelled | labels from outside |",
        "|---|---|---|---|---|",
        *(
            f"| {r['measures']} | {r['n_features']} | {r['mean_auc']:.4f} | {_figure(r['mean_auc_szz'])} | {_figure(r['mean_auc_outside'])} |"
            for r in report["ablation"]["rows"]
        ),
        "",
        "## Limits",
        "",
        f"- Trained on public projects on one forge, {report['final']['period'][0][:4]} to {report['final']['period'][1][:4]}. Closed code and other ways of working are extrapolation.",
        "- SZZ labels are noisy: they blame lines that a fix deleted, and size alone earns much of the AUC.",
        "- Base rates in the labels reflect how diligently a project says in its messages that it fixes something.",
        "- Labels exist only for commits that touch code: a change of documentation alone was hardly seen.",
        "",
        "## Licence and reproduction",
        "",
        "MIT, as the package. No source text or message of others is part of the files. "
        f"`automl-codex train {report['made_by']} --seed {report['seed']}{_search(report.get('tuning'))}{_accepted(report)}` makes these files again "
        f"(data sha256 `{report['data']['sha256'][:16]}…`, {report['date']}, {report['machine']['processor']}, {report['machine']['cores']} cores, Python {report['machine']['python']}).",
    ]
    return "\n".join(parts) + "\n"


def _outside(report: Mapping[str, Any]) -> str:
    return f", for {report['data']['labelled_outside']:,} commits others (training-sources.json)" if report["data"]["labelled_outside"] else ""


def _beside(report: Mapping[str, Any]) -> list[str]:
    """What stands beside the forest."""
    if not report["recipe"].get("within"):
        return []
    n = report["final"]["words"]
    words = (
        f" and {n:,} words of many projects: those that a change brings into its program text and those of its paths, none of its message ({WORDS_FILE}, as anybody can read them). "
        "Whoever picks words moves a risk no further than words did in all but a hundredth of the changes that were learned from, on either side"
        if n
        else ""
    )
    return [
        "",
        f"Beside the log-odds of the forest stands a logistic regression within projects, in which every project and year has a level of its own (docs/within.md): "
        f"{', '.join(report['final']['slopes'])}{words}. The ONNX file holds the forest alone. *Forest* in the tables below is both together.",
    ]


def _span(pair: Sequence[float]) -> str:
    return f"95 % interval {pair[0]:.3f} to {pair[1]:.3f}"


def _accepted(report: Mapping[str, Any]) -> str:
    return "".join(f" --accept-missed {gate['gate']}" for gate in report["gates"] if gate.get("accepted"))


def _search(found: Mapping[str, Any] | None) -> str:
    """The options that search again: the strategy, and what differs from the defaults."""
    if not found:
        return ""
    from automl_codex.tune import N_JOBS, AutoMLConfig  # brings optuna, which is needed only where something was searched

    plain = AutoMLConfig()
    options = (
        ("--n-trials", found["n_trials"], plain.n_trials),
        ("--time-budget", found["time_budget_minutes"], plain.time_budget_minutes),
        ("--patience", found["early_stopping_patience"], plain.early_stopping_patience),
        ("--parallel", found.get("n_jobs", N_JOBS), N_JOBS),
    )
    return f" --strategy {found['strategy']}" + "".join(f" {name} {value:.12g}" for name, value, default in options if value not in (default, None))


def _tuning(found: Mapping[str, Any] | None) -> list[str]:
    """What was searched, on which window, and what it was worth there; nothing where nothing was searched."""
    if not found:
        return []
    params = ", ".join(f"{key} {value}" for key, value in found["params"].items())
    return [
        "## How the recipe was chosen",
        "",
        f"{found['trials']} trial{'' if found['trials'] == 1 else 's'} by {found['strategy']} (seed {found['seed']}, {found['failed']} failed; {found['stopped']}), each scored by the mean AUC over projects, {found['window']}, "
        f"with {found['trees']} trees. The best, trial {found['best_trial']} ({params}), has {found['best_auc']:.4f}, the recipe without a search {found['untuned_auc']:.4f}: the {found['taken']} was taken. "
        "A best of many is a little too good on the window that it was chosen on; no trial saw a commit of the time-safe window.",
        "",
    ]


def gates_section(gates: Sequence[Mapping[str, Any]]) -> list[str]:
    """The part of a card that says which gates were met."""
    return [
        "## Gates",
        "",
        "| gate | value | must be | met |",
        "|---|---|---|---|",
        *(f"| {gate['gate']} | {gate['value']:.3f} | {gate['must']} | {_met(gate)} |" for gate in gates),
        "",
        "Gates whose name begins with spec are the specification's absolute thresholds: reported, never blocking.",
        "",
    ]


def _met(gate: Mapping[str, Any]) -> str:
    return "yes" if gate["met"] else "no, accepted by name" if gate.get("accepted") else "no"


def _model_table(table: Mapping[str, Any]) -> list[str]:
    rows = ["| model | mean AUC | 95 % | against LApredict | AP | recall at 20 % | Brier | mean ECE | pooled ECE |", "|---|---|---|---|---|---|---|---|---|"]
    for name, m in table["mean"].items():
        low, high = m["auc_interval"]
        gain = table["difference_to_lapredict"][name]
        against = "–" if name == "lapredict" else f"{gain['value']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})"
        rows.append(
            f"| {name} | {m['auc']:.3f} | {low:.3f} to {high:.3f} | {against} | {m['average_precision']:.3f} | {m['recall_at_20_percent']:.3f} "
            f"| {m['brier']:.3f} | {m['ece']:.3f} | {table['pooled'][name]['ece']:.3f} |"
        )
    return rows


def _project_table(table: Mapping[str, Any]) -> list[str]:
    rows = ["| project | commits | buggy | AUC | LApredict | AP | recall at 20 % | Brier | ECE |", "|---|---|---|---|---|---|---|---|---|"]
    for row in table["projects"]:
        m = row["models"]["forest"]
        rows.append(
            f"| {row['project']} | {row['commits']} | {row['buggy'] / row['commits']:.2f} | {m['auc']:.3f} | {row['models']['lapredict']['auc']:.3f} "
            f"| {m['average_precision']:.3f} | {m['recall_at_20_percent']:.3f} | {m['brier']:.3f} | {m['ece']:.3f} |"
        )
    return rows


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _lowest(table: Mapping[str, Any]) -> str:
    """The worst project of those with enough buggy commits for an AUC that means something."""
    worst = min((row for row in table["projects"] if row["buggy"] >= 20), key=lambda row: row["models"]["forest"]["auc"], default=None)
    return f"The lowest AUC of a project with 20 buggy commits or more is {worst['models']['forest']['auc']:.3f} ({worst['project']})." if worst else ""


def _too_few(table: Mapping[str, Any]) -> list[str]:
    few = [r for r in table["too_few_test_commits"] if r["commits"]]
    if not few:
        return []
    known = [r for r in few if r["mean_risk"] is not None]
    n = sum(r["commits"] for r in known)
    said = sum(r["commits"] * r["mean_risk"] for r in known) / n if n else float("nan")
    listed = ", ".join(
        f"{r['project']} ({r['commits']} commits, {r['buggy']} buggy" + (f", mean risk {r['mean_risk']:.3f})" if r in known else ")") for r in few
    )
    together = f" Together their mean risk is {said:.3f}, and {sum(r['buggy'] for r in known) / n:.3f} of the commits were buggy." if n else ""
    return [f"Too few test commits, or too few buggy ones, for an AUC: {listed}.{together}", ""]


def _external(found: Sequence[Mapping[str, Any]]) -> list[str]:
    if not found:
        return []
    lines = [
        "## External holdout",
        "",
        "Never trained on, labels by other people. Below 0 in the column of differences, counting added lines ranks better.",
        "",
    ]
    lines += ["| project | commits | buggy | AUC | LApredict | difference | mean risk | ECE |", "|---|---|---|---|---|---|---|---|"]
    for row in found:
        ours, base, gain = row["auc"]["forest"], row["auc"]["lapredict"], row["difference_to_lapredict"]["forest"]
        ranks = (
            ("–", "–", "–")  # one class alone has no order
            if ours["value"] is None
            else (
                f"{ours['value']:.3f} ({ours['low']:.3f} to {ours['high']:.3f})",
                f"{base['value']:.3f}",
                f"{gain['value']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})",
            )
        )
        lines.append(
            f"| {row['project']} | {row['commits']} | {row['buggy'] / row['commits']:.2f} | {' | '.join(ranks)} | {row['mean_risk']:.3f} | {row['ece']:.3f} |"
        )
    told: dict[str, list[str]] = {}
    for row in found:
        if row.get("note"):
            told.setdefault(row["note"], []).append(row["project"])
    notes = [f"- {', '.join(projects)}: {note}" for note, projects in told.items()]
    return [*lines, "", *notes, *([""] if notes else [])]
