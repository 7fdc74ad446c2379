"""Encoders: what identifies them, and which are refused."""

import json
import sys

import numpy as np
import pytest
from one_line import WORDS, one_line
from safetensors.numpy import load_file, save_file

from erclab.core.errors import FeatureError
from erclab.features import encoders, text

transformers = pytest.importorskip("transformers", reason="text features are an optional extra")


def test_changed_files_have_another_identity(tiny):
    before = text.encoder_identity(tiny)
    (tiny / "vocab.txt").write_text("\n".join(reversed(WORDS)))
    assert text.encoder_identity(tiny) != before and before.startswith("local@")


@pytest.mark.parametrize("name", list(encoders.MINILM_DIGESTS))
def test_tampered_wheel_is_refused(minilm, tmp_path, monkeypatch, name):
    class Wheel:
        def locate_file(self, _):
            return tmp_path / "model"

    (tmp_path / "model").mkdir()
    for other in encoders.MINILM_DIGESTS:
        (tmp_path / "model" / other).symlink_to(minilm / other)
    data = bytearray((minilm / name).read_bytes())
    data[-1] ^= 1
    (tmp_path / "model" / name).unlink()
    (tmp_path / "model" / name).write_bytes(data)
    monkeypatch.setattr(encoders.importlib.metadata, "distribution", lambda _: Wheel())
    with pytest.raises(FeatureError) as caught:
        text.encode(["no"], cache=tmp_path / "cache")
    one_line(caught, name, "not the one that was published", "--force-reinstall")


def test_absent_wheel(tmp_path, monkeypatch):
    monkeypatch.setattr(encoders, "MINILM_WHEEL", "no-such-wheel-at-all")
    with pytest.raises(FeatureError) as caught:
        text.encode(["no"], cache=tmp_path)
    one_line(caught, "not installed", 'pip install "erclab[text]"')


def test_absent_transformers(tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(FeatureError) as caught:
        text.encode(["no"], tiny, cache=tmp_path / "cache")
    one_line(caught, "transformers", 'pip install "erclab[text]"')


def test_missing_folder(tmp_path):
    with pytest.raises(FeatureError) as caught:
        text.encode(["no"], tmp_path / "nowhere", cache=tmp_path)
    one_line(caught, "nowhere", "no such folder", "minilm")


def remove_tokenizer(folder):
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        (folder / name).unlink(missing_ok=True)


def add_words(folder):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["perhaps"])
    tokenizer.save_pretrained(folder)


def drop_weight(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["embeddings.word_embeddings.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def ask_for_code(folder):
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "ours", "auto_map": {"AutoConfig": "code.C", "AutoModel": "code.M"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text("raise SystemExit('code from the folder ran')")


def make_nan(folder):
    weights = {k: v * np.float32(np.nan) for k, v in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize("damage, problem", [
    (lambda folder: (folder / "model.safetensors").unlink(), "no weights"),
    (lambda folder: (folder / "config.json").unlink(), "cannot be loaded"),
    (lambda folder: (folder / "config.json").write_text("{"), "cannot be loaded"),
    (remove_tokenizer, "the tokenizer has 5 tokens, the encoder 9"),
    (add_words, "the tokenizer has 10 tokens, the encoder 9"),
    (lambda folder: (folder / "model.safetensors").write_bytes(b"noise" * 9), "cannot be loaded"),
    (drop_weight, "1 weights are missing, such as embeddings.word_embeddings.weight"),
    (ask_for_code, "cannot be loaded"),
    (make_nan, "not finite"),
], ids=["no weights", "no config", "broken config", "no tokenizer", "other tokenizer", "broken weights",
        "weight missing", "own code", "NaN"])
def test_folder_without_a_usable_model(tiny, tmp_path, damage, problem):
    damage(tiny)
    with pytest.raises(FeatureError) as caught:
        text.encode(["no"], tiny, cache=tmp_path / "cache", progress=False)
    one_line(caught, str(tiny), problem)


def test_weights_in_a_folder_inside(tiny):
    (tiny / "checkpoint-10").mkdir()
    (tiny / "model.safetensors").rename(tiny / "checkpoint-10" / "model.safetensors")
    with pytest.raises(FeatureError) as caught:
        text.encoder_identity(tiny)
    one_line(caught, "no weights", f"Give {tiny / 'checkpoint-10'}")


def test_unusable_device(tiny, tmp_path):
    for device in ("nonsense", "cuda:99"):
        with pytest.raises(FeatureError) as caught:
            text.encode(["no"], tiny, device=device, cache=tmp_path / "cache", progress=False)
        one_line(caught, device, "device cannot be used", "Use cpu")
