"""All stages in order, from one configuration: what is to be made, what is missing for it, and the steps.

Everything that the file names is looked for before the first stage starts, and all that is missing is said at once. `--fallback` takes the embedded
default where there is one and leaves the rest out; either is said, neither is silent. A stage that this version cannot run is never part of a plan.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from automl_codex import augment, eda, gating, generate, rust, stages, transpile, verify
from automl_codex.pipeline_config import Config
from codex_gate.errors import UsageError
from codex_gate.gates import Gates, with_monitoring

FOLDERS = {"generate": "raw", "augment": "augmented", "transpile": "transpiled", "verify": "verified"}  # as §9.1 names them
_UNTRAINED = "a run trains no model on verified rows yet"
_NO_STAGE_5 = "stage 5 is left out"


@dataclass(frozen=True, slots=True)
class Missing:
    """What the configuration names and is not here: key and value, what is the matter, and what `--fallback` does (None: there is no way round)."""

    key: str
    value: str
    matter: str
    instead: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """One stage with its partitions, its maker, and how many processes it may take."""

    stage: stages.Stage
    works: list[stages.Work]
    make: stages.Maker
    parallel: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The options of every stage; `told` is what to say before the start, a line each."""

    generate: generate.Options
    augment: augment.Options
    transpile: transpile.Options
    verify: verify.Options
    parallel: Mapping[str, int]
    folder: Path
    told: tuple[str, ...]

    def steps(self) -> Iterator[Step]:
        """The stages in order; each is laid out when its turn comes, since its partitions are those of the one before."""
        raw, augmented, transpiled, verified = (self.folder / name for name in FOLDERS.values())
        seed = self.generate.seed
        yield Step(self.generate.stage(raw), self.generate.works(), generate.Maker(self.generate), self.parallel["generate"])
        yield Step(self.augment.stage(augmented, seed), self.augment.works(raw), augment.Maker(self.augment, raw, seed), self.parallel["augment"])
        make = transpile.Maker(self.transpile, augmented)
        yield Step(self.transpile.stage(transpiled, seed), self.transpile.works(augmented), make, self.parallel["transpile"])
        last = self.verify.stage(verified, seed)
        yield Step(last, self.verify.works(transpiled), verify.Maker(self.verify, transpiled, last), self.parallel["verify"])

    def after(self, stage: str) -> list[str]:
        """The stages behind one."""
        names = list(FOLDERS)
        return names[names.index(stage) + 1 :]


def with_flags(config: Config, flags: Mapping[str, Any]) -> Config:
    """The configuration with the flags that were given (not None) in place of its own values.

    Raises:
        UsageError: a strategy of augmentation that is empty or stands twice.
    """
    given = {name: value for name, value in flags.items() if value is not None}

    def over(section: Mapping[str, Any], **keys: str) -> dict[str, Any]:
        return {**section, **{key: given[flag] for key, flag in keys.items() if flag in given}}

    augmentation = over(config.augmentation, quality_threshold="quality_threshold", factor="eda_factor", smote_k="smote_k")
    if "augmentation" in given:
        named = augment.Options.of(given["augmentation"], 1, augment.MIN_THRESHOLD).strategies
        known = config.augmentation.get("strategies", {})
        augmentation["strategies"] = {name: known.get(name, {}) for name in named}
    verification = over(config.verification, timeout_ms="timeout_ms")
    if "oracle" in given:
        verification["oracle"] = given["oracle"].split("+")
    return replace(
        config,
        generation=over(config.generation, grammar="grammar", strategy="strategy", count="count", max_depth="max_depth", seed="seed"),
        augmentation=augmentation,
        transpilation=over(config.transpilation, transpiler="transpiler", timeout_ms="timeout_ms"),
        verification=verification,
    )


def plan(config: Config, folder: Path, gates: Gates, fallback: bool = False, parallel: int | None = None) -> Plan:
    """What is to be run.

    Args:
        folder: where the stages' folders lie. parallel: processes of every stage (default: the file's for transpile, 1 for the others).
    Raises:
        UsageError: a value that a stage refuses, or something that the configuration names and is not here; all of it is named.
    """
    with_monitoring(gates, config.monitoring, config.name)
    made = generate.Options(**config.generation)
    augmented = _augmentation(config)
    gating.check_options(gates, augmented.factor, augmented.quality_threshold)
    oracles = tuple(config.verification.get("oracle", verify.Options().oracles))
    judged = verify.Options(oracles, config.verification.get("timeout_ms", verify.TIMEOUT_MS))
    missing = [*_missing_tools(config), *_missing_models(config)]
    if any(part.instead is None or not fallback for part in missing):
        raise UsageError(_refusal(config.name, missing, fallback))
    told = [f"{part.key}: {part.value}: {part.matter}; {part.instead}" for part in missing]
    name, limit = config.transpilation.get("transpiler", transpile.DEFAULT), config.transpilation.get("timeout_ms", transpile.TIMEOUT_MS)
    translated = transpile.Options.of(name, limit, fallback)
    processes = dict.fromkeys(FOLDERS, parallel or 1) | {"transpile": parallel or config.transpilation.get("parallel", 1)}
    return Plan(made, augmented, translated, judged, processes, folder, (*told, *augmented.told(), *_left_out(config)))


def _augmentation(config: Config) -> augment.Options:
    """The options of stage 2.

    Raises:
        UsageError: a value that the stage refuses, or factors that differ.
    """
    keys = config.augmentation
    strategies = keys.get("strategies", {name: {} for name in augment.Options().strategies})
    factors = {"factor": keys["factor"]} if "factor" in keys else {name: below["factor"] for name, below in strategies.items() if "factor" in below}
    if len(set(factors.values())) > 1:
        shown = ", ".join(f"{name} {factor}" for name, factor in factors.items())
        raise UsageError(f"{config.name}: augmentation has the factors {shown}; every strategy makes as many variants, so give one factor")
    factor = next(iter(factors.values()), augment.Options().factor)
    neighbours = keys.get("smote_k", strategies.get(augment.SMOTE, {}).get("k_neighbors"))
    found = augment.Options.of("+".join(strategies), factor, keys.get("quality_threshold", augment.MIN_THRESHOLD), neighbours)
    below = strategies.get("eda", {})
    return replace(found, probabilities=eda.Probabilities(**{key.removesuffix("_prob"): value for key, value in below.items() if key.endswith("_prob")}))


def _missing_tools(config: Config) -> Iterator[Missing]:
    name = config.transpilation.get("transpiler", transpile.DEFAULT)
    try:
        transpile.named(name)
    except UsageError as error:
        instead, matter = None, str(error)
        if name in transpile.TRANSPILERS and name != transpile.DEFAULT:
            matter = "it is not on PATH" if not shutil.which(name) else matter
            instead = f"{_default_transpiler()} is taken" if _default_transpiler() else None
        yield Missing("transpilation.transpiler", name, matter, instead)
    try:
        rust.compiler()
    except UsageError as error:
        yield Missing("transpilation, verification", "rustc", str(error), None)


def _default_transpiler() -> str:
    """The embedded default's version; empty where it is not installed."""
    try:
        return transpile.named(transpile.DEFAULT)[1].version
    except UsageError:
        return ""


def _missing_models(config: Config) -> Iterator[Missing]:
    models = config.training.get("models", {})
    if models:
        yield Missing(
            "training.models",
            ", ".join(models),
            f"{_UNTRAINED} (automl-codex train learns from mined history, teach trains a lora teacher on them)",
            _NO_STAGE_5,
        )
    for name, below in models.items():
        base = below.get("base_model")
        if base and not Path(base).is_dir():
            yield Missing(f"training.models.{name}.base_model", base, "it is no folder here, and nothing is fetched", _NO_STAGE_5)


def _refusal(name: str, missing: list[Missing], fallback: bool) -> str:
    """What is missing, three lines each, and what to do."""
    lines = [f"{name} names what is not here, so nothing was started"]
    for part in missing:
        lines += [f"  {part.key}: {part.value}", f"      {part.matter}", f"      with --fallback: {part.instead or 'the same, nothing can stand in for it'}"]
    blocked = any(part.instead is None for part in missing)
    return "\n".join([*lines, f"install it or change the file{'' if blocked or fallback else ', or take --fallback'}"])


def _left_out(config: Config) -> Iterator[str]:
    """Stages of the specification that no run of this version holds."""
    if not config.training.get("models"):
        yield f"training, stage 5: {_UNTRAINED}; left out"
    yield "distillation: it needs a teacher; left out, run automl-codex teach, logits and distill on the verified rows"
    yield f"monitoring, stage 6: it needs a model and new commits; left out, run automl-codex monitor --config {config.name}"
