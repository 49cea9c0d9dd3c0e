"""The commands of labelled history and of the models that come of it: mined, judged, trained, moved, watched."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl_codex.commands import Command, chosen, need_torch, report_drift, say, trained_on_rows, watched
from codex_gate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from automl_codex.tune import AutoMLConfig
    from codex_gate.andon import Andon
    from codex_gate.gates import Gates
    from codex_gate.git import Repository
    from codex_gate.policy import Policy


def _mine(options: argparse.Namespace) -> int:
    from automl_codex import files, mine

    if options.corpus:
        if options.repositories or options.until or options.project or not options.clones:
            raise UsageError("--corpus takes --clones DIR; projects and their last days come from the file, so no repository, --project or --until beside it")
        mine.mine_corpus(options.corpus, options.clones, options.labels, options.output, say, options.szz, options.unit, options.since)
        return 0
    if options.labels and options.unit == mine.PULLS:
        raise UsageError("--labels are of commits; leave it out for --unit pull-request, whose labels come from SZZ")
    if not options.repositories:
        raise UsageError("name a repository to mine, or give --corpus FILE")
    files.check_folder(options.output)
    jobs = mine.jobs_of(options.repositories, options.project, options.labels, options.szz, options.since, options.until, options.unit)
    return mine.mine_all(jobs, options.output, say)


def _words(options: argparse.Namespace) -> int:
    from automl_codex import words

    words.collect(options.corpus, options.clones, options.input, options.output, say)
    return 0


def _common_words(options: argparse.Namespace) -> int:
    from automl_codex import common_words
    from automl_codex.said import FILE, Said

    words = Said.read(options.vocabulary / FILE).words if options.vocabulary else None
    found = common_words.collect(options.corpus, options.clones, options.labels, options.input, say, words)
    found.write(options.input / FILE)
    say(f"{options.input / FILE}: {len(found.words)} words, {len(found.place)} commits")
    return 0


def _szz_eval(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from automl_codex import files, szz_eval, szz_report

    if not options.oracle and not options.time:
        raise UsageError("nothing to measure; give --oracle FILE with --clones DIR, or --time CLONE")
    if options.oracle and not options.clones:
        raise UsageError("--oracle takes --clones DIR, the folder with the clones of its repositories")
    asked = {szz_report.ORACLE: options.oracle, szz_report.SPEED: options.time}
    if options.output:
        szz_report.check(options.output, [part for part, given in asked.items() if given])  # before the work
    today = datetime.now(UTC).date()
    parts, figures = {}, ""
    if options.oracle:
        result = szz_eval.measure(options.oracle, options.clones, options.off_limits, options.published, say)
        parts[szz_report.ORACLE], figures = szz_report.judged(result, today), szz_report.as_json(result, today)
    if options.time:
        parts[szz_report.SPEED] = szz_report.timed([szz_eval.timing(path) for path in options.time], today)
    for part, text in parts.items():
        if options.output:
            szz_report.put(options.output, part, text)
        else:
            print(text)
    if options.output and figures:
        files.put(options.output.with_suffix(".json"), figures)
    return 0


def _train(options: argparse.Namespace) -> int:
    from automl_codex import files

    files.check_directory(options.output)  # before the work
    files.check_report(options.eval_report)
    if options.models:
        return _train_models(options)
    if options.base_model:
        raise UsageError("--base-model is what lora starts from; name that family with --models lora, or leave it out")
    if options.family != "forest":
        return _train_family(options)
    if options.words:
        raise UsageError("--words is read by the families boosting, stack and blend; name one with --family")
    from datetime import UTC, datetime

    from automl_codex import evaluate, mine, release, tables, train
    from codex_gate import gates

    asked = gates.find(Path(), options.gates)
    search = _search_of(options)
    data = tables.read(options.input)
    corpus = evaluate.Corpus.of(mine.read_corpus(options.corpus)) if options.corpus else evaluate.Corpus.of_tables(data)
    recipe, tuning = train.Recipe(seed=options.seed), None
    with watched(options) as andon:
        if search:
            from automl_codex import choose, tune

            rows, _ = release.split(data, corpus)
            evaluate.refuse_short(rows, corpus)  # before the search, not behind it
            chosen = choose.choose(rows, corpus, recipe, search, options.trials, say, tune.N_JOBS if options.parallel is None else options.parallel)
            recipe, tuning = chosen.recipe, chosen.facts | {"table": chosen.trials}
        corpus_option = f"--corpus {options.corpus} " if options.corpus else ""
        made_by = f"--input {options.input} {corpus_option}--output {options.output}"
        release_ = release.make(data, corpus, recipe, datetime.now(UTC).date(), options.accept_missed, say, tuning, made_by)
        if report := _beside(options):
            release.write_report(release.judged(release_, corpus, options.seed, datetime.now(UTC).date(), say), report)
        _settle(release_.report, asked, andon, options)
    release.ship(release_, options.output)
    say(f"{release_.version} written to {options.output}")
    return 0


def _beside(options: argparse.Namespace) -> Path | None:
    """Where a report is wanted beside the one in the model directory, None for nowhere."""
    wanted: Path | None = options.eval_report
    return wanted if wanted and wanted.resolve() != (options.output / "evaluation.json").resolve() else None


def _settle(report: Mapping[str, Any], asked: Gates, andon: Andon, options: argparse.Namespace) -> None:
    """Hold an evaluation against the gates.

    Raises:
        HaltedError: a gate is missed; the models stay where they are.
    """
    from automl_codex import gating
    from codex_gate.errors import HaltedError

    try:
        gating.settle(gating.of_evaluation(report, asked, str(options.output)), asked, andon)
    except HaltedError as error:
        left = "was left as it is" if options.output.exists() else "was not written"
        raise HaltedError(f"{error}; {options.output} {left}") from error


def _train_models(options: argparse.Namespace) -> int:
    """Families on verified rows; 5 where the base model of one cannot be had and the others were trained."""
    from dataclasses import replace

    from automl_codex import examples, row_models
    from codex_gate import gates

    if options.family != "forest" or options.words or options.corpus or options.accept_missed or options.parallel is not None or options.trials:
        raise UsageError(
            "--models trains on verified rows; leave out --family, --words, --corpus, --accept-missed, --parallel and --trials, which are of mined tables"
        )
    base_model = options.base_model or "microsoft/codebert-base"
    asked = row_models.named(options.models, base_model, _search_of(options), options.seed)
    lacking = ""
    if "lora" in asked.models:
        try:
            need_torch("lora")
            from automl_codex import lora

            lora.base(base_model)
        except UsageError as error:
            lacking = str(error)
            asked = replace(asked, models={name: ranges for name, ranges in asked.models.items() if name != "lora"})
            if not asked.models:
                raise
            say(f"{lacking}; lora is left out, the others are trained")
    thresholds = gates.find(Path(), options.gates)
    trained_on_rows(examples.read(options.input), asked, options.output, thresholds, options, eval_report=options.eval_report)
    return 5 if lacking else 0


def _train_family(options: argparse.Namespace) -> int:
    from automl_codex import evaluate, families, mine, release, tables, train
    from automl_codex.words import Words
    from codex_gate.errors import HaltedError

    if not options.words:
        raise UsageError(f"--family {options.family} reads what changes say; give the output of automl-codex words with --words DIR")
    of_forest = {
        "--strategy": options.strategy,
        "--n-trials": options.n_trials,
        "--time-budget": options.time_budget,
        "--patience": options.patience,
        "--parallel": options.parallel,
        "--trials": options.trials,
        "--accept-missed": options.accept_missed or None,
        "--gates": options.gates,
    }
    if given := [name for name, value in of_forest.items() if value is not None]:
        is_, it = ("is", "it") if len(given) == 1 else ("are", "them")
        raise UsageError(f"{', '.join(given)} {is_} of the forest, which ships; leave {it} out for --family {options.family}")
    data = tables.read(options.input)
    corpus = evaluate.Corpus.of(mine.read_corpus(options.corpus)) if options.corpus else evaluate.Corpus.of_tables(data)
    rows, _ = corpus.split(data)
    report = families.make(options.family, rows, corpus, Words.read(options.words), train.Recipe(seed=options.seed), options.output, say)
    if options.eval_report:
        release.write_report(report, options.eval_report)
    if "refused" in report:
        raise HaltedError(str(report["refused"]))
    say(f"{options.family} written to {options.output}; the runtime does not read it")
    return 0


def _search_of(options: argparse.Namespace) -> AutoMLConfig | None:
    """The search that was asked for, None for none; nothing but options is looked at, so that a wrong one costs no time."""
    given = {"n_trials": options.n_trials, "time_budget_minutes": options.time_budget, "early_stopping_patience": options.patience}
    given = {name: value for name, value in given.items() if value is not None}
    if not options.strategy:
        if given or options.parallel is not None or options.trials:
            raise UsageError("--n-trials, --time-budget, --patience, --parallel and --trials are of a search; name one with --strategy tpe|smac|random|grid")
        return None
    if options.parallel is not None and options.parallel < 1:
        raise UsageError(f"--parallel must be >= 1, got {options.parallel}")
    from automl_codex import tune

    return tune.AutoMLConfig(options.strategy, **given)


def _adapt(options: argparse.Namespace) -> int:
    import tempfile

    from automl_codex import files, prior, retrain
    from codex_gate.git import Repository
    from codex_gate.model import Model, default_directory

    files.check_directory(options.output)
    retrain.refuse_installed(options.output)
    prior.refuse_retrained(options.output)
    repo = Repository.discover(options.repo, os.environ)
    with tempfile.TemporaryDirectory() as work, chosen("--model", options.model):
        made = prior.adapt(repo, Model.load(options.model or default_directory()), options.labels, Path(work), say, _policy(repo).keep)
    model = prior.ship(made, options.output)
    print(f"{options.output}: {model.version}, log-odds moved by {made.shift:+.2f}, base rate {model.base_rate:.3f}")
    told = f"{made.share:.0%} of the newest {made.counted:,} changes of program text say that they fix something"
    print(
        told
        + (
            f"; {made.buggy} of {made.labels} labelled commits are buggy, {made.buggy / made.labels:.0%}: their mean risk was {made.before:.3f} and is {made.after:.3f}"
            if made.labels
            else ""
        )
    )
    if not made.labels:
        say(
            "by the messages alone: in later years than those that were learned from this made percentages no better (docs/calibration.md); labels of commits drawn at random do (--labels)"
        )
    if made.labels and prior.surprises(made.buggy, made.expected):
        say(
            f"without labels {made.expected:.1f} of these {made.labels} would be expected to be buggy: right if they were drawn at random, far off if the bugs were picked"
        )
    say(_put_to_use(options.output, repo))
    return 0


def _policy(repo: Repository) -> Policy:
    """What the repository's configuration looks at, as a screen reads it from the work tree.

    Raises:
        ConfigError: the configuration cannot be read, or holds what does not fit.
    """
    from codex_gate import config
    from codex_gate.policy import Policy

    return Policy(config.load(config.find(repo, None, os.environ.get("CODEX_GATE_CONFIG") or None), os.environ, {}))


def _put_to_use(output: Path, repo: Repository) -> str:
    """What to do with a model that was written for a repository."""
    top = (repo.top or repo.git_dir).resolve()
    if not output.resolve().is_relative_to(top):
        return f"codex-gate screen --model {output} uses it"
    return f"models: {output.resolve().relative_to(top).as_posix()} in .codex-gate.yaml puts it to use, in CI once both are on the base branch"


def _evaluate(options: argparse.Namespace) -> int:
    of_report = {
        "--corpus": options.corpus,
        "--labels": options.labels,
        "--unseen": options.unseen or None,
        "--threshold": options.threshold,
        "--seed": options.seed,
    }
    judged = bool(options.report or options.html)
    if judged + options.check + bool(options.output) > 1:
        raise UsageError("--report and --html judge a model, --check and --output compute its own evaluation again; take one of the three at a time")
    alone = [name for name, value in of_report.items() if value is not None]
    if alone and not judged:
        raise UsageError(f"{', '.join(alone)} shape{'s' if len(alone) == 1 else ''} the report of a model; say where it goes with --report FILE or --html FILE")
    with chosen("--model", options.model):
        return _judge(options) if judged else _check(options) if options.check else _reevaluate(options)


def _judge(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from automl_codex import assess, evaluate, files, mine, report_html, tables
    from codex_gate.model import Model

    threshold = 0.5 if options.threshold is None else options.threshold
    if not 0 <= threshold <= 1:
        raise UsageError(f"--threshold is a risk and must lie in [0, 1], got {threshold:g}")
    for path in (options.report, options.html):
        files.check_report(path)
    seed = 42 if options.seed is None else options.seed
    model, data = Model.load(options.model), tables.read(options.input)
    if options.corpus:
        data = evaluate.Corpus.of(mine.read_corpus(options.corpus)).within(data)
    if options.labels:
        data = assess.relabelled(data, mine.read_labels(options.labels))
    found = assess.assess(model, data, str(options.input), threshold, seed, datetime.now(UTC).date(), say, options.unseen)
    for path, text in ((options.report, found.to_json), (options.html, lambda: report_html.render(found))):
        if path:
            files.put(path, text())
    print(assess.summary(found), end="")
    return 0


def _check(options: argparse.Namespace) -> int:
    from automl_codex import release, tables

    release.refuse_one_repository(options.model)  # before its tables are asked for
    found = release.check(options.model, tables.read(options.input), say)
    for line in found.differences:
        print(line)
    verdict = f"{len(found.differences)} of them differ" if found.differences else "all as recorded"
    print(
        f"{found.figures} figures of the time-safe table computed again, {verdict}; largest difference {found.largest:.6f}, tolerated {release.CHECK_TOLERANCE}"
    )
    return 1 if found.differences else 0


def _reevaluate(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from automl_codex import files, release, tables

    files.check_report(options.output)
    release.refuse_one_repository(options.model)
    report = release.reevaluate(options.model, tables.read(options.input), datetime.now(UTC).date(), say)
    if options.output:
        release.write_report(report, options.output)
    else:
        print(release.as_json(report), end="")
    missed = release.blocking_gates(report)
    if missed:
        say(f"automl-codex: {missed}")
    return 1 if missed else 0


def _retrain(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from automl_codex import files, release, retrain
    from codex_gate import gates
    from codex_gate.git import Repository

    files.check_directory(options.output)
    files.check_report(options.eval_report)
    asked = gates.find(options.repo, options.gates)
    repo = Repository.discover(options.repo, os.environ)
    wanted = retrain.Asked(repo, options.output, options.base, options.work, options.seed, options.feedback, _policy(repo))
    with watched(options) as andon:
        with chosen("--base", options.base), chosen("--output", options.output):
            made = retrain.make(wanted, datetime.now(UTC).date(), say)
        print(retrain.summary(made.report), end="", flush=True)
        if report := _beside(options):
            release.write_report(made.report, report)
        _settle(made.report, asked, andon, options)
    if retrain.is_in_use(made, options.output):
        say(f"{made.version} is what lies in {options.output} already; nothing was written")
        return 0
    retrain.ship(made, options.output)
    say(f"{made.version} written to {options.output}")
    say(_put_to_use(options.output, repo))
    return 0


def _monitor(options: argparse.Namespace) -> int:
    import time

    from automl_codex import monitor, pipeline_config
    from codex_gate import gates, watch
    from codex_gate.reporters.drift import SUFFIXES

    asked = gates.find(Path(), options.gates)
    if options.config:
        asked = gates.with_monitoring(asked, pipeline_config.load(options.config).monitoring, str(options.config))
    given = options.alert_threshold
    threshold = watch.checked(given, "--alert-threshold") if given is not None else asked.drift.kl_threshold
    with chosen("--model", options.model):
        report = monitor.compare(options.model, options.input, options.baseline, asked.drift.monitoring_window, threshold, os.environ, int(time.time()))
    name = options.format or (SUFFIXES.get(options.output.suffix.lower(), "yaml") if options.output else "yaml")
    return report_drift(report, asked, options.output, name, options)


def _lines(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from automl_codex import lines, lines_report

    read = lines.read(options.input)
    report = lines.report(read, options.seed, say) | lines_report.origin(options.input, options.seed, datetime.now(UTC).date())
    if options.output:
        lines.install(lines.build(read, lines_report.facts(report)), options.output)
        say(f"line ranker written to {options.output}")
    if options.eval_report:
        lines_report.write(report, options.eval_report)
    else:
        print(lines_report.markdown(report), end="")
    return 0


COMMANDS: dict[str, Command] = {
    "mine": _mine,
    "words": _words,
    "common-words": _common_words,
    "szz-eval": _szz_eval,
    "train": _train,
    "adapt": _adapt,
    "evaluate": _evaluate,
    "retrain": _retrain,
    "monitor": _monitor,
    "lines": _lines,
}
