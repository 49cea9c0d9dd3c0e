"""What can be typed: commands, arguments, options, and what each is for."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from codex_gate import __version__

SZZ = ("b", "ag", "ma", "l", "r", "recent")  # szz.VARIANTS, whose module takes longer to import than the rest of this command line

MAX_SEED = 2**32 - 1

if TYPE_CHECKING:
    from automl_codex.commands import Command

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def parser(run: Mapping[str, Command]) -> argparse.ArgumentParser:
    """The parser of `automl-codex`.

    Args:
        run: by command, what carries it out and gives the exit code.
    """
    whole = argparse.ArgumentParser(prog="automl-codex", description="Make synthetic programs and train codex-gate's models from labelled history.")
    whole.add_argument("--version", action="version", version=f"automl-codex {__version__}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_synthetic(commands, run)
    _add_students(commands, run)
    _add_stats(commands, run)
    _add_models(commands, run)
    return whole


def _add_synthetic(commands: Commands, run: Mapping[str, Command]) -> None:
    """The stages of the synthetic corpus, and all of them in order."""
    generate = commands.add_parser("generate", help="stage 1: write programs of a grammar, each with inputs on which it ran")
    generate.add_argument("--grammar", default="python", help="python, or python-core, the part whose Rust mostly compiles (default: python)")
    generate.add_argument("--strategy", default="coverage", help="exhaustive, random, coverage, swarm or boundary (default: coverage)")
    generate.add_argument("--count", type=int, default=100_000, help="programs to write (default: 100000)")
    generate.add_argument("--max-depth", type=int, default=5, help="deepest nesting of an expression (default: 5)")
    generate.add_argument("--seed", type=_seed, default=42)
    _add_stage(generate)
    generate.set_defaults(run=run["generate"])

    augment = commands.add_parser("augment", help="stage 2: variants and mutants of the programs, judged by running them")
    augment.add_argument("--input", type=Path, required=True, help="output of generate")
    augment.add_argument("--strategy", default="eda+mutation", help="eda, template, mutation, smote, joined by + (default: eda+mutation)")
    augment.add_argument("--eda-factor", type=int, default=5, help="variants of each program by each strategy, 1 to 10 (default: 5)")
    augment.add_argument(
        "--smote-k", type=int, metavar="K", help="with smote: neighbours of a mutant of a rare category, one of which gives it a subtree (default: 5)"
    )
    augment.add_argument("--quality-threshold", type=float, default=0.75, help="lowest quality of a variant that is kept, .75 to 1 (default: .75)")
    _add_later_stage(augment)
    augment.set_defaults(run=run["augment"])

    transpile = commands.add_parser("transpile", help="stage 3: the variants as Rust, and whether rustc takes it")
    transpile.add_argument("--input", type=Path, required=True, help="output of augment")
    transpile.add_argument("--transpiler", default="py2many", help="py2many or depyler (default: py2many)")
    transpile.add_argument("--fallback", action="store_true", help="take py2many where the named transpiler is not installed")
    transpile.add_argument("--timeout-ms", type=int, default=5000, help="longest translation of a program (default: 5000)")
    _add_later_stage(transpile)
    transpile.set_defaults(run=run["transpile"])

    verify = commands.add_parser("verify", help="stage 4: run both sides on the same inputs, compare, label")
    verify.add_argument("--input", type=Path, required=True, help="output of transpile")
    verify.add_argument("--oracle", default="io+ast", help="io, ast, dataflow, joined by + (default: io+ast)")
    verify.add_argument("--timeout-ms", type=int, default=5000, help="longest run of the Rust on an input (default: 5000)")
    verify.add_argument(
        "--budget", type=int, metavar="N", help="run N pairs at most, those first that are likeliest to fail; a later run goes on (default: all of them)"
    )
    _add_later_stage(verify)
    verify.set_defaults(run=run["verify"])

    whole = commands.add_parser("run", help="all stages in order, from a configuration; goes on where it stopped")
    whole.add_argument("--config", type=Path, default=Path("automl-codex.yaml"), metavar="FILE", help="what to make (default: %(default)s); flags win over it")
    whole.add_argument("--fallback", action="store_true", help="take the embedded default where what the file names is not here, and leave out what has none")
    whole.add_argument("--grammar", help="python or python-core")
    whole.add_argument("--strategy", help="how programs are drawn, as for generate")
    whole.add_argument("--count", type=int, help="programs to write")
    whole.add_argument("--max-depth", type=int, help="deepest nesting of an expression")
    whole.add_argument("--seed", type=_seed, help="seed of all stages")
    whole.add_argument("--augmentation", metavar="STRATEGIES", help="strategies of augment, joined by +")
    whole.add_argument("--eda-factor", type=int, help="variants of each program by each strategy")
    whole.add_argument("--smote-k", type=int, metavar="K", help="neighbours of a mutant, for the strategy smote")
    whole.add_argument("--quality-threshold", type=float, help="lowest quality of a variant that is kept")
    whole.add_argument("--transpiler", help="py2many or depyler")
    whole.add_argument("--oracle", help="oracles of verify, joined by +")
    whole.add_argument("--timeout-ms", type=int, help="longest translation of a program, and longest run of its Rust on an input")
    whole.add_argument("--new-commits", type=Path, metavar="DIR", help="what monitoring holds against the verified rows: a git repository, or rows of a screen")
    whole.add_argument(
        "--output", type=Path, default=Path("data"), help="folder for those of the stages: raw, augmented, transpiled, verified, models, alerts (default: data)"
    )
    _add_engine(whole, "processes of every stage (default: the file's for transpile, 1 for the others)")
    _add_gates(whole)
    whole.add_argument(
        "--shard",
        default="1/1",
        metavar="I/N",
        help="make every N-th partition of each stage from the I-th on, and stop with 5 where the next stage waits for other shards",
    )
    whole.add_argument("--budget", type=int, metavar="N", help="pairs that verify runs at most, as for verify (default: all of them)")
    whole.set_defaults(run=run["run"], export_py=None)


def _add_students(commands: Commands, run: Mapping[str, Command]) -> None:
    """Teachers, students, and the linear model of kinds."""
    vocabulary = commands.add_parser("vocabulary", help="the student's vocabulary, counted in program text")
    vocabulary.add_argument("repositories", nargs="*", type=Path, metavar="REPO", help="clones whose newest commit is counted, up to 8 MB of each")
    vocabulary.add_argument("--input", type=Path, action="append", default=[], metavar="DIR", help="a stage's folder to count too; may be repeated")
    vocabulary.add_argument("--size", type=int, default=24_000, help="tokens at most (default: 24000)")
    vocabulary.add_argument("--output", type=Path, required=True, metavar="FILE", help="the vocabulary, a JSON file")
    vocabulary.set_defaults(run=run["vocabulary"])

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
    rows.add_argument("--seed", type=_seed, default=42, help="draws the generated and the unread (default: 42)")
    rows.add_argument("--output", type=Path, required=True, help="folder for the rows, which teach and logits take as --input")
    rows.set_defaults(run=run["rows"])

    kinds = commands.add_parser("kinds", help="the linear model of kinds of defects, from commits that were read, and how each tier weighs its members")
    kinds.add_argument("--commits", type=Path, required=True, metavar="DIR", help="folder of repositories.csv and commits.csv (see training/categories)")
    kinds.add_argument("--clones", type=Path, required=True, metavar="DIR", help="where the clones of those repositories lie, named OWNER+NAME")
    kinds.add_argument("--answers", type=Path, metavar="DIR", help="output of logits on rows of unread commits, to learn from too")
    kinds.add_argument("--student", type=Path, metavar="DIR", help="output of distill, for tiers 2 and 3; it is put beside the model")
    kinds.add_argument("--seed", type=_seed, default=42)
    kinds.add_argument("--output", type=Path, required=True, help="directory of models")
    kinds.set_defaults(run=run["kinds"])

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
    _add_fitting(teach, epochs=2, batch_size=16)
    teach.set_defaults(run=run["teach"])

    logits = commands.add_parser("logits", help="let a teacher answer on verified rows, for a student to learn from")
    logits.add_argument("--model", type=Path, required=True, metavar="TEACHER", help="folder of a teacher")
    logits.add_argument("--input", type=Path, required=True, help="output of rows, or of verify")
    logits.add_argument("--output", type=Path, required=True, help="folder for one file of each teacher; an interrupted run goes on")
    logits.add_argument("--threads", type=int, default=1, help="of the processor (default: 1)")
    logits.set_defaults(run=run["logits"])

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
    _add_fitting(distill, epochs=10, batch_size=32)
    distill.set_defaults(run=run["distill"])


def _add_stats(commands: Commands, run: Mapping[str, Command]) -> None:
    stats = commands.add_parser("stats", help="the funnel: what each stage made, counted and rejected")
    stats.add_argument("folder", type=Path, help="a stage's folder, or the folder that holds those of several stages")
    stats.set_defaults(run=run["stats"])


def _add_models(commands: Commands, run: Mapping[str, Command]) -> None:
    """Labelled history, and the models that come of it."""
    mine = commands.add_parser("mine", help="features of labelled commits, as Parquet: labels by SZZ, or from outside")
    mine.add_argument("repositories", nargs="*", type=Path, metavar="REPO", help="clones to mine, each into a table of its own")
    mine.add_argument(
        "--labels", type=Path, help="take labels from a CSV with columns sha, buggy and optionally fix_time, project; with --corpus the folder of such files"
    )
    mine.add_argument("--szz", default="recent", choices=SZZ, help="how to label without --labels (default: %(default)s)")
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
    mine.set_defaults(run=run["mine"])

    words = commands.add_parser("words", help="what the commits of mined tables say, as counts of hashed terms, for the families of train that read text")
    words.add_argument("--corpus", type=Path, required=True, help="the corpus file that the tables were mined by")
    words.add_argument("--clones", type=Path, required=True, help="folder with the clones, named OWNER+NAME")
    words.add_argument("--input", type=Path, default=Path("training/data"), help="folder with mined tables (default: %(default)s)")
    words.add_argument("--output", type=Path, required=True, help="folder for the terms; an interrupted run goes on with the next table")
    words.set_defaults(run=run["words"])

    common = commands.add_parser("common-words", help="which words that many projects share the commits of mined tables say, for the models that ship")
    common.add_argument("--corpus", type=Path, required=True, help="the corpus file that the tables were mined by")
    common.add_argument("--clones", type=Path, required=True, help="folder with the clones, named OWNER+NAME")
    common.add_argument("--labels", type=Path, help="folder with the label files that the corpus names: only their SHAs are read")
    common.add_argument(
        "--input", type=Path, default=Path("training/data"), help="folder with mined tables, into which words.npz.xz goes (default: %(default)s)"
    )
    common.add_argument("--vocabulary", type=Path, metavar="DIR", help="tables whose words are looked for, in place of what is common here")
    common.set_defaults(run=run["common-words"])

    judge = commands.add_parser("szz-eval", help="judge the labeller by what developers said (the oracle of Rosa et al. 2021)")
    judge.add_argument("--oracle", type=Path, help="bugfix_commits_all.json of the replication package")
    judge.add_argument("--clones", type=Path, help="with --oracle: folder with clones, named OWNER+NAME; fixes of others are left out")
    judge.add_argument("--published", type=Path, help="folder with the package's unpacked json-output.zip: its tools on the same fixes")
    judge.add_argument("--off-limits", type=Path, default=Path("training/off-limits.txt"), help="list of repositories to leave out (default: %(default)s)")
    judge.add_argument("--time", type=Path, action="append", default=[], metavar="CLONE", help="time the labelling of this whole history; may be repeated")
    judge.add_argument(
        "--output", type=Path, help="write the tables into this page, between its marks, and those of --oracle beside it as JSON (default: print)"
    )
    judge.set_defaults(run=run["szz-eval"])

    train = commands.add_parser("train", help="train, evaluate and ship the risk model")
    train.add_argument("--input", type=Path, required=True, help="folder with mined tables")
    train.add_argument(
        "--corpus",
        type=Path,
        help="corpus file: repository, end of labels and role of each project (default: each table is a repository to train on, to its newest row)",
    )
    train.add_argument("--output", type=Path, required=True, help="model directory, replaced only when the gates are met")
    train.add_argument(
        "--eval-report",
        type=Path,
        help="write the EvaluationReport (specification 7.3) on the time-safe test commits here, the whole evaluation in it, also when a gate is missed (default: only into the model directory)",
    )
    train.add_argument(
        "--accept-missed",
        action="append",
        default=[],
        choices=("auc_over_lapredict", "pooled_ece", "brier_skill"),
        help="ship although this gate is missed; the card says so",
    )
    train.add_argument("--seed", type=_seed, default=42)
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
        help="with --models lora: name on a hub, directory, or installed package (default: microsoft/codebert-base); where it cannot be had the others are trained, and the exit code is 5",
    )
    train.add_argument("--parallel", type=int, metavar="N", help="with --strategy: trials at once (default: 2); another number tries other points")
    train.add_argument(
        "--trials",
        type=Path,
        metavar="FILE",
        help="with --strategy: log of trials, from which a run that was cut off goes on (default: one for each search below reports/tuning)",
    )
    _add_gates(train)
    train.set_defaults(run=run["train"])

    adapt = commands.add_parser("adapt", help="the model with its probabilities moved to a repository it never saw, by its messages or by some labels")
    adapt.add_argument("--repo", type=Path, default=Path(), help="the repository (default: the current directory)")
    adapt.add_argument("--model", type=Path, help="directory of the model to move (default: the shipped one)")
    adapt.add_argument(
        "--labels", type=Path, metavar="FILE", help="labels of commits drawn at random, 20 or more, as mine takes them (default: go by the messages alone)"
    )
    adapt.add_argument("--output", type=Path, required=True, help="model directory to write")
    adapt.set_defaults(run=run["adapt"])

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
    evaluate.add_argument("--seed", type=_seed, metavar="N", help="for the report: of its shuffles and its bootstrap (default: 42)")
    evaluate.add_argument(
        "--check", action="store_true", help="compute the time-safe table that came with the model again and name what differs; trains forests for it"
    )
    evaluate.add_argument(
        "--output", type=Path, help="without --report, --html, --check: compute the whole evaluation again and write it here (default: print)"
    )
    evaluate.set_defaults(run=run["evaluate"])

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
    retrain.add_argument("--seed", type=_seed, default=42)
    _add_gates(retrain)
    retrain.set_defaults(run=run["retrain"])

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
    _add_gates(monitor)
    monitor.set_defaults(run=run["monitor"])

    lines = commands.add_parser("lines", help="judge the line ranker on labelled lines, and train the one that ships")
    lines.add_argument("--input", type=Path, required=True, help="CSV of labelled changed lines: project, file, ctype, sha, line, label, idx")
    lines.add_argument("--output", type=Path, help="a model directory: put the ranker into it and its manifest")
    lines.add_argument("--eval-report", type=Path, help="write the tables here: Markdown, or JSON where the name ends so (default: standard output)")
    lines.add_argument("--seed", type=_seed, default=42, help="of the bootstrap intervals")
    lines.set_defaults(run=run["lines"])


def _add_fitting(command: argparse.ArgumentParser, epochs: int, batch_size: int) -> None:
    command.add_argument("--epochs", type=int, default=epochs, help="default: %(default)s")
    command.add_argument("--batch-size", type=int, default=batch_size, help="default: %(default)s")
    command.add_argument("--learning-rate", type=float, default=5e-4, help="the highest, after the warm-up (default: .0005)")
    command.add_argument("--seed", type=_seed, default=42)
    command.add_argument("--threads", type=int, default=1, help="of the processor; with more the last bits may differ from run to run (default: 1)")


def _add_later_stage(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=_seed, help="refuse input of another seed (default: that of the input)")
    _add_stage(parser)


def _add_stage(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, required=True, help="folder of the stage; partitions that are there and up to date are kept")
    _add_engine(parser, "processes (default: 1); the result is the same for any number")
    parser.add_argument("--shard", default="1/1", metavar="I/N", help="make every N-th partition from the I-th on; all shards together are the whole")
    parser.add_argument("--export-py", type=Path, metavar="DIR", help="also write every program as a .py file")
    _add_gates(parser)


def _add_engine(parser: argparse.ArgumentParser, parallel: str) -> None:
    parser.add_argument("--parallel", type=int, metavar="N", help=parallel)
    parser.add_argument("--engine", choices=("local", "dask"), default="local", help="where partitions are made: here, or on a Dask cluster (default: local)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="with --engine dask: the cluster's scheduler, such as tcp://HOST:8786; it must run already")


def _seed(text: str) -> int:
    """A seed that every generator of random numbers takes, numpy's old ones too."""
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value <= MAX_SEED:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 0 to {MAX_SEED}")
    return value


def _add_gates(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--gates", type=Path, metavar="FILE", help="thresholds (default: automl-codex-quality.toml of the current directory, where there is one)"
    )
    parser.add_argument(
        "--andon-log", type=Path, default=Path("reports/andon.jsonl"), metavar="FILE", help="where a broken gate is noted, a line each (default: %(default)s)"
    )
