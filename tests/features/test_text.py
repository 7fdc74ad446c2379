"""Utterance vectors: what they are, that batches and the cache do not change them, what is refused."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from one_line import one_line
from safetensors.numpy import load_file, save_file

from erclab.core import storage
from erclab.core.errors import FeatureError, UsageError
from erclab.features import encoders, text

transformers = pytest.importorskip("transformers", reason="text features are an optional extra")

SENTENCES = [  # invented; two and two belong together
    "I am so happy that you came!",
    "It is a joy to see you here.",
    "The train to the coast leaves at nine.",
    "When does the railway carriage depart?",
    "",
    "No.",
    "I am so happy that you came!",
]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def vectors(minilm, tmp_path_factory):
    return text.encode(SENTENCES, cache=tmp_path_factory.mktemp("cache"), progress=False)


# What the vectors are

def test_minilm_vectors_are_unit_float32(vectors):
    assert vectors.shape == (len(SENTENCES), 384) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.array_equal(vectors[0], vectors[6])


def test_related_sentences_are_closer(vectors):
    similar = vectors[:4] @ vectors[:4].T
    assert min(similar[0, 1], similar[2, 3]) > similar[:2, 2:].max() + 0.2


def test_equals_a_naive_mean_over_tokens(minilm, vectors):
    """Each text alone, without padding: the mean over its tokens, in float64."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm, local_files_only=True)
    model = transformers.AutoModel.from_pretrained(minilm, local_files_only=True).double().eval()
    for sentence, vector in zip(SENTENCES, vectors, strict=True):
        with torch.no_grad():
            mean = model(**tokenizer(sentence, return_tensors="pt")).last_hidden_state[0].mean(0).numpy()
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_batches_order_and_company_do_not_matter(minilm, vectors, tmp_path):
    alone = text.encode(SENTENCES, batch_size=1, cache=tmp_path / "alone", progress=False)
    turned = text.encode([*SENTENCES[::-1], "word " * 100], batch_size=3, cache=tmp_path / "turned",
                         progress=False)
    np.testing.assert_allclose(alone, vectors, atol=1e-5)
    np.testing.assert_allclose(turned[-2::-1], vectors, atol=1e-5)


def test_minilm_is_cut_at_256_tokens(minilm, tmp_path):
    long = ["word " * 254, "word " * 255, "word " * 900, "word " * 253]  # two more tokens are special
    x = text.encode(long, cache=tmp_path, progress=False)
    assert np.allclose(x[0], x[1], atol=1e-5) and np.allclose(x[0], x[2], atol=1e-5)
    assert not np.allclose(x[0], x[3], atol=1e-5)


def test_local_folder_and_its_limit(tiny, tmp_path):
    x = text.encode(["hello world", "no", "yes " * 40, ""], tiny, cache=tmp_path / "cache", progress=False)
    assert x.shape == (4, 8) and np.isfinite(x).all()
    assert text.encode([], str(tiny), cache=tmp_path / "cache", progress=False).shape == (0, 8)
    assert text.encode([], str(tiny), cache=tmp_path / "cache", progress=False).shape == (0, 8)


def test_half_precision_weights_are_computed_in_float32(tiny, tmp_path):
    weights = tiny / "model.safetensors"
    save_file({k: v.astype(np.float16) for k, v in load_file(weights).items()}, weights, {"format": "pt"})
    x = text.encode(["hello world"], tiny, cache=tmp_path / "cache", progress=False)
    assert np.abs(x.astype(np.float16) - x).max() > 0


# The cache

def test_cached_vectors_are_the_same_and_nothing_is_computed(tiny, tmp_path, monkeypatch):
    first = text.encode(SENTENCES, tiny, cache=tmp_path / "cache", progress=False)
    monkeypatch.setattr(text, "_compute", lambda *_: pytest.fail("computed again"))
    again = text.encode(SENTENCES, tiny, batch_size=2, cache=tmp_path / "cache", progress=False)
    assert np.array_equal(first, again) and again.flags.writeable
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_cache_lies_in_erclabs_cache(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("ERCLAB_CACHE", str(tmp_path / "place"))
    text.encode(["no"], tiny, progress=False)
    assert [p.suffix for p in (tmp_path / "place" / "text").iterdir()] == [".safetensors"]


def test_requests_that_differ_have_different_keys():
    requests = [("a", ["ab"]), ("a", ["a", "b"]), ("a", ["b", "a"]), ("b", ["ab"]), ("a", []), ("a", [""]),
                ("a", ["1:a"]), ("a", ["a1:"])]
    assert len({text._key(*request) for request in requests}) == len(requests)


@pytest.mark.parametrize("damage", [
    lambda data: b"", lambda data: data[:-7], lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    lambda data: b"\xff" * 100, lambda data: b"{}" + data,
], ids=["empty", "truncated", "one bit", "noise", "shifted"])
def test_corrupt_cache_file_is_replaced(tiny, tmp_path, damage):
    cache = tmp_path / "cache"
    first = text.encode(SENTENCES, tiny, cache=cache, progress=False)
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert np.array_equal(text.encode(SENTENCES, tiny, cache=cache, progress=False), first)
    assert file.read_bytes() == whole and list(cache.iterdir()) == [file]


def test_unwritable_cache_is_refused_before_the_work(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "_compute", lambda *_: pytest.fail("computed in vain"))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FeatureError) as caught:
        text.encode(["no"], tiny, cache=tmp_path / "file" / "cache")
    one_line(caught, str(tmp_path / "file"), "cannot be written (Not a directory)", "ERCLAB_CACHE")


def test_full_disk_is_one_line(tiny, tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage.os, "fsync", full)
    with pytest.raises(FeatureError) as caught:
        text.encode(["no"], tiny, cache=tmp_path / "cache", progress=False)
    one_line(caught, "No space left", "ERCLAB_CACHE")
    assert list((tmp_path / "cache").iterdir()) == []


# What is refused

@pytest.mark.parametrize("bad", [None, float("nan"), b"no", "\ud83d"], ids=["None", "NaN", "bytes", "half"])
def test_what_is_not_a_text_is_named(tiny, tmp_path, bad):
    with pytest.raises(FeatureError) as caught:
        text.encode(["no", bad], tiny, cache=tmp_path / "cache")
    one_line(caught, "text 1:", "not a text", "Unicode")


def test_misuse(tiny, tmp_path):
    with pytest.raises(UsageError, match="batch size is 0"):
        text.encode(["no"], tiny, batch_size=0, cache=tmp_path)
    with pytest.raises(UsageError, match="list of strings"):
        text.encode("hello", tiny, cache=tmp_path)


# In a process of its own: what it writes to the terminal, and names of the hub

def run(code, **environment):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TQDM_", "TRANSFORMERS_"))}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT,
                          env={**clean, "HF_HUB_OFFLINE": "1", **environment}, timeout=300)


ENCODES = """
from erclab.features import text
from transformers.utils import logging
before = logging.get_verbosity(), logging.is_progress_bar_enabled()
text.encode(["no", "hello"], {tiny!r}, cache={cache!r})
assert before == (logging.get_verbosity(), logging.is_progress_bar_enabled())
"""
NAMES = """
import numpy as np
from erclab.core.errors import FeatureError
print(text.encoder_identity("some/encoder"))
named = text.encode(["no", "hello"], "some/encoder", cache={cache!r})
print(np.array_equal(named, text.encode(["no", "hello"], {tiny!r}, cache={cache!r})))
for name in ("other/encoder", "not a name!"):
    try:
        text.encode(["no"], name, cache={cache!r})
    except FeatureError as error:
        print(error)
"""
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def silent(tiny_source, tmp_path_factory):
    """A process without bars that encodes, and that finds names in the local store of the hub, or does not."""
    folder = tmp_path_factory.mktemp("silent")
    store = folder / "hub" / "models--some--encoder"
    shutil.copytree(tiny_source, store / "snapshots" / COMMIT)
    (store / "refs").mkdir()
    (store / "refs" / "main").write_text(COMMIT)
    code = (ENCODES + NAMES).format(tiny=str(tiny_source), cache=str(folder / "cache"))
    return run(code, HF_HUB_CACHE=str(folder / "hub"), TQDM_DISABLE="1")


@pytest.mark.slow
def test_terminal_shows_our_bar_and_nothing_else(silent, tiny, tmp_path):
    shown = run(ENCODES.format(tiny=str(tiny), cache=str(tmp_path / "cache")))
    assert (shown.returncode, shown.stdout) == (0, ""), shown.stderr
    lines = [line for line in shown.stderr.replace("\r", "\n").splitlines() if line.strip()]
    assert lines and all(line.startswith("encode (") for line in lines) and "2/2" in lines[-1]
    assert (silent.returncode, silent.stderr) == (0, "")


@pytest.mark.slow
def test_hub_name_from_the_local_store(silent):
    """A model that was downloaded earlier works offline, and its commit is its identity."""
    assert silent.stdout.splitlines()[:2] == [f"some/encoder@{COMMIT}", "True"], silent.stderr


@pytest.mark.slow
def test_unknown_hub_name_is_one_line(silent):
    lines = silent.stdout.splitlines()[2:]
    assert [line.partition(":")[0] for line in lines] == ["other/encoder", "not a name!"], silent.stderr
    assert all("cannot be loaded" in line and "minilm" in line for line in lines)


# What was interrupted goes on

def test_a_killed_request_goes_on_where_it_was(tiny, tmp_path, monkeypatch):
    cache, texts = tmp_path / "cache", ["yes", "no no", "hello", "world world world", "yes no", "no"]
    for compute in (text.encode, text.tokens):
        whole = compute(texts, tiny, batch_size=1, cache=tmp_path / "whole", progress=False)
        seen, states = [], encoders.Encoder.states

        def counted(self, batch, *a, seen=seen, states=states, **k):
            if seen.count("x") == 0 and len(seen) == 3:
                seen.append("x")
                raise KeyboardInterrupt
            seen.extend(t for t in batch if t != ".")
            return states(self, batch, *a, **k)

        monkeypatch.setattr(text, "GROUP", 2)
        monkeypatch.setattr(encoders.Encoder, "states", counted)
        with pytest.raises(KeyboardInterrupt):
            compute(texts, tiny, batch_size=1, cache=cache, progress=False)
        del seen[:-1]
        found = compute(texts, tiny, batch_size=1, cache=cache, progress=False)
        assert len(seen) == 1 + 4  # two of six texts were kept
        monkeypatch.undo()
        for a, b in zip(*((x,) if compute is text.encode else x for x in (found, whole)), strict=True):
            assert np.array_equal(a, b)
    assert len(list(cache.iterdir())) == 2  # the two results, and no piece of them


def test_share_of_unknown_tokens(tiny):
    assert text.unknown_share(["hello world", "no"], tiny) == 0
    assert text.unknown_share(["hello 你", "no world"], tiny) == 0.25
    assert text.unknown_share([], tiny) == text.unknown_share([""], tiny) == 0


def test_without_a_network_it_fails_at_once(tmp_path, monkeypatch):
    from huggingface_hub import constants, utils

    class Session:
        def head(self, address, timeout):
            assert timeout <= 5
            raise OSError("Name or service not known")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(utils, "get_session", Session)
    with pytest.raises(FeatureError) as caught:
        text.encode(["no"], "some/encoder@v1", cache=tmp_path / "cache")
    one_line(caught, "some/encoder", "cannot be reached (Name or service not known)", "minilm")


def test_a_revision_is_pinned(tmp_path, monkeypatch):
    asked = []

    def local(load, name, **options):
        asked.append((load.__name__, name, options.get("revision")))
        return str(tmp_path / "snapshots" / "c0ffee" / "config.json")

    monkeypatch.setattr(encoders, "_local_first", local)
    assert text.encoder_identity("some/encoder@v1") == "some/encoder@c0ffee"
    encoders.load_tokenizer("some/encoder@v1", "some/encoder@c0ffee")
    assert encoders.source("some/encoder") == "some/encoder"
    encoders.source("some/encoder@v1")
    assert asked == [("hf_hub_download", "some/encoder", "v1"), ("from_pretrained", "some/encoder", "c0ffee"),
                     ("snapshot_download", "some/encoder", "v1")]
