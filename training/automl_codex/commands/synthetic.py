"""The commands of the synthetic corpus: its four stages, all of them in order with what follows, and the funnel."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl_codex.commands import Command, report_drift, say, trained_on_rows, watched
from codex_gate.errors import UsageError

if TYPE_CHECKING:
    from automl_codex.pipeline import Plan
    from automl_codex.pipeline_config import Config
    from automl_codex.stages import Engine, Maker, Stage, Work
    from automl_codex.verify import Maker as VerifyMaker
    from codex_gate.gates import Gates


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
        say(line)
    maker = augment.Maker(wanted, options.input, seed)
    with _engine(options) as engine:
        return _run_stage(wanted.stage(options.output, seed), wanted.works(options.input), maker, engine, options)


def _transpile(options: argparse.Namespace) -> int:
    from automl_codex import stages, transpile

    wanted = transpile.Options.of(options.transpiler, options.timeout_ms, options.fallback)
    if wanted.transpiler != options.transpiler:
        say(f"{options.transpiler} is not on PATH; taking {wanted.version}")
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
        say(line)
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
            say(f"automl-codex: stopped after {step.stage.name} by its gate, not run: {behind}; the same command goes on from there")
            return code
        if plan.after(step.stage.name) and (missing := stages.missing(step.stage, step.works)):
            say(
                f"automl-codex: shard {options.shard} of {step.stage.name} is done, {missing} of {len(step.works)} partitions are other shards'; not run: {behind}"
            )
            say("the same command goes on once they are made")
            return 5
    return _run_models(plan, config, options)


def _run_models(plan: Plan, config: Config, options: argparse.Namespace) -> int:
    """Stages 5 and 6 of a run, where they are asked for; the first whose gate breaks ends it."""
    import time

    from automl_codex import examples, monitor, pipeline
    from codex_gate import gates
    from codex_gate.errors import HaltedError
    from codex_gate.model import default_directory

    asked, verified = gates.find(Path(), options.gates), plan.folder / pipeline.FOLDERS["verify"]
    if plan.training:
        try:
            trained_on_rows(examples.read(verified), plan.training, plan.folder / pipeline.MODELS, asked, options, (config.evaluation, config.name))
        except HaltedError as error:
            raise HaltedError(f"{error}; not run after {pipeline.TRAIN}: {', '.join(plan.after(pipeline.TRAIN)) or 'nothing'}") from error
    if plan.new_commits:
        asked = pipeline.watched(asked, config)
        drift = asked.drift
        found = monitor.compare(default_directory(), plan.new_commits, verified, drift.monitoring_window, drift.kl_threshold, os.environ, int(time.time()))
        return report_drift(found, asked, plan.folder / pipeline.DRIFT, "yaml", options)
    return 0


def _stats(options: argparse.Namespace) -> int:
    from automl_codex import stats

    print(stats.of(options.folder), end="")
    return 0


def _run_stage(stage: Stage, works: Sequence[Work], make: Maker, engine: Engine, options: argparse.Namespace) -> int:
    from automl_codex import progress, stages
    from codex_gate import gates

    asked = gates.find(Path(), options.gates)  # before the work: a gates file that cannot be meant must not cost an hour
    shard = stages.shard_of(options.shard)
    if source := vars(options).get("input"):
        engine.share(source / stages.MANIFEST)
    return _settled(stage, stages.run(stage, works, make, engine, shard, progress.Bar(stage.name)), asked, options)


def _run_budget(stage: Stage, works: Sequence[Work], make: VerifyMaker, engine: Engine, options: argparse.Namespace) -> int:
    from automl_codex import budget, progress, stages
    from codex_gate import gates

    asked = gates.find(Path(), options.gates)
    run = budget.Run(stage, works, make.options, make.source, options.budget, engine, stages.shard_of(options.shard))
    engine.share(make.source / stages.MANIFEST)
    manifest, done = run(say, progress.Bar("survey"), progress.Bar("verify", unit="pairs"))
    code = _settled(stage, manifest, asked, options)
    for line in done.lines():
        say(line)
    return code


def _settled(stage: Stage, manifest: Mapping[str, Any], asked: Gates, options: argparse.Namespace) -> int:
    """Show what was made, and hold it against the gates."""
    from automl_codex import gating, stages, stats

    print(stats.funnel(stage.folder, manifest), end="")
    if options.export_py:
        say(f"{stages.export_py(stage.folder, options.export_py)} files in {options.export_py}")
    with watched(options) as andon:
        return gating.settle(gating.of_stage(manifest, asked, str(stage.folder)), asked, andon)


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


COMMANDS: dict[str, Command] = {
    "generate": _generate,
    "augment": _augment,
    "transpile": _transpile,
    "verify": _verify,
    "run": _run,
    "stats": _stats,
}
