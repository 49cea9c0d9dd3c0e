"""A student's directory with a network of a few nodes, made without PyTorch: it tells a defect by one token."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from codex_gate.student import FORMAT, LABELS
from codex_gate.tokenise import FIXED, Vocabulary

WORDS = ("good", "bad", "slow")
VOCABULARY = Vocabulary.of((*FIXED, *WORDS))


def network() -> bytes:
    """logits = the sum of a table's rows: `bad` speaks for a defect and for LogicErrors, `slow` for a defect and for PerformanceIssues."""
    table = np.zeros((len(VOCABULARY), len(LABELS)), np.float32)
    for word, category in (("bad", "LogicErrors"), ("slow", "PerformanceIssues")):
        table[VOCABULARY.id(word), [LABELS.index(category), -1]] = 6.0
    table[VOCABULARY.id("good"), -1] = -6.0
    nodes = [helper.make_node("Gather", ["table", "ids"], ["rows"]), helper.make_node("ReduceSum", ["rows", "axis"], ["logits"], keepdims=0)]
    constants = [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array([1], np.int64), "axis")]
    ids, logits = (
        helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", "tokens"]),
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(LABELS)]),
    )
    model = helper.make_model(helper.make_graph(nodes, "student", [ids], [logits], constants), opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model.SerializeToString()


def write(folder: Path, threshold: float = 0.5, **changes: object) -> Path:
    """The directory; `changes` go into its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    VOCABULARY.write(folder / "vocabulary.json")
    (folder / "student.onnx").write_bytes(network())
    manifest = {"format": FORMAT, "version": "student-1-test", "labels": list(LABELS), "limit": 32, "threshold": threshold, "vocabulary": VOCABULARY.sha256}
    put(folder, manifest | changes)
    return folder


def put(folder: Path, manifest: dict[str, object]) -> None:
    """Write the manifest with sizes and hashes of the files as they lie there."""
    files = {}
    for name in ("student.onnx", "vocabulary.json"):
        data = (folder / name).read_bytes()
        files[name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "student.json").write_text(json.dumps({"files": files} | manifest))
