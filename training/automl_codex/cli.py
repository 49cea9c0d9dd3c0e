"""`automl-codex`: the offline commands, and the only place where their errors become exit codes.

Exit codes: 0 done · 1 a gate missed · 2 wrong use, configuration or input · 3 our fault · 4 halted by a gate · 5 done in part.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codex_gate import __version__, szz
from codex_gate.errors import GateError, UsageError

if TYPE_CHECKING:
    from automl_codex.examples import Example
    from automl_codex.pipeline import Plan
    from automl_codex.pipeline_config import Config
    from automl_codex.row_models import Asked
    from automl_codex.stages import Engine, Maker, Stage, Work
    from automl_codex.tune import AutoMLConfig
    from automl_codex.verify import Maker as VerifyMaker
    from codex_gate.andon import Andon
    from codex_gate.gates import Gates
    from codex_gate.watch import DriftReport


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if vars(options).get("engine") == "dask":  # workers were started in other folders
        for name in {"input", "output"} & set(vars(options)):
            setattr(options, name, vars(options)[name].absolute())
    try:
        code: int = options.run(options)
    except GateError as error:
        print(f"automl-codex: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("automl-codex: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `automl-codex … | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (PermissionError, FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:  # a path that does not serve
        if os.environ.get("CODEX_GATE_DEBUG"):
            raise
        _say(f"automl-codex: {error.filename or 'a file'} cannot be read or written: {error.strerror or error}")
        return 2
    except Exception as error:  # the last resort: a sentence in place of a traceback
        if os.environ.get("CODEX_GATE_DEBUG"):
            raise
        _say(f"automl-codex: internal error, {type(error).__name__}: {error}; set CODEX_GATE_DEBUG=1 to see where, and please report it")
        return 3
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="automl-codex", description="Make synthetic programs and train codex-gate's models from labelled history.")
    parser.add_argument("--version", action="version", version=f"automl-codex {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    generate = commands.add_parser("generate", help="stage 1: write programs of a grammar, each with inputs on which it ran")
    generate.add_argument("--grammar", default="python", help="python, or python-core, the part whose Rust mostly compiles (default: python)")
    generate.add_argument("--strategy", default="coverage", help="exhaustive, random, coverage, swarm or boundary (default: coverage)")
    generate.add_argument("--count", type=int, default=100_000, help="programs to write (default: 100000)")
    generate.add_argument("--max-depth", type=int, default=5, help="deepest nesting of an expression (default: 5)")
    generate.add_argument("--seed", type=int, default=42)
    _stage_options(generate)
    generate.set_defaults(run=_generate)
    augment = commands.add_parser("augment", help="stage 2: variants and mutants of the programs, judged by running them")
    augment.add_argument("--input", type=Path, required=True, help="output of generate")
    augment.add_argument("--strategy", default="eda+mutation", help="eda, template, mutation, smote, joined by + (default: eda+mutation)")
    augment.add_argument("--eda-factor", type=int, default=5, help="variants of each program by each strategy, 1 to 10 (default: 5)")
    augment.add_argument(
        "--smote-k", type=int, metavar="K", help="with smote: neighbours of a mutant of a rare category, one of which gives it a subtree (default: 5)"
    )
    augment.add_argument("--quality-threshold", type=float, default=0.75, help="lowest quality of a variant that is kept, .75 to 1 (default: .75)")
    augment.add_argument("--seed", type=int, help="refuse input of another seed (default: that of the input)")
    _stage_options(augment)
    augment.set_defaults(run=_augment)
    transpile = commands.add_parser("transpile", help="stage 3: the variants as Rust, and whether rustc takes it")
    transpile.add_argument("--input", type=Path, required=True, help="output of augment")
    transpile.add_argument("--transpiler", default="py2many", help="py2many or depyler (default: py2many)")
    transpile.add_argument("--fallback", action="store_true", help="take py2many where the named transpiler is not installed")
    transpile.add_argument("--timeout-ms", type=int, default=5000, help="longest translation of a program (default: 5000)")
    transpile.add_argument("--seed", type=int, help="refuse input of another seed (default: that of the input)")
    _stage_options(transpile)
    transpile.set_defaults(run=_transpile)
    verify = commands.add_parser("verify", help="stage 4: run both sides on the same inputs, compare, label")
    verify.add_argument("--input", type=Path, required=True, help="output of transpile")
    verify.add_argument("--oracle", default="io+ast", help="io, ast, dataflow, joined by + (default: io+ast)")
    verify.add_argument("--timeout-ms", type=int, default=5000, help="longest run of the Rust on an input (default: 5000)")
    verify.add_argument("--seed", type=int, help="refuse input of another seed (default: that of the input)")
    verify.add_argument(
        "--budget", type=int, metavar="N", help="run N pairs at most, those first that are likeliest to fail; a later run goes on (default: all of them)"
    )
    _stage_options(verify)
    verify.set_defaults(run=_verify)
    run = commands.add_parser("run", help="all stages in order, from a configuration; goes on where it stopped")
    run.add_argument("--config", type=Path, default=Path("automl-codex.yaml"), metavar="FILE", help="what to make (default: %(default)s); flags win over it")
    run.add_argument("--fallback", action="store_true", help="take the embedded default where what the file names is not here, and leave out what has none")
    run.add_argument("--grammar", help="python or python-core")
    run.add_argument("--strategy", help="how programs are drawn, as for generate")
    run.add_argument("--count", type=int, help="programs to write")
    run.add_argument("--max-depth", type=int, help="deepest nesting of an expression")
    run.add_argument("--seed", type=int, help="seed of all stages")
    run.add_argument("--augmentation", metavar="STRATEGIES", help="strategies of augment, joined by +")
    run.add_argument("--eda-factor", type=int, help="variants of each program by each strategy")
    run.add_argument("--smote-k", type=int, metavar="K", help="neighbours of a mutant, for the strategy smote")
    run.add_argument("--quality-threshold", type=float, help="lowest quality of a variant that is kept")
    run.add_argument("--transpiler", help="py2many or depyler")
    run.add_argument("--oracle", help="oracles of verify, joined by +")
    run.add_argument("--timeout-ms", type=int, help="longest translation of a program, and longest run of its Rust on an input")
    run.add_argument("--new-commits", type=Path, metavar="DIR", help="what monitoring holds against the verified rows: a git repository, or rows of a screen")
    run.add_argument(
        "--output", type=Path, default=Path("data"), help="folder for those of the stages: raw, augmented, transpiled, verified, models, alerts (default: data)"
    )
    _engine_options(run, "processes of every stage (default: the file's for transpile, 1 for the others)")
    _gate_options(run)
    run.add_argument(
        "--shard",
        default="1/1",
        metavar="I/N",
        help="make every N-th partition of each stage from the I-th on, and stop with 5 where the next stage waits for other shards",
    )
    run.add_argument("--budget", type=int, metavar="N", help="pairs that verify runs at most, as for verify (default: all of them)")
    run.set_defaults(run=_run, export_py=None)
    vocabulary = commands.add_parser("vocabulary", help="the student's vocabulary, counted in program text")
    vocabulary.add_argument("repositories", nargs="*", type=Path, metavar="REPO", help="clones whose newest commit is counted, up to 8 MB of each")
    vocabulary.add_argument("--input", type=Path, action="append", default=[], metavar="DIR", help="a stage's folder to count too; may be repeated")
    vocabulary.add_argument("--size", type=int, default=24_000, help="tokens at most (default: 24000)")
    vocabulary.add_argument("--output", type=Path, required=True, metavar="FILE", help="the vocabulary, a JSON file")
    vocabulary.set_defaults(run=_vocabulary)
    rows = commands.add_parser("rows", help="rows to learn kinds of defects from: verified pairs, commits that were read, and unread ones")
    rows.add_argument("--input", type=Path, action="append", default=[], metavar="DIR", help="output of augment or of verify; may be repeated")
    rows.add_argument("--generated", type=int, metavar="N", help="changes of --input at most, kinds alike as far as they go (default: all of them)")
    rows.add_argument("--commits", type=Path, metavar="DIR", help="folder of repositories.csv and commits.csv (see training/categories)")
    rows.add_argument("--clones", type=Path, metavar="DIR", help="where the clones of those repositories lie, named OWNER+NAME")
    rows.add_argument(
        "--unread",
        type=int,
        default=0,
        metavar="N",
        help="commits at most of each repository that nobody read, for a student to learn a teacher's answers on (default: 0)",
    )
    rows.add_argument("--seed", type=int, default=42, help="draws the generated and the unread (default: 42)")
    rows.add_argument("--output", type=Path, required=True, help="folder for the rows, which teach and logits take as --input")
    rows.set_defaults(run=_rows)
    kinds = commands.add_parser("kinds", help="the linear model of kinds of defects, from commits that were read, and how each tier weighs its members")
    kinds.add_argument("--commits", type=Path, required=True, metavar="DIR", help="folder of repositories.csv and commits.csv (see training/categories)")
    kinds.add_argument("--clones", type=Path, required=True, metavar="DIR", help="where the clones of those repositories lie, named OWNER+NAME")
    kinds.add_argument("--answers", type=Path, metavar="DIR", help="output of logits on rows of unread commits, to learn from too")
    kinds.add_argument("--student", type=Path, metavar="DIR", help="output of distill, for tiers 2 and 3; it is put beside the model")
    kinds.add_argument("--seed", type=int, default=42)
    kinds.add_argument("--output", type=Path, required=True, help="directory of models")
    kinds.set_defaults(run=_kinds)
    teach = commands.add_parser("teach", help="train a teacher: a pre-trained encoder, fine-tuned by LoRA on verified rows")
    teach.add_argument("--input", type=Path, required=True, help="output of rows, or of verify")
    teach.add_argument("--output", type=Path, required=True, help="folder of the teacher, whose name is its own; an interrupted run goes on")
    teach.add_argument("--base-model", default="microsoft/codebert-base", help="name on a hub, directory, or installed package (default: %(default)s)")
    teach.add_argument("--rank", type=int, default=16, help="of LoRA (default: 16)")
    teach.add_argument("--alpha", type=int, default=32, help="of LoRA (default: 32)")
    teach.add_argument("--dropout", type=float, default=0.1, help="of LoRA and of the heads (default: .1)")
    teach.add_argument(
        "--balance", type=float, default=0.0, metavar="POWER", help="weigh a kind by its inverse share to this power, 0 to 1 (default: 0, all changes alike)"
    )
    teach.add_argument("--no-tfidf", action="store_true", help="do not fit TF-IDF with logistic regression to be judged beside the teacher")
    teach.add_argument("--limit", type=int, default=128, help="tokens that it reads of a change, 16 to 512 (default: 128)")
    _fitting_options(teach, epochs=2, batch_size=16)
    teach.set_defaults(run=_teach)
    logits = commands.add_parser("logits", help="let a teacher answer on verified rows, for a student to learn from")
    logits.add_argument("--model", type=Path, required=True, metavar="TEACHER", help="folder of a teacher")
    logits.add_argument("--input", type=Path, required=True, help="output of rows, or of verify")
    logits.add_argument("--output", type=Path, required=True, help="folder for one file of each teacher; an interrupted run goes on")
    logits.add_argument("--threads", type=int, default=1, help="of the processor (default: 1)")
    logits.set_defaults(run=_logits)
    distill = commands.add_parser("distill", help="a small student out of the answers of teachers, as ONNX in int8, judged beside them")
    distill.add_argument("--input", type=Path, required=True, help="output of logits, of one teacher or more")
    distill.add_argument("--labelled", type=Path, metavar="DIR", help="output of rows that no teacher was asked about, to learn from by their labels alone")
    distill.add_argument("--output", type=Path, required=True, help="folder of the student; an interrupted run goes on")
    distill.add_argument("--num-teachers", type=int, metavar="N", help="teachers that there must be (default: those that there are)")
    distill.add_argument("--weights", type=float, nargs="+", default=[], metavar="W", help="of the teachers in the order of their files (default: all alike)")
    distill.add_argument("--temperature", type=float, default=3.0, help="the higher, the more a teacher's small answers count (default: 3)")
    distill.add_argument("--alpha", type=float, default=0.7, help="share of the teachers' answers in the loss, the rest is the labels' (default: .7)")
    distill.add_argument("--kind", default="transformer", help="transformer, or bag, which knows no order (default: transformer)")
    distill.add_argument("--layers", type=int, default=2, help="of a transformer, 1 to 6 (default: 2)")
    distill.add_argument("--limit", type=int, default=128, help="tokens that it reads of a change, 16 to 512 (default: 128)")
    distill.add_argument(
        "--fill-epochs",
        type=int,
        default=0,
        metavar="N",
        help="epochs of filling in tokens that were taken away, before the teachers are learned from (default: 0)",
    )
    distill.add_argument("--no-tfidf", action="store_true", help="do not fit TF-IDF with logistic regression to be judged beside the student")
    distill.add_argument("--vocabulary", type=Path, metavar="FILE", help="output of vocabulary (default: grown from the rows to train on)")
    _fitting_options(distill, epochs=10, batch_size=32)
    distill.set_defaults(run=_distill)
    stats = commands.add_parser("stats", help="the funnel: what each stage made, counted and rejected")
    stats.add_argument("folder", type=Path, help="a stage's folder, or the folder that holds those of several stages")
    stats.set_defaults(run=_stats)
    mine = commands.add_parser("mine", help="features of labelled commits, as Parquet: labels by SZZ, or from outside")
    mine.add_argument("repositories", nargs="*", type=Path, metavar="REPO", help="clones to mine, each into a table of its own")
    mine.add_argument(
        "--labels", type=Path, help="take labels from a CSV with columns sha, buggy and optionally fix_time, project; with --corpus the folder of such files"
    )
    mine.add_argument("--szz", default=szz.DEFAULT, choices=tuple(szz.VARIANTS), help="how to label without --labels (default: %(default)s)")
    mine.add_argument("--project", help="name the table so, and take only rows of this project from the labels")
    mine.add_argument("--since", metavar="DATE", help="leave out commits before this day (UTC)")
    mine.add_argument("--until", metavar="DATE", help="leave out commits after this day (UTC); a later fix of an earlier commit counts, with its time")
    mine.add_argument("--corpus", type=Path, help="a corpus file: mine every project of it (the models that ship)")
    mine.add_argument("--clones", type=Path, help="with --corpus: folder with the clones, named OWNER+NAME")
    mine.add_argument(
        "--unit",
        default="commit",
        choices=("commit", "pull-request"),
        help="what a row is: a commit, or a merge or squash on the first-parent line with all that it brought (default: %(default)s)",
    )
    mine.add_argument("--output", type=Path, required=True, help="folder for the tables; an interrupted run goes on where it stopped")
    mine.set_defaults(run=_mine)
    words = commands.add_parser("words", help="what the commits of mined tables say, as counts of hashed terms, for the families of train that read text")
    words.add_argument("--corpus", type=Path, required=True, help="the corpus file that the tables were mined by")
    words.add_argument("--clones", type=Path, required=True, help="folder with the clones, named OWNER+NAME")
    words.add_argument("--input", type=Path, default=Path("training/data"), help="folder with mined tables (default: %(default)s)")
    words.add_argument("--output", type=Path, required=True, help="folder for the terms; an interrupted run goes on with the next table")
    words.set_defaults(run=_words)
    judge = commands.add_parser("szz-eval", help="judge the labeller by what developers said (the oracle of Rosa et al. 2021)")
    judge.add_argument("--oracle", type=Path, help="bugfix_commits_all.json of the replication package")
    judge.add_argument("--clones", type=Path, help="with --oracle: folder with clones, named OWNER+NAME; fixes of others are left out")
    judge.add_argument("--published", type=Path, help="folder with the package's unpacked json-output.zip: its tools on the same fixes")
    judge.add_argument("--off-limits", type=Path, default=Path("training/off-limits.txt"), help="list of repositories to leave out (default: %(default)s)")
    judge.add_argument("--time", type=Path, action="append", default=[], metavar="CLONE", help="time the labelling of this whole history; may be repeated")
    judge.add_argument(
        "--output", type=Path, help="write the tables into this page, between its marks, and those of --oracle beside it as JSON (default: print)"
    )
    judge.set_defaults(run=_szz_eval)
    train = commands.add_parser("train", help="train, evaluate and ship the risk model")
    train.add_argument("--input", type=Path, required=True, help="folder with mined tables")
    train.add_argument(
        "--corpus",
        type=Path,
        help="corpus file: repository, end of labels and role of each project (default: each table is a repository to train on, to its newest row)",
    )
    train.add_argument("--output", type=Path, required=True, help="model directory, replaced only when the gates are met")
    train.add_argument("--eval-report", type=Path, help="write the evaluation here, also when a gate is missed (default: only into the model directory)")
    train.add_argument(
        "--accept-missed", action="append", default=[], choices=("auc_over_lapredict", "pooled_ece"), help="ship although this gate is missed; the card says so"
    )
    train.add_argument("--seed", type=int, default=42)
    train.add_argument(
        "--family",
        default="forest",
        choices=("forest", "boosting", "stack", "blend"),
        help="what to train: the forest that the runtime reads, boosted trees on TF-IDF of what a change says, a stack or the mean of both (default: %(default)s)",
    )
    train.add_argument("--words", type=Path, metavar="DIR", help="output of words, for the families that read text")
    train.add_argument("--strategy", choices=("tpe", "smac", "random", "grid"), help="search for the forest's recipe first (default: no search)")
    train.add_argument("--n-trials", type=int, metavar="N", help="with --strategy: trials of the search (default: 50)")
    train.add_argument(
        "--time-budget",
        type=float,
        metavar="MINUTES",
        help="with --strategy: no trial starts later (default: 60); evaluating and fitting what was found come on top",
    )
    train.add_argument("--patience", type=int, metavar="N", help="with --strategy: end after so many trials without a better one (default: 5)")
    train.add_argument(
        "--models", metavar="NAME,...", help="families to train on verified rows (--input an output of verify or rows): random_forest, gradient_boosting, lora"
    )
    train.add_argument(
        "--base-model",
        default="microsoft/codebert-base",
        help="with --models lora: name on a hub, directory, or installed package (default: %(default)s); where it cannot be had the others are trained, and the exit code is 5",
    )
    train.add_argument("--parallel", type=int, metavar="N", help="with --strategy: trials at once (default: 2); another number tries other points")
    train.add_argument(
        "--trials",
        type=Path,
        metavar="FILE",
        help="with --strategy: log of trials, from which a run that was cut off goes on (default: one for each search below reports/tuning)",
    )
    _gate_options(train)
    train.set_defaults(run=_train)
    adapt = commands.add_parser("adapt", help="the model with its probabilities moved to a repository it never saw, by its messages or by some labels")
    adapt.add_argument("--repo", type=Path, default=Path(), help="the repository (default: the current directory)")
    adapt.add_argument("--model", type=Path, help="directory of the model to move (default: the shipped one)")
    adapt.add_argument("--labels", type=Path, metavar="FILE", help="labels of some commits, 20 or more, as mine takes them (default: go by the messages alone)")
    adapt.add_argument("--output", type=Path, required=True, help="model directory to write")
    adapt.set_defaults(run=_adapt)
    evaluate = commands.add_parser(
        "evaluate",
        help="judge a model on labelled commits, or compute the evaluation that it came with again",
        epilog="exit codes: 0 done, 1 a gate missed or figures that differ, 2 wrong use or input",
    )
    evaluate.add_argument("--model", type=Path, required=True, help="model directory")
    evaluate.add_argument("--input", type=Path, default=Path("training/data"), help="folder with mined tables (default: %(default)s)")
    evaluate.add_argument("--report", type=Path, metavar="FILE", help="judge the model as it is on the tables, and write the report there as JSON")
    evaluate.add_argument("--html", type=Path, metavar="FILE", help="the same report as one page with plots")
    evaluate.add_argument(
        "--corpus", type=Path, metavar="FILE", help="for the report: leave out rows after the end of labels that this corpus file gives their project"
    )
    evaluate.add_argument(
        "--labels", type=Path, metavar="FILE", help="for the report: labels of a CSV (sha, buggy, optionally fix_time) in place of the tables' own"
    )
    evaluate.add_argument("--unseen", action="store_true", help="for the report: leave out the commits that the model learned from")
    evaluate.add_argument("--threshold", type=float, metavar="RISK", help="for the report: a risk above it counts as a flag (default: .5)")
    evaluate.add_argument("--seed", type=int, metavar="N", help="for the report: of its shuffles and its bootstrap (default: 42)")
    evaluate.add_argument(
        "--check", action="store_true", help="compute the time-safe table that came with the model again and name what differs; trains forests for it"
    )
    evaluate.add_argument(
        "--output", type=Path, help="without --report, --html, --check: compute the whole evaluation again and write it here (default: print)"
    )
    evaluate.set_defaults(run=_evaluate)
    retrain = commands.add_parser(
        "retrain",
        help="blend the shipped model with this repository's own history, if that is better for certain",
        epilog="exit codes: 0 written, 2 wrong use or a history that teaches too little, 4 refused, the old model stays",
    )
    retrain.add_argument("--repo", type=Path, default=Path(), help="the repository to learn from, with its full history (default: here)")
    retrain.add_argument("--output", type=Path, required=True, help="model directory, replaced as a whole and only when the new model is better")
    retrain.add_argument("--base", type=Path, metavar="DIR", help="the model to blend with (default: the shipped one)")
    retrain.add_argument(
        "--work", type=Path, metavar="DIR", help="where mining goes on after an interruption (default: codex-gate/retrain in the git directory)"
    )
    retrain.add_argument(
        "--eval-report", type=Path, help="write the evaluation here, also when the new model is refused (default: only into the model directory)"
    )
    retrain.add_argument("--feedback", type=Path, metavar="FILE", help="what people said, as codex-gate feedback writes it; fixes tell who was right")
    retrain.add_argument("--seed", type=int, default=42)
    _gate_options(retrain)
    retrain.set_defaults(run=_retrain)
    monitor = commands.add_parser(
        "monitor", help="stage 6: whether new commits are still like a baseline", epilog="exit codes: 0 no drift, 1 drift, 2 wrong use or input"
    )
    monitor.add_argument("--model", type=Path, required=True, help="model directory, its manifest, or a file in it")
    monitor.add_argument(
        "--input", type=Path, required=True, help="the new commits: a git repository, or a folder of jsonl rows (codex-gate screen --format jsonl)"
    )
    monitor.add_argument("--baseline", type=Path, required=True, help="what they are compared with: the same, or a stage folder with categories")
    monitor.add_argument(
        "--alert-threshold",
        type=float,
        metavar="KL",
        help="KL divergence of the categories that alone decides (default: that of the gates file, else calibrated)",
    )
    monitor.add_argument("--output", type=Path, help="write there in place of standard output")
    monitor.add_argument("--format", choices=("yaml", "json", "markdown", "html", "terminal"), help="default: by the name of --output, else yaml")
    monitor.add_argument("--config", type=Path, metavar="FILE", help="an automl-codex.yaml whose monitoring section is read")
    _gate_options(monitor)
    monitor.set_defaults(run=_monitor)
    lines = commands.add_parser("lines", help="judge the line ranker on labelled lines, and train the one that ships")
    lines.add_argument("--input", type=Path, required=True, help="CSV of labelled changed lines: project, file, ctype, sha, line, label, idx")
    lines.add_argument("--output", type=Path, help="a model directory: put the ranker into it and its manifest")
    lines.add_argument("--eval-report", type=Path, help="write the tables here: Markdown, or JSON where the name ends so (default: standard output)")
    lines.add_argument("--seed", type=int, default=42, help="of the bootstrap intervals")
    lines.set_defaults(run=_lines)
    return parser


def _fitting_options(command: argparse.ArgumentParser, epochs: int, batch_size: int) -> None:
    command.add_argument("--epochs", type=int, default=epochs, help="default: %(default)s")
    command.add_argument("--batch-size", type=int, default=batch_size, help="default: %(default)s")
    command.add_argument("--learning-rate", type=float, default=5e-4, help="the highest, after the warm-up (default: .0005)")
    command.add_argument("--seed", type=int, default=42)
    command.add_argument("--threads", type=int, default=1, help="of the processor; with more the last bits may differ from run to run (default: 1)")


def _stage_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, required=True, help="folder of the stage; partitions that are there and up to date are kept")
    _engine_options(parser, "processes (default: 1); the result is the same for any number")
    parser.add_argument("--shard", default="1/1", metavar="I/N", help="make every N-th partition from the I-th on; all shards together are the whole")
    parser.add_argument("--export-py", type=Path, metavar="DIR", help="also write every program as a .py file")
    _gate_options(parser)


def _engine_options(parser: argparse.ArgumentParser, parallel: str) -> None:
    parser.add_argument("--parallel", type=int, metavar="N", help=parallel)
    parser.add_argument("--engine", choices=("local", "dask"), default="local", help="where partitions are made: here, or on a Dask cluster (default: local)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="with --engine dask: the cluster's scheduler, such as tcp://HOST:8786; it must run already")


def _gate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--gates", type=Path, metavar="FILE", help="thresholds (default: automl-codex-quality.toml of the current directory, where there is one)"
    )
    parser.add_argument(
        "--andon-log", type=Path, default=Path("reports/andon.jsonl"), metavar="FILE", help="where a broken gate is noted, a line each (default: %(default)s)"
    )


@contextmanager
def _watched(options: argparse.Namespace) -> Iterator[Andon]:
    """The cord of this run: prints and logs what is pulled, also that a training failed; says at the end what could not be passed on."""
    import time

    from codex_gate import andon
    from codex_gate.errors import TrainingFailure

    cord = andon.Andon(andon.DefaultAndonHandler(lambda text: _say(f"automl-codex: {text}")), andon.JsonLinesHandler(options.andon_log, time.time))
    try:
        yield cord
    except TrainingFailure as error:
        cord.pull(andon.TrainingFailure(str(error), where=options.command, remedy="what was there before stays"))
        raise
    finally:
        for problem in cord.problems:
            _say(f"automl-codex: {problem}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def _engine(options: argparse.Namespace, parallel: int = 1) -> Iterator[Engine]:
    """Where partitions are made; `parallel` processes here, unless the options say otherwise.

    Raises:
        UsageError: fewer than one process, options that do not go together, or a cluster that cannot be used.
    """
    from automl_codex import stages

    if options.engine == "local":
        if options.scheduler:
            raise UsageError("--scheduler is of --engine dask; give both or neither")
        yield stages.Local(parallel if options.parallel is None else options.parallel)
        return
    if options.parallel is not None:
        raise UsageError("--parallel is of --engine local; the workers of the cluster decide how many partitions are made at once")
    from automl_codex import cluster

    with cluster.Dask(options.scheduler or "") as found:
        yield found


def _generate(options: argparse.Namespace) -> int:
    from automl_codex import generate

    wanted = generate.Options(options.grammar, options.strategy, options.count, options.max_depth, options.seed)
    with _engine(options) as engine:
        return _run_stage(wanted.stage(options.output), wanted.works(), generate.Maker(wanted), engine, options)


def _augment(options: argparse.Namespace) -> int:
    from automl_codex import augment, gating, stages
    from codex_gate import gates

    wanted = augment.Options.of(options.strategy, options.eda_factor, options.quality_threshold, options.smote_k)
    gating.check_options(gates.find(Path(), options.gates), wanted.factor, wanted.quality_threshold)
    seed = int(stages.manifest_of(options.input, "generate", options.seed)["seed"])
    for line in wanted.told():
        _say(line)
    maker = augment.Maker(wanted, options.input, seed)
    with _engine(options) as engine:
        return _run_stage(wanted.stage(options.output, seed), wanted.works(options.input), maker, engine, options)


def _transpile(options: argparse.Namespace) -> int:
    from automl_codex import stages, transpile

    wanted = transpile.Options.of(options.transpiler, options.timeout_ms, options.fallback)
    if wanted.transpiler != options.transpiler:
        _say(f"{options.transpiler} is not on PATH; taking {wanted.version}")
    seed = int(stages.manifest_of(options.input, "augment", options.seed)["seed"])
    with _engine(options) as engine:
        return _run_stage(wanted.stage(options.output, seed), wanted.works(options.input), transpile.Maker(wanted, options.input), engine, options)


def _verify(options: argparse.Namespace) -> int:
    from automl_codex import stages, verify

    wanted = verify.Options.of(options.oracle, options.timeout_ms)
    seed = int(stages.manifest_of(options.input, "transpile", options.seed)["seed"])
    stage, works = wanted.stage(options.output, seed), wanted.works(options.input)
    make = verify.Maker(wanted, options.input, stage)
    with _engine(options) as engine:
        if options.budget is not None:
            return _run_budget(stage, works, make, engine, options)
        return _run_stage(stage, works, make, engine, options)


def _run_budget(stage: Stage, works: Sequence[Work], make: VerifyMaker, engine: Engine, options: argparse.Namespace) -> int:
    from automl_codex import budget, progress, stages
    from codex_gate import gates

    asked = gates.find(Path(), options.gates)
    run = budget.Run(stage, works, make.options, make.source, options.budget, engine, stages.shard_of(options.shard))
    engine.share(make.source / stages.MANIFEST)
    manifest, done = run(_say, progress.Bar("survey"), progress.Bar("verify", unit="pairs"))
    code = _settled(stage, manifest, asked, options)
    for line in done.lines():
        _say(line)
    return code


def _run(options: argparse.Namespace) -> int:
    from automl_codex import budget, pipeline, pipeline_config, stages, verify
    from codex_gate import gates
    from codex_gate.errors import HaltedError

    if options.parallel is not None:
        stages.Local(options.parallel)  # refuses what cannot be meant before anything is read, as the next lines do
    stages.shard_of(options.shard)
    if options.budget is not None:
        budget.check(options.budget)
    config = pipeline.with_flags(pipeline_config.load(options.config), vars(options))
    plan = pipeline.plan(config, options.output, gates.find(Path(), options.gates), options.fallback, options.parallel)
    for line in plan.told:
        _say(line)
    for step in plan.steps():
        behind = ", ".join(plan.after(step.stage.name)) or "nothing"
        try:
            with _engine(options, step.parallel) as engine:
                if options.budget is not None and isinstance(step.make, verify.Maker):
                    code = _run_budget(step.stage, step.works, step.make, engine, options)
                else:
                    code = _run_stage(step.stage, step.works, step.make, engine, options)
        except HaltedError as error:
            raise HaltedError(f"{error}; not run after {step.stage.name}: {behind}") from error
        if code:
            _say(f"automl-codex: stopped after {step.stage.name} by its gate, not run: {behind}; the same command goes on from there")
            return code
        if plan.after(step.stage.name) and (missing := stages.missing(step.stage, step.works)):
            _say(
                f"automl-codex: shard {options.shard} of {step.stage.name} is done, {missing} of {len(step.works)} partitions are other shards'; not run: {behind}"
            )
            _say("the same command goes on once they are made")
            return 5
    return _run_models(plan, config, options)


def _run_models(plan: Plan, config: Config, options: argparse.Namespace) -> int:
    """Stages 5 and 6 of a run, where they are asked for; the first whose gate breaks ends it."""
    from automl_codex import examples, monitor, pipeline
    from codex_gate import gates
    from codex_gate.errors import HaltedError
    from codex_gate.model import default_directory

    asked, verified = gates.find(Path(), options.gates), plan.folder / pipeline.FOLDERS["verify"]
    if plan.training:
        try:
            _trained_on_rows(
                examples.read(verified), plan.training, plan.folder / pipeline.MODELS, (config.evaluation, config.name, "evaluation"), asked, options
            )
        except HaltedError as error:
            raise HaltedError(f"{error}; not run after {pipeline.TRAIN}: {', '.join(plan.after(pipeline.TRAIN)) or 'nothing'}") from error
    if plan.new_commits:
        asked = pipeline.watched(asked, config)
        drift = asked.drift
        found = monitor.compare(default_directory(), plan.new_commits, verified, drift.monitoring_window, drift.kl_threshold, os.environ, _say)
        return _report_drift(found, asked, plan.folder / pipeline.DRIFT, "yaml", options)
    return 0


def _run_stage(stage: Stage, works: Sequence[Work], make: Maker, engine: Engine, options: argparse.Namespace) -> int:
    from automl_codex import progress, stages
    from codex_gate import gates

    asked = gates.find(Path(), options.gates)  # before the work: a gates file that cannot be meant must not cost an hour
    shard = stages.shard_of(options.shard)
    if source := vars(options).get("input"):
        engine.share(source / stages.MANIFEST)
    return _settled(stage, stages.run(stage, works, make, engine, shard, progress.Bar(stage.name)), asked, options)


def _settled(stage: Stage, manifest: Mapping[str, Any], asked: Gates, options: argparse.Namespace) -> int:
    """Show what was made, and hold it against the gates."""
    from automl_codex import gating, stages, stats

    print(stats.funnel(stage.folder, manifest), end="")
    if options.export_py:
        _say(f"{stages.export_py(stage.folder, options.export_py)} files in {options.export_py}")
    with _watched(options) as andon:
        return gating.settle(gating.of_stage(manifest, asked, str(stage.folder)), asked, andon)


def _vocabulary(options: argparse.Namespace) -> int:
    from itertools import chain

    from automl_codex import vocabulary
    from codex_gate.git import Repository

    clones = [Repository.discover(path, os.environ) for path in options.repositories]
    texts = chain(*map(vocabulary.of_stage, options.input), *map(vocabulary.of_repository, clones))
    grown = vocabulary.grow(texts, options.size)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    grown.vocabulary.write(options.output)
    print(vocabulary.summary(grown, options.output, options.size), end="")
    return 0


def _trained_on_rows(
    rows: Sequence[Example], asked: Asked, folder: Path, wanted: tuple[Mapping[str, Any], str, str], thresholds: Gates, options: argparse.Namespace
) -> Mapping[str, Any]:
    """Families on verified rows, shown and held against the least values that are wanted, with the file and the section that these stand in; their report.

    Raises:
        HaltedError: a value is missed; the models stay where they are, with their report.
    """
    from automl_codex import gating, row_models

    with _watched(options) as andon:
        report = row_models.run(rows, asked, folder, _say)
        print(row_models.summary(report, folder), end="", flush=True)
        gating.settle(gating.of_rows(report["measured"], wanted[0], str(folder), *wanted[1:]), thresholds, andon)
    return report


def _rows(options: argparse.Namespace) -> int:
    from automl_codex import commits, examples

    if not options.input and options.commits is None:
        raise UsageError("there is nothing to make rows of; give --input, --commits, or both")
    if options.commits is not None and options.clones is None:
        raise UsageError("--commits names commits of repositories; give --clones, the folder that holds their clones")
    if options.unread < 0:
        raise UsageError(f"unread must be >= 0, got {options.unread}")
    if options.unread and options.commits is None:
        raise UsageError("--unread draws from the repositories of --commits; give --commits as well")
    if options.generated is not None and (options.generated < 1 or not options.input):
        raise UsageError(f"--generated must be >= 1 and draws from --input, got {options.generated} and {len(options.input)} folders")
    found = [row for folder in options.input for row in examples.read(folder)]
    if options.generated is not None:
        found = examples.drawn(examples.distinct(found), options.generated, options.seed)
    if options.commits is not None:
        found += commits.read(options.commits, options.clones, options.unread, options.seed, os.environ, options.commits.parent / "off-limits.txt")
    found = examples.distinct(found)
    if not found:
        raise UsageError("no row came of them; name more commits, or give --unread")
    examples.write_rows(options.output / examples.ROWS, found)
    parts = ", ".join(f"{part} {counted.get('rows', 0):,}" for part, counted in examples.counts(found).items())
    _say(f"{len(found):,} rows written to {options.output} ({parts})")
    return 0


def _kinds(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from automl_codex import commits, kinds, progress
    from automl_codex.split import VALIDATION

    known = commits.sources(options.commits)
    found = kinds.read(options.commits, options.clones, os.environ, options.commits.parent / "off-limits.txt")
    student = kinds.opened_student(options.student, options.output) if options.student else None
    validation = {name for name, source in known.items() if commits.part_of(source) == VALIDATION}
    bar = progress.Bar("kinds", unit="fits")
    beside = None
    if options.answers is not None:
        from automl_codex import logits

        read = {str(commit.sha) for commit in found.commits}
        beside = kinds.taught(logits.read(options.answers), read, options.clones, os.environ, options.seed)
    chosen = kinds.choose(found, beside, student, validation, options.seed, lambda done, of: bar(done, of, 0))
    if student is not None and len(chosen.tiers) == 1:
        raise UsageError(f"no repository in {options.commits} is of the validation part, so a student cannot be weighed; add some, or leave --student out")
    model = kinds.fit(found.buckets, found.kinds, chosen.setting, options.seed, beside)
    facts = {
        "date": str(datetime.now(UTC).date()),
        "seed": options.seed,
        "commits": len(found.commits),
        "repositories": len(set(found.repositories)),
        "taught": len(beside.shas) if beside else 0,
    }
    version = kinds.write(options.output, model, chosen, found, beside, student.version if student else None, facts)
    print(kinds.summary(version, found, chosen, options.output), end="")
    return 0


def _teach(options: argparse.Namespace) -> int:
    _ready(options)
    from automl_codex import examples, judging, lora, progress

    recipe = lora.Recipe(
        options.base_model, options.rank, options.alpha, options.dropout, options.limit, options.epochs, options.batch_size, options.learning_rate, options.seed,
        options.balance,
    )  # fmt: skip
    rows = examples.read(options.input)
    bar = progress.Bar("teach", unit="steps")
    teacher = lora.train(rows, recipe, options.output, options.output.resolve().name, lambda done, of, kept, _: bar(done, of, kept))
    print(judging.beside(rows, f"teacher {teacher.name}", teacher.logits, options.seed, not options.no_tfidf), end="")
    _say(f"{teacher.name} written to {options.output}")
    return 0


def _logits(options: argparse.Namespace) -> int:
    _ready(options)
    from automl_codex import examples, logits, lora, progress

    teacher = lora.load(options.model)
    path = logits.write(options.output, examples.read(options.input), teacher, progress.Bar("logits", unit="rows"))
    _say(f"answers of {teacher.name} written to {path}")
    return 0


def _distill(options: argparse.Namespace) -> int:
    _ready(options)
    from datetime import UTC, datetime

    from automl_codex import distill, distillation, examples, logits, progress
    from codex_gate.tokenise import Vocabulary

    loss = distill.DistillationLoss(options.temperature, options.alpha)
    for told in loss.unusual:
        _say(told)
    recipe = distillation.Recipe(
        loss,
        options.kind,
        options.layers,
        options.limit,
        options.epochs,
        options.batch_size,
        options.learning_rate,
        options.seed,
        tuple(options.weights),
        options.fill_epochs,
    )
    words = Vocabulary.read(options.vocabulary) if options.vocabulary else None
    answers = logits.read(options.input, options.num_teachers)
    labelled = examples.read(options.labelled) if options.labelled else []
    bar = progress.Bar("distill", unit="steps")
    found = distillation.run(
        answers, words, recipe, options.output, datetime.now(UTC).date(), lambda done, of, kept, _: bar(done, of, kept), not options.no_tfidf, labelled
    )
    print(distillation.summary(found, options.output), end="")
    return 0


def _ready(options: argparse.Namespace) -> None:
    """PyTorch and its companions, with the threads that were asked for.

    Raises:
        UsageError: one of them is not installed, or less than one thread.
    """
    _need_torch(str(options.command))
    if options.threads < 1:
        raise UsageError(f"threads must be >= 1, got {options.threads}")
    from automl_codex import fitting

    fitting.use_threads(options.threads)


def _need_torch(what: str) -> None:
    from automl_codex.row_models import absent

    if missing := absent():
        raise UsageError(f"{what} needs {', '.join(missing)}, which the extra [train] brings: pip install 'codex-gate[train]'")


def _stats(options: argparse.Namespace) -> int:
    from automl_codex import stats

    print(stats.of(options.folder), end="")
    return 0


def _mine(options: argparse.Namespace) -> int:
    from automl_codex import mine

    if options.corpus:
        if options.repositories or options.until or options.project or not options.clones:
            raise UsageError("--corpus takes --clones DIR; projects and their last days come from the file, so no repository, --project or --until beside it")
        mine.mine_corpus(options.corpus, options.clones, options.labels, options.output, _say, options.szz, options.unit, options.since)
        return 0
    if options.labels and options.unit == mine.PULLS:
        raise UsageError("--labels are of commits; leave it out for --unit pull-request, whose labels come from SZZ")
    if not options.repositories:
        raise UsageError("name a repository to mine, or give --corpus FILE")
    jobs = mine.jobs_of(options.repositories, options.project, options.labels, options.szz, options.since, options.until, options.unit)
    return mine.mine_all(jobs, options.output, _say)


def _words(options: argparse.Namespace) -> int:
    from automl_codex import words

    words.collect(options.corpus, options.clones, options.input, options.output, _say)
    return 0


def _adapt(options: argparse.Namespace) -> int:
    import tempfile

    from automl_codex import prior
    from codex_gate.git import Repository
    from codex_gate.model import Model, default_directory

    repo = Repository.discover(options.repo, os.environ)
    with tempfile.TemporaryDirectory() as work:
        made = prior.adapt(repo, Model.load(options.model or default_directory()), options.labels, Path(work), _say)
    model = prior.ship(made, options.output)
    print(f"{options.output}: {model.version}, log-odds moved by {made.shift:+.2f}, base rate {model.base_rate:.3f}")
    told = f"{made.share:.0%} of the newest {made.counted:,} changes of program text say that they fix something"
    print(told + (f"; {made.buggy} of {made.labels} labelled commits are buggy" if options.labels else ""))
    return 0


def _szz_eval(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from automl_codex import szz_eval, szz_report

    if not options.oracle and not options.time:
        raise UsageError("nothing to measure; give --oracle FILE with --clones DIR, or --time CLONE")
    if options.oracle and not options.clones:
        raise UsageError("--oracle takes --clones DIR, the folder with the clones of its repositories")
    today = datetime.now(UTC).date()
    parts = {}
    if options.oracle:
        result = szz_eval.measure(options.oracle, options.clones, options.off_limits, options.published, _say)
        parts[szz_report.ORACLE] = szz_report.judged(result, today)
        if options.output:
            options.output.with_suffix(".json").write_text(szz_report.as_json(result, today), "utf-8")
    if options.time:
        parts[szz_report.SPEED] = szz_report.timed([szz_eval.timing(path) for path in options.time], today)
    for part, text in parts.items():
        if options.output:
            szz_report.put(options.output, part, text)
        else:
            print(text)
    return 0


def _train(options: argparse.Namespace) -> int:
    if options.models:
        return _train_models(options)
    if options.family != "forest":
        return _train_family(options)
    if options.words:
        raise UsageError("--words is read by the families boosting, stack and blend; name one with --family")
    from datetime import UTC, datetime

    from automl_codex import evaluate, gating, mine, release, tables, train
    from codex_gate import gates
    from codex_gate.errors import HaltedError

    asked = gates.find(Path(), options.gates)
    search = _search_of(options)
    data = tables.read(options.input)
    corpus = evaluate.Corpus.of(mine.read_corpus(options.corpus)) if options.corpus else evaluate.Corpus.of_tables(data)
    recipe, tuning = train.Recipe(seed=options.seed), None
    with _watched(options) as andon:
        if search:
            from automl_codex import choose

            rows, _ = release.split(data, corpus)
            chosen = choose.choose(rows, corpus, recipe, search, options.trials, _say, 2 if options.parallel is None else options.parallel)
            recipe, tuning = chosen.recipe, chosen.facts | {"table": chosen.trials}
        release_ = release.make(data, corpus, recipe, datetime.now(UTC).date(), options.accept_missed, _say, tuning)
        if options.eval_report and options.eval_report.resolve() != (options.output / "evaluation.json").resolve():
            release.write_report(release_.report, options.eval_report)
        try:
            gating.settle(gating.of_evaluation(release_.report, asked, str(options.output)), asked, andon)
        except HaltedError as error:
            raise HaltedError(f"{error}; {options.output} was left as it is") from error
    release.ship(release_, options.output)
    _say(f"{release_.version} written to {options.output}")
    return 0


def _train_models(options: argparse.Namespace) -> int:
    """Families on verified rows; 5 where the base model of one cannot be had and the others were trained."""
    from dataclasses import replace

    from automl_codex import examples, release, row_models
    from codex_gate import gates

    if options.family != "forest" or options.words or options.corpus or options.accept_missed or options.parallel is not None or options.trials:
        raise UsageError(
            "--models trains on verified rows; leave out --family, --words, --corpus, --accept-missed, --parallel and --trials, which are of mined tables"
        )
    asked = row_models.named(options.models, options.base_model, _search_of(options), options.seed)
    lacking = ""
    if "lora" in asked.models:
        try:
            _need_torch("lora")
            from automl_codex import lora

            lora.base(options.base_model)
        except UsageError as error:
            lacking = str(error)
            asked = replace(asked, models={name: ranges for name, ranges in asked.models.items() if name != "lora"})
            if not asked.models:
                raise
            _say(f"{lacking}; lora is left out, the others are trained")
    thresholds = gates.find(Path(), options.gates)
    given = {key: getattr(thresholds.training, key) for key in ("min_auc", "min_f1") if f"training.{key}" in thresholds.given}
    report = _trained_on_rows(examples.read(options.input), asked, options.output, (given, thresholds.source, "training"), thresholds, options)
    if options.eval_report:
        release.write_report(dict(report), options.eval_report)
    return 5 if lacking else 0


def _train_family(options: argparse.Namespace) -> int:
    from automl_codex import evaluate, families, mine, release, tables, train
    from automl_codex.words import Words
    from codex_gate.errors import HaltedError

    if not options.words:
        raise UsageError(f"--family {options.family} reads what changes say; give the output of automl-codex words with --words DIR")
    if options.strategy or options.accept_missed:
        raise UsageError(f"--strategy and --accept-missed are of the forest, which ships; leave them out for --family {options.family}")
    data = tables.read(options.input)
    corpus = evaluate.Corpus.of(mine.read_corpus(options.corpus)) if options.corpus else evaluate.Corpus.of_tables(data)
    rows, _ = corpus.split(data)
    report = families.make(options.family, rows, corpus, Words.read(options.words), train.Recipe(seed=options.seed), options.output, _say)
    if options.eval_report:
        release.write_report(report, options.eval_report)
    if "refused" in report:
        raise HaltedError(str(report["refused"]))
    _say(f"{options.family} written to {options.output}; the runtime reads the forest alone")
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


def _retrain(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from automl_codex import gating, release, retrain
    from codex_gate import gates
    from codex_gate.errors import HaltedError
    from codex_gate.git import Repository

    asked = gates.find(options.repo, options.gates)
    wanted = retrain.Asked(Repository.discover(options.repo, os.environ), options.output, options.base, options.work, options.seed, options.feedback)
    with _watched(options) as andon:
        made = retrain.make(wanted, datetime.now(UTC).date(), _say)
        if options.eval_report and options.eval_report.resolve() != (options.output / "evaluation.json").resolve():
            release.write_report(made.report, options.eval_report)
        print(retrain.summary(made.report), end="", flush=True)
        try:
            gating.settle(gating.of_evaluation(made.report, asked, str(options.output)), asked, andon)
        except HaltedError as error:
            raise HaltedError(f"{error}; {options.output} was left as it is") from error
    retrain.ship(made, options.output)
    _say(f"{made.version} written to {options.output}")
    return 0


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
    return _judge(options) if judged else _check(options) if options.check else _reevaluate(options)


def _judge(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from automl_codex import assess, evaluate, mine, report_html, tables
    from codex_gate.model import Model

    threshold = 0.5 if options.threshold is None else options.threshold
    seed = 42 if options.seed is None else options.seed
    model, data = Model.load(options.model), tables.read(options.input)
    if options.corpus:
        data = evaluate.Corpus.of(mine.read_corpus(options.corpus)).within(data)
    if options.labels:
        data = assess.relabelled(data, mine.read_labels(options.labels))
    found = assess.assess(model, data, str(options.input), threshold, seed, datetime.now(UTC).date(), _say, options.unseen)
    for path, text in ((options.report, found.to_json), (options.html, lambda: report_html.render(found))):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text(), "utf-8")
    print(assess.summary(found), end="")
    return 0


def _check(options: argparse.Namespace) -> int:
    from automl_codex import release, tables

    found = release.check(options.model, tables.read(options.input), _say)
    for line in found.differences:
        print(line)
    verdict = f"{len(found.differences)} of them differ" if found.differences else "all as recorded"
    print(
        f"{found.figures} figures of the time-safe table computed again, {verdict}; largest difference {found.largest:.6f}, tolerated {release.CHECK_TOLERANCE}"
    )
    return 1 if found.differences else 0


def _reevaluate(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from automl_codex import release, tables

    report = release.reevaluate(options.model, tables.read(options.input), datetime.now(UTC).date(), _say)
    if options.output:
        release.write_report(report, options.output)
    else:
        print(release.as_json(report), end="")
    missed = release.blocking_gates(report)
    if missed:
        _say(f"automl-codex: {missed}")
    return 1 if missed else 0


def _monitor(options: argparse.Namespace) -> int:
    from automl_codex import monitor, pipeline_config
    from codex_gate import gates, watch
    from codex_gate.reporters.drift import SUFFIXES

    asked = gates.find(Path(), options.gates)
    if options.config:
        asked = gates.with_monitoring(asked, pipeline_config.load(options.config).monitoring, str(options.config))
    given = options.alert_threshold
    threshold = watch.checked(given, "--alert-threshold") if given is not None else asked.drift.kl_threshold
    report = monitor.compare(options.model, options.input, options.baseline, asked.drift.monitoring_window, threshold, os.environ, _say)
    name = options.format or (SUFFIXES.get(options.output.suffix.lower(), "yaml") if options.output else "yaml")
    return _report_drift(report, asked, options.output, name, options)


def _report_drift(report: DriftReport, asked: Gates, output: Path | None, name: str, options: argparse.Namespace) -> int:
    """Tell the handlers of drift, then write the report; 1 where there is drift and it is to be told."""
    from codex_gate import watch
    from codex_gate.reporters.drift import render

    alert = report.drift and asked.drift.alert_on_drift
    with _watched(options) as andon:
        if alert:  # before the report: a folder that is not writable must not lose it
            andon.check([watch.event(report)])
    text = render(name, report)
    if output is None:
        print(text, end="")
        return int(alert)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}") from error
    return int(alert)


def _lines(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from automl_codex import lines, lines_report

    read = lines.read(options.input)
    report = lines.report(read, options.seed, _say) | lines_report.origin(options.input, options.seed, datetime.now(UTC).date())
    if options.output:
        lines.install(lines.build(read, lines_report.facts(report)), options.output)
        _say(f"line ranker written to {options.output}")
    if options.eval_report:
        lines_report.write(report, options.eval_report)
    else:
        print(lines_report.markdown(report), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
