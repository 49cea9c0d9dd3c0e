"""The commands of teachers, students and the linear model of kinds: their rows, their vocabulary, their training."""

from __future__ import annotations

import argparse
import os

from automl_codex.commands import Command, need_torch, say
from codex_gate.errors import UsageError


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
    say(f"{len(found):,} rows written to {options.output} ({parts})")
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
    say(f"{teacher.name} written to {options.output}")
    return 0


def _logits(options: argparse.Namespace) -> int:
    _ready(options)
    from automl_codex import examples, logits, lora, progress

    teacher = lora.load(options.model)
    path = logits.write(options.output, examples.read(options.input), teacher, progress.Bar("logits", unit="rows"))
    say(f"answers of {teacher.name} written to {path}")
    return 0


def _distill(options: argparse.Namespace) -> int:
    _ready(options)
    from datetime import UTC, datetime

    from automl_codex import distill, distillation, examples, logits, progress
    from codex_gate.tokenise import Vocabulary

    loss = distill.DistillationLoss(options.temperature, options.alpha)
    for told in loss.unusual:
        say(told)
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
    need_torch(str(options.command))
    if options.threads < 1:
        raise UsageError(f"threads must be >= 1, got {options.threads}")
    from automl_codex import fitting

    fitting.use_threads(options.threads)


COMMANDS: dict[str, Command] = {
    "vocabulary": _vocabulary,
    "rows": _rows,
    "kinds": _kinds,
    "teach": _teach,
    "logits": _logits,
    "distill": _distill,
}
