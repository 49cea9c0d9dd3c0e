"""The tier-1 model behind its manifest: risk, calibrated, with reasons that add up.

`model.json` names every file with size and sha256; nothing is used before it was checked. Nothing here
executes code from a model: a forest is arrays, calibration is a list of knots, ONNX is a graph.
This is the only module that imports onnxruntime, and only when it is asked for.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import stat
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

from codex_gate import scratch
from codex_gate.errors import AGAIN, ConfigError, ModelError
from codex_gate.features import FEATURE_NAMES, FEATURE_SCHEMA, OWN_WORDS, SHOWN_ALONE, UNKNOWN, vector
from codex_gate.forest import Forest
from codex_gate.git import Repository
from codex_gate.own_words import LARGEST, WORDS_FILE, OwnWords, shifted
from codex_gate.types import CommitFeatures, ModelKind

FORMAT: Final = 1
MANIFEST: Final = "model.json"
MAX_MODEL_BYTES: Final = 64 << 20  # a file of a model that is read from a commit (chosen; the shipped forest has 3 MB)
FOREST_FILE: Final = "risk.forest"
ONNX_FILE: Final = "risk.onnx"
_NOTHING: Final = 1e-6  # log-odds; a share of less is a rounding error's
STUDENT_MANIFEST: Final = "student.json"  # where a student lies beside the forest


class Contribution(NamedTuple):
    """A feature, its value (NaN where unknown) and what it adds to the calibrated risk; OWN_WORDS for the words."""

    feature: str
    value: float
    contribution: float


class Slope(NamedTuple):
    """By how much log(1 + measure), counted from `centre`, moves the log-odds."""

    weight: float
    centre: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """A non-decreasing piecewise linear map of raw scores to probabilities, constant beyond its ends.

    `scores` strictly ascending, `risks` not descending, both in [0, 1] and equally long (1 to 50 knots).
    """

    scores: tuple[float, ...]
    risks: tuple[float, ...]

    def __call__(self, score: float) -> float:
        i = bisect_right(self.scores, score)
        if i == 0:
            return self.risks[0]
        if i == len(self.scores):
            return self.risks[-1]
        x0, x1, y0, y1 = self.scores[i - 1], self.scores[i], self.risks[i - 1], self.risks[i]
        return y0 + (y1 - y0) * (score - x0) / (x1 - x0)


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded model directory; make one with `Model.load`.

    `slopes` and `words` move the log-odds that the forest gives: measures by how far their logarithm lies from a centre, and the words of a change.
    """

    directory: Path
    version: str
    feature_names: tuple[str, ...]
    base_rate: float
    calibration: Calibration
    manifest: Mapping[str, Any]
    forest: Forest
    words: OwnWords | None = None
    slopes: Mapping[str, Slope] = field(default_factory=dict)
    _sessions: list[Any] = field(default_factory=list, repr=False)

    @property
    def kind(self) -> ModelKind:
        """What its probabilities were fitted to."""
        return next((kind for kind in (ModelKind.RETRAINED, ModelKind.ADAPTED) if kind in self.manifest), ModelKind.GENERAL)

    @property
    def typical_error(self) -> float | None:
        """By how much the risk was off, in [0, 1], in repositories that the model had not seen (mean of their calibration errors); None when not measured.

        That of an adapted model was not: its evaluation is that of the model before.
        """
        if self.kind is ModelKind.ADAPTED:
            return None
        try:
            mean = json.loads(_bytes_of(self.directory / "evaluation.json"))["time_safe"]["mean"]
            found = float(mean["forest"]["ece"])
        except (OSError, ValueError, LookupError, TypeError):
            return None
        return found if 0 <= found <= 1 else None

    @classmethod
    def load(cls, directory: Path) -> Model:
        """Read the manifest and map the forest after checking both.

        Raises:
            ModelError: a file is missing, truncated, altered or unreadable, or made for another version;
                the message names it.
        """
        manifest = read_manifest(directory)
        where = directory / MANIFEST
        names, calibration = _feature_names(manifest, where), _calibration(manifest, where)
        check_file(directory, manifest, FOREST_FILE)
        forest = Forest.open(directory / FOREST_FILE)
        if directory != default_directory():
            forest.check(str(directory / FOREST_FILE))
        if forest.n_features != len(names):
            raise ModelError(f"{directory / FOREST_FILE} takes {forest.n_features} features, {where} names {len(names)}; {AGAIN}")
        words, slopes = _words(directory, manifest), _slopes(manifest, names, where)
        return cls(directory, str(manifest["version"]), names, float(manifest["base_rate"]), calibration, manifest, forest, words, slopes)

    def risk(self, features: CommitFeatures) -> float:
        """Calibrated probability in [0, 1] that the change will need a fix."""
        return self.calibration(self._score(self.forest.predict(vector(features, self.feature_names)), features))

    def _score(self, of_forest: float, features: CommitFeatures) -> float:
        return shifted(of_forest, math.fsum(self._shifts(features).values()))

    def _shifts(self, features: CommitFeatures) -> dict[str, float]:
        """By how much each measure with a slope, and the words, move the log-odds; what is unknown moves nothing."""
        values = features.values
        found = {name: slope.weight * (math.log1p(value) - slope.centre) for name, slope in self.slopes.items() if (value := values[name]) >= 0}
        if self.words is not None and (words := values.get(OWN_WORDS, 0.0)) == words:
            found[OWN_WORDS] = words
        return found

    def risks(self, many: Sequence[CommitFeatures], expected: int = 0) -> list[float]:
        """Calibrated probabilities of many changes, bit for bit those of `risk`.

        onnxruntime would take 0.03 ms a row against 0.06 with numpy and 0.15 without, but differs in the
        seventh digit: the same change must give the same number whatever else is installed.

        Args:
            expected: how many changes will come in all calls together, when this is one of several.
        """
        scores = self.forest.predict_many([vector(f, self.feature_names) for f in many], expected)
        return [self.calibration(self._score(score, features)) for score, features in zip(scores, many, strict=True)]

    def ready(self, expected: int) -> None:
        """Load what `risks` will need for so many changes: for whoever has to wait for something else anyway."""
        self.forest.ready(expected)

    def explain(self, features: CommitFeatures) -> list[Contribution]:
        """Why: each feature's share of the distance from `expected_risk`, largest first.

        The shares are the forest's path contributions (`Forest.contributions`) and by how much slopes and words move its score,
        stretched by one factor so that `expected_risk` + their sum is exactly `risk(features)`: the order and the proportions are
        the model's, the scale is that of the calibrated risk. Where calibration maps a moved score to an
        unmoved risk, all shares are 0.
        """
        row = vector(features, self.feature_names)
        base, shares = self.forest.contributions(row)
        share = dict(zip(self.feature_names, shares, strict=True)) | ({OWN_WORDS: 0.0} if self.words is not None else {})
        of_forest, shifts = base + math.fsum(shares), self._shifts(features)
        by = math.fsum(shifts.values())
        # each shift gets its part of what they do together; of shifts that cancel out, what a small one does
        rate = (shifted(of_forest, by) - of_forest) / by if abs(by) > _NOTHING else of_forest * (1 - of_forest)
        for name, shift in shifts.items():
            share[name] += rate * shift
        raw = math.fsum(share.values())
        moved = self.calibration(base + raw) - self.calibration(base)
        factor = moved / raw if raw else 0.0
        found = [Contribution(name, features.values.get(name, math.nan), part * factor) for name, part in share.items()]
        return sorted(found, key=lambda c: -abs(c.contribution))

    @property
    def expected_risk(self) -> float:
        """Where the forest begins: the calibrated mean of what its trees learned from; `explain` counts from here.

        No change needs to have this risk, one with no known measure neither: a tree sends an unknown value down one of its branches.
        """
        base = math.fsum(self.forest.root_values()) / self.forest.n_trees
        return self.calibration(base)

    def session(self) -> Any:
        """The onnxruntime session of `risk.onnx`: one thread, no telemetry; made once.

        Raises:
            ModelError: onnxruntime is not installed, or the file is missing, altered or refused.
        """
        if not self._sessions:
            self._sessions.append(open_session(self.directory, self.manifest, ONNX_FILE))
        return self._sessions[0]


def extract(repo: Repository, revision: str, directory: str, target: Path) -> Path:
    """Write a model directory of a commit's tree into `target`, so that a work tree cannot put another in its place.

    Raises:
        ConfigError: the commit has no model there, or a blob is missing.
    """
    names = repo.files_below(revision, directory)
    if MANIFEST not in names:
        raise ConfigError(f"models: the base commit {revision[:9]} has no {directory.strip('/')}/{MANIFEST}; commit the model to the base branch first")
    found = repo.blobs(names.values(), MAX_MODEL_BYTES)
    for name, blob in names.items():
        if blob in found:  # what is missing or too large the manifest's check names
            (target / name).write_bytes(found[blob])
    return target


def default_directory() -> Path:
    """The models inside the installed package, else those of the checkout."""
    here = Path(__file__).resolve().parent
    packaged = here / "_models"
    return packaged if (packaged / MANIFEST).is_file() else here.parent / "models"


def folder(repo: Repository, chosen: str) -> Path:
    """Where the models that the configuration chose lie in the work tree."""
    return (repo.top or repo.git_dir) / chosen


@contextmanager
def opened(repo: Repository, chosen: str | None, base: str | None) -> Iterator[Model]:
    """The model in force: the one that ships, or the one that the configuration chose.

    Args:
        chosen: a directory of the repository, None for the model that ships.
        base: the commit to read it from, None for the work tree, "" where there is none; a model of a commit is copied to a place that is gone afterwards.
    Raises:
        ConfigError: `base` is "", or holds no such directory.
        ModelError: the model cannot be used.
    """
    if not chosen:
        yield Model.load(default_directory())
    elif base is None:
        yield Model.load(folder(repo, chosen))
    elif not base:
        raise ConfigError("models: in CI they are read from the base commit, and here is none; name a directory with --model DIR")
    else:
        with scratch.directory() as target:
            yield Model.load(extract(repo, base, chosen, target))


def json_object(path: Path, remedy: str, *, lost: str) -> dict[str, Any]:
    """The JSON object of a file of a model directory; `remedy` says what to do where it is torn, `lost` where it cannot be read.

    Raises:
        ModelError: missing, not JSON, no object.
    """
    try:
        found = json.loads(_bytes_of(path))
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror or error}); {lost}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not valid JSON ({error}); {remedy}") from error
    if not isinstance(found, dict):
        raise ModelError(f"{path} holds no JSON object; {remedy}")
    return found


def _bytes_of(path: Path) -> bytes:
    """What a plain file holds; a link may lead to a device that never ends, or to a pipe that never begins.

    Raises:
        OSError: no file, no plain one, or one of more than MAX_MODEL_BYTES.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "no plain file")
    if found.st_size > MAX_MODEL_BYTES:
        raise OSError(errno.EFBIG, f"more than {MAX_MODEL_BYTES >> 20} MB")
    return path.read_bytes()


def check_keys(found: Mapping[str, Any], keys: Sequence[str], path: Path, remedy: str) -> None:
    """Refuse a manifest that lacks one of the keys.

    Raises:
        ModelError: it does.
    """
    if missing := [key for key in keys if key not in found]:
        raise ModelError(f"{path} lacks {', '.join(missing)}; {remedy}")


def read_manifest(directory: Path) -> dict[str, Any]:
    """The manifest of a model directory, checked for format and feature schema.

    Raises:
        ModelError: missing, not JSON, incomplete, of another format or schema.
    """
    path = directory / MANIFEST
    manifest = json_object(path, AGAIN, lost=AGAIN)
    found = manifest.get("format")
    if found != FORMAT:
        raise ModelError(f"{path} has manifest format {found}, this version reads {FORMAT}; use a model made by this version")
    schema = manifest.get("feature_schema")
    if schema != FEATURE_SCHEMA:
        raise ModelError(f"{path} was trained on feature schema {schema}, this version computes {FEATURE_SCHEMA}; use a model made by this version")
    check_keys(manifest, ("version", "feature_names", "unknown", "calibration", "base_rate", "files"), path, AGAIN)
    _check_sign_off(manifest, path)
    return manifest


def signed_off(manifest: Mapping[str, Any], by: str, gates: Sequence[str]) -> dict[str, Any]:
    """The entry that says who let this model pass, by which gates, and the digest of manifest and files as they were then.

    It is no signature: whoever can write the files can make another. It ties the gates to the bytes that met them, so that nothing is changed
    by hand behind their back; who took the model into use stands in the history of the repository.
    """
    names = sorted(manifest["files"])
    return {"by": by, "gates": list(gates), "files": names, "digest": _digest(manifest, names)}


def _digest(manifest: Mapping[str, Any], names: Sequence[str]) -> str:
    """What was not there then (a line ranker that came along) is not part of it."""
    rest = {key: value for key, value in manifest.items() if key not in ("signed_off", "files")}
    listed = _files(manifest)
    text = json.dumps([rest, {name: listed.get(name) for name in names}], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _files(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    return manifest["files"] if isinstance(manifest["files"], dict) else {}


def _check_sign_off(manifest: Mapping[str, Any], path: Path) -> None:
    found = manifest.get("signed_off")
    if found is None:
        return
    names = found.get("files") if isinstance(found, dict) else None
    if (
        not isinstance(names, list)
        or not all(isinstance(name, str) for name in names)
        or found.get("digest") != _digest(manifest, names)
        or (WORDS_FILE in _files(manifest) and WORDS_FILE not in names)  # words move the risk
    ):
        raise ModelError(f"{path} was changed after its gates were met (signed_off does not fit); restore it from git, or retrain")


def check_file(directory: Path, manifest: Mapping[str, Any], name: str) -> None:
    """Hold a file against the manifest's size and sha256.

    Raises:
        ModelError: not listed, missing, of another size, or of another hash.
    """
    path = directory / name
    listed = _files(manifest).get(name)
    if not isinstance(listed, dict):
        raise ModelError(f"{path} is not listed in {directory / MANIFEST}; {AGAIN}")
    try:
        size = path.stat().st_size
        if size != listed.get("size"):
            raise ModelError(f"{path} has {size} bytes, the manifest says {listed.get('size')}; it was truncated or altered, {AGAIN}")
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror or error}); {AGAIN}") from error
    if digest != listed.get("sha256"):
        raise ModelError(f"{path} has sha256 {digest}, the manifest says {listed.get('sha256')}; it was altered, {AGAIN}")


def _words(directory: Path, manifest: Mapping[str, Any]) -> OwnWords | None:
    if WORDS_FILE not in _files(manifest):
        return None
    check_file(directory, manifest, WORDS_FILE)
    return OwnWords.read(directory / WORDS_FILE, json_object(directory / WORDS_FILE, AGAIN, lost=AGAIN))


def _slopes(manifest: Mapping[str, Any], names: Sequence[str], where: Path) -> dict[str, Slope]:
    found = manifest.get("slopes", {})
    try:
        slopes = {name: Slope(float(weight), float(centre)) for name, (weight, centre) in found.items()}
    except (TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{where} has slopes that are no pairs of numbers ({error}); {AGAIN}") from error
    if strange := sorted(slopes.keys() - set(names)):
        raise ModelError(f"{where} has slopes of measures that it does not read, {', '.join(strange)}; {AGAIN}")
    if not all(abs(number) <= LARGEST for slope in slopes.values() for number in slope):  # NaN is above all
        raise ModelError(f"{where} has slopes beyond ±{LARGEST:g}; {AGAIN}")
    return slopes


def _feature_names(manifest: Mapping[str, Any], where: Path) -> tuple[str, ...]:
    names = manifest["feature_names"]
    if not isinstance(names, list) or not names:
        raise ModelError(f"{where} names no features; {AGAIN}")
    strange = [str(name) for name in names if name not in FEATURE_NAMES or name == SHOWN_ALONE]
    if strange:
        raise ModelError(f"{where} asks for features that no model may read, {', '.join(strange)}; use a model made by this version")
    if manifest["unknown"] != UNKNOWN:
        raise ModelError(f"{where} encodes unknown values as {manifest['unknown']}, this version as {UNKNOWN}; use a model made by this version")
    return tuple(names)


def _calibration(manifest: Mapping[str, Any], where: Path) -> Calibration:
    try:
        knots = [(float(score), float(risk)) for score, risk in manifest["calibration"]]
        base_rate = float(manifest["base_rate"])
    except (TypeError, ValueError) as error:
        raise ModelError(f"{where} has a calibration or base_rate that is no list of numbers ({error}); {AGAIN}") from error
    ordered = all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(knots))
    if not knots or not ordered or not all(0.0 <= number <= 1.0 for number in (base_rate, *(n for knot in knots for n in knot))):
        raise ModelError(f"{where} has calibration knots or a base_rate outside [0, 1] or out of order; {AGAIN}")
    return Calibration(tuple(k[0] for k in knots), tuple(k[1] for k in knots))


def open_session(directory: Path, manifest: Mapping[str, Any], name: str) -> Any:
    """The onnxruntime session of a file that the manifest lists: one thread, no telemetry.

    Raises:
        ModelError: onnxruntime is not installed, or the file is missing, altered or refused.
    """
    check_file(directory, manifest, name)
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError(f"onnxruntime is not installed, and {name} needs it; install codex-gate[onnx]") from error
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(directory / name), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own unrelated classes for a refused file
        raise ModelError(f"{directory / name} was refused by onnxruntime ({str(error)[:200]}); {AGAIN}") from error
