"""automl-codex-quality.toml: the specification's file as it is, and what cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from codex_gate import gates
from codex_gate.errors import ConfigError
from codex_gate.gates import Gates
from tests.codex_gate.quality import SPECIFICATION


def read(text: str) -> Gates:
    return gates.read(text.encode("utf-8"), "q.toml")


def test_the_file_of_the_specification_loads_as_it_is() -> None:
    found = read(SPECIFICATION)
    assert (found.generation.min_syntax_validity, found.generation.min_diversity_score, found.generation.max_rejection_rate) == (1.0, 0.5, 0.25)
    assert (found.augmentation.min_quality_score, found.augmentation.min_semantic_similarity, found.augmentation.max_augmentation_factor) == (0.75, 0.7, 10)
    assert (found.training.min_auc, found.training.min_f1, found.training.max_fpr, found.training.min_coverage_per_category) == (0.8, 0.75, 0.1, 50)
    assert (found.drift.kl_threshold, found.drift.monitoring_window, found.drift.alert_on_drift) == (0.5, 1000, True)
    assert len(found.given) == 13


def test_without_a_file_the_values_are_the_same_but_nothing_is_asked_for(tmp_path: Path) -> None:
    found = gates.find(tmp_path)
    assert (found.generation, found.augmentation, found.training) == (
        read(SPECIFICATION).generation,
        read(SPECIFICATION).augmentation,
        read(SPECIFICATION).training,
    )
    assert found.drift.kl_threshold is None  # calibrated
    assert found.given == frozenset()


def test_a_file_in_the_folder_is_found_and_one_that_is_named_goes_first(tmp_path: Path) -> None:
    (tmp_path / gates.FILE).write_text("[training]\nmin_auc = 0.6\n")
    (tmp_path / "other.toml").write_text("[training]\nmin_auc = 0.7\n")
    assert gates.find(tmp_path).training.min_auc == 0.6
    assert gates.find(tmp_path).given == {"training.min_auc"}
    assert gates.find(tmp_path, tmp_path / "other.toml").training.min_auc == 0.7
    with pytest.raises(ConfigError, match=r"none\.toml does not exist; give the path of a file such as automl-codex-quality\.toml"):
        gates.find(tmp_path, tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[training]\nmin_acu = 0.8\n", "q.toml, line 2: unknown key in training: 'min_acu'; did you mean min_auc?"),
        ("[trainig]\nmin_auc = 0.8\n", "q.toml, line 1: unknown table 'trainig'; did you mean training?"),
        ("[drift]\nthreshold_of_pain = 1\n", "unknown key in drift: 'threshold_of_pain'; "),
        ("training = 3\n", "q.toml: training is 3; expected a table [training] with keys such as min_auc"),
        ("[training]\nmin_auc = 80\n", "q.toml, line 2: training.min_auc is 80; expected a number from 0 to 1"),
        ("[training]\nmin_auc = true\n", "training.min_auc is true; expected a number from 0 to 1"),
        ("[training]\nmin_auc = nan\n", "training.min_auc is nan; expected a number from 0 to 1"),
        ("[training]\nmin_auc = '0.8'\n", "training.min_auc is '0.8'; expected a number from 0 to 1"),
        ("[augmentation]\nmax_augmentation_factor = 11\n", "max_augmentation_factor is 11; expected a whole number from 1 to 10"),
        ("[drift]\nmonitoring_window = 0\n", "monitoring_window is 0; expected a whole number from 1 to 1,000,000"),
        ("[drift]\nkl_threshold = 0\n", "kl_threshold is 0; expected a KL divergence above 0, for example 0.5"),
        ("[drift]\nalert_on_drift = 1\n", "alert_on_drift is 1; expected true or false"),
        ("[drift\n", "q.toml is no TOML: "),
        ("x" * 70_000, "q.toml is larger than 64 KiB"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as found:
        read(text)
    assert words in str(found.value) and "\n" not in str(found.value)


def test_not_utf8_is_a_sentence() -> None:
    with pytest.raises(ConfigError, match="is not UTF-8"):
        gates.read(b"[drift]\n# \xff\n")


def test_both_spellings_of_the_drift_keys_are_understood() -> None:
    assert read("[drift]\ndrift_threshold = 0.4\nwindow_size = 500\n").drift == read("[drift]\nkl_threshold = 0.4\nmonitoring_window = 500\n").drift
    assert read("[drift]\ndrift_threshold = 0.4\nkl_threshold = 0.4\n").drift.kl_threshold == 0.4
    with pytest.raises(ConfigError, match=r"line 3: kl_threshold is 0\.5, drift_threshold is 0\.4; they mean the same, keep one"):
        read("[drift]\ndrift_threshold = 0.4\nkl_threshold = 0.5\n")


def test_the_monitoring_section_of_the_configuration_agrees_or_is_refused() -> None:
    section = {"drift_threshold": 0.5, "window_size": 1000, "alert_on_drift": True}  # §9.2, verbatim
    assert gates.with_monitoring(read(SPECIFICATION), section, "automl-codex.yaml").drift == read(SPECIFICATION).drift
    assert gates.with_monitoring(Gates(), section, "automl-codex.yaml").drift == read(SPECIFICATION).drift
    with pytest.raises(ConfigError, match=r"automl-codex\.yaml: monitoring_window is 200, q\.toml says 1000; keep one, or give both the same value"):
        gates.with_monitoring(read(SPECIFICATION), {"window_size": 200}, "automl-codex.yaml")
    with pytest.raises(ConfigError, match="unknown key in drift: 'windw_size'; did you mean window_size"):
        gates.with_monitoring(Gates(), {"windw_size": 200}, "automl-codex.yaml")


def test_a_link_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    (tmp_path / gates.FILE).symlink_to("gone.toml")
    with pytest.raises(ConfigError, match="does not exist"):
        gates.find(tmp_path)
    (tmp_path / gates.FILE).unlink()
    assert gates.find(tmp_path) == gates.Gates()
