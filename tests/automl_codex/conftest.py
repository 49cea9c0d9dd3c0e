"""Fixtures that several tests share: a sandbox, and what retraining starts from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from automl_codex import retrain
from automl_codex.sandbox import Sandbox
from automl_codex.tables import Dataset
from tests.automl_codex.retraining import model_of, of
from tests.conftest import START


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model that learned from another project, noisily: there is something left to learn."""
    data = of("beta")
    noisy = np.where(np.arange(len(data)) % 3 == 0, 1 - data.y, data.y).astype(np.int8)
    return model_of(data, noisy, tmp_path_factory.mktemp("shipped") / "models")


@pytest.fixture
def begun(make_repo):
    """A repository with one commit."""
    found = make_repo()
    found.write("src/a.c", "int a;\n")
    found.commit("start", date=START)
    return found


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch):
    """Puts rows in the place of the mined history: mining has tests of its own."""

    def give(data: Dataset) -> Dataset:
        monkeypatch.setattr(retrain, "history", lambda asked, today, progress: (data, "f" * 40))
        return data

    return give
