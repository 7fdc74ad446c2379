"""Token and word sequences: what they are, that company and the cache do not change them, what is refused."""

import numpy as np
import pytest
import torch
from one_line import one_line
from safetensors.numpy import load_file, save_file

from erclab.core.errors import FeatureError, UsageError
from erclab.features import encoders, text

transformers = pytest.importorskip("transformers", reason="text features are an optional extra")

TEXTS = ["hello world", "", "no", "yes no  hello\tworld", "hello world", "Hello, yes!"]


def naive(folder, sentence):
    """(L + 2, D): one text alone, special tokens first and last, in float64."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).double().eval()
    with torch.no_grad():
        return model(**tokenizer(sentence, return_tensors="pt")).last_hidden_state[0].numpy()


def sequence(result, i):
    return result.values[result.starts[i] : result.starts[i + 1]]


@pytest.fixture
def tokens(tmp_path):
    def compute(texts, encoder, **options):
        return text.tokens(texts, encoder, cache=options.pop("cache", tmp_path / "cache"), progress=False, **options)

    return compute


# What they are

def test_are_the_last_hidden_state_without_special_tokens(tiny, tokens):
    result = tokens(TEXTS, tiny)
    assert result.values.dtype == np.float32 and result.starts.dtype == np.int64
    assert result.starts.tolist() == [0, 2, 2, 3, 7, 9, 13]
    for i, sentence in enumerate(TEXTS):
        np.testing.assert_allclose(sequence(result, i), naive(tiny, sentence)[1:-1], atol=1e-5)


@pytest.mark.parametrize("sentence", TEXTS)
def test_mean_with_the_special_tokens_is_the_utterance_vector(tiny, tokens, tmp_path, sentence):
    inside, whole = tokens([sentence], tiny).values, naive(tiny, sentence)
    mean = (inside.sum(0) + whole[0] + whole[-1]) / (len(inside) + 2)
    vector = text.encode([sentence], tiny, cache=tmp_path / "vectors", progress=False)[0]
    np.testing.assert_allclose(mean / np.linalg.norm(mean), vector, atol=1e-5)


def test_company_and_batches_do_not_matter(tiny, tokens, tmp_path):
    together = tokens(TEXTS, tiny)
    for size in (1, 2, 5):
        other = tokens(TEXTS[::-1], tiny, batch_size=size, cache=tmp_path / str(size))
        for i in range(len(TEXTS)):
            np.testing.assert_allclose(sequence(other, len(TEXTS) - 1 - i), sequence(together, i), atol=1e-5)


def test_a_text_that_occurs_twice_is_computed_once(tiny, tokens, monkeypatch):
    seen, states = [], encoders.Encoder.states
    monkeypatch.setattr(encoders.Encoder, "states", lambda *a, **k: seen.extend(a[1]) or states(*a, **k))
    result = tokens(["no", "yes"] * 50, tiny)
    assert sorted(seen).count("no") == sorted(seen).count("yes") == 1
    assert np.array_equal(sequence(result, 0), sequence(result, 98)) and len(result.starts) == 101


def test_rows_are_named(tiny, tokens):
    assert tokens(["Hello, yes!"], tiny).words == ["Hello", ",", "yes", "!"]
    assert tokens(["Hello, yes!"], tiny, unit="word").words == ["Hello,", "yes!"]
    assert tokens(["yes no  hello\tworld "], tiny, unit="word").words == ["yes", "no", "hello", "world"]


def test_a_word_is_the_mean_of_its_tokens(tiny, tokens):
    by_token, by_word = tokens(TEXTS, tiny), tokens(TEXTS, tiny, unit="word")
    assert by_word.starts.tolist() == [0, 2, 2, 3, 7, 9, 11]
    np.testing.assert_allclose(sequence(by_word, 3), sequence(by_token, 3), atol=1e-6)
    a, b, c, d = sequence(by_token, 5)
    np.testing.assert_allclose(sequence(by_word, 5), [(a + b) / 2, (c + d) / 2], atol=1e-6)


def test_minilm_splits_a_word_into_tokens(minilm, tokens):
    by_token, by_word = (tokens(["the unhappiest sandwich"], "minilm", unit=unit) for unit in ("token", "word"))
    assert by_word.values.shape == (3, 384) and by_word.words == ["the", "unhappiest", "sandwich"]
    assert len(by_token.values) > 3 and "".join(by_token.words) == "theunhappiestsandwich"
    np.testing.assert_allclose(by_word.values[1], by_token.values[1:-1].mean(0), atol=1e-6)


@pytest.mark.parametrize("sentence", ["\u200b", "yes \u200b no", "\ufeff no", "née yes", "yes\u00a0no", "哈哈 no"])
def test_invisible_and_foreign_signs(tiny, tokens, sentence):
    by_token, by_word = tokens([sentence], tiny), tokens([sentence], tiny, unit="word")
    assert len(by_token.words) == len(by_token.values) and len(by_word.words) == len(by_word.values)
    assert set(by_word.words) <= set(sentence.split()) and np.isfinite(by_word.values).all()


def test_a_special_token_in_the_text_is_a_word(tiny, tokens):
    assert len(tokens(["no [SEP] yes"], tiny, unit="word").values) == 3


def test_texts_are_cut(tiny, tokens):
    long = "yes no " * 20
    assert len(tokens([long], tiny).values) == 12  # of 16 positions; two tokens are special, two positions a reserve
    assert len(tokens([long], tiny, max_tokens=99).values) == 12
    cut = tokens([long, "no"], tiny, max_tokens=3)
    assert cut.starts.tolist() == [0, 3, 4] and cut.words == ["yes", "no", "yes", "no"]
    np.testing.assert_allclose(sequence(cut, 0), naive(tiny, "yes no yes")[1:-1], atol=1e-5)
    assert tokens([long], tiny, max_tokens=3, unit="word").words == ["yes", "no", "yes"]


@pytest.mark.parametrize("unit", ["token", "word"])
def test_nothing_to_encode(tiny, tokens, unit):
    for texts in ([], ["", " "]):
        for _ in range(2):  # computed, found
            result = tokens(texts, tiny, unit=unit)
            assert result.values.shape == (0, 8) and result.starts.tolist() == [0] * (len(texts) + 1)
            assert result.words == [] and result.values.dtype == np.float32


# The cache

def test_found_again_and_nothing_is_computed(tiny, tokens, tmp_path, monkeypatch):
    first = tokens(TEXTS, tiny)
    monkeypatch.setattr(text, "load_encoder", lambda *_: pytest.fail("computed again"))
    again = tokens(TEXTS, tiny, batch_size=1)
    assert np.array_equal(first.values, again.values) and np.array_equal(first.starts, again.starts)
    assert first.words == again.words and again.values.flags.writeable


def test_requests_that_differ_are_kept_apart(tiny, tokens, tmp_path):
    text.encode(TEXTS, tiny, cache=tmp_path / "cache", progress=False)
    for options in ({}, {"unit": "word"}, {"max_tokens": 1}, {"max_tokens": 2}, {"unit": "word", "max_tokens": 1}):
        tokens(TEXTS, tiny, **options)
    tokens(TEXTS[1:], tiny)
    assert len(list((tmp_path / "cache").iterdir())) == 7


@pytest.mark.parametrize("damage", [lambda data: data[:-3], lambda data: data[:-1] + bytes([data[-1] ^ 1])],
                         ids=["truncated", "one bit"])
def test_damaged_file_is_replaced(tiny, tokens, tmp_path, damage):
    first = tokens(TEXTS, tiny)
    (file,) = (tmp_path / "cache").iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert np.array_equal(tokens(TEXTS, tiny).values, first.values) and file.read_bytes() == whole


# What is refused

def test_misuse(tiny, tokens):
    for options, problem in (({"unit": "wrod"}, "Did you mean 'word'?"), ({"max_tokens": 0}, "limit is 0 tokens"),
                             ({"batch_size": -1}, "batch size is -1")):
        with pytest.raises(UsageError) as caught:
            tokens(["no"], tiny, **options)
        one_line(caught, problem)
    with pytest.raises(UsageError) as caught:
        tokens("hello", tiny)
    one_line(caught, "list of strings")


def test_what_is_not_a_text_is_named(tiny, tokens):
    with pytest.raises(FeatureError) as caught:
        tokens(["no", "yes", None], tiny)
    one_line(caught, "text 2:", "not a text")


def test_slow_tokenizer(tiny, tokens, monkeypatch):
    monkeypatch.setattr(transformers.BertTokenizerFast, "is_fast", property(lambda _: False))
    with pytest.raises(FeatureError) as caught:
        tokens(["no"], tiny)
    one_line(caught, str(tiny), "fast tokenizer")


def test_numbers_that_are_not_finite(tiny, tokens):
    weights = {k: v * np.float32(np.nan) for k, v in load_file(tiny / "model.safetensors").items()}
    save_file(weights, tiny / "model.safetensors", {"format": "pt"})
    with pytest.raises(FeatureError) as caught:
        tokens(["no", "yes no"], tiny)
    one_line(caught, "not finite", "'yes no'")


def test_unwritable_cache_is_refused_before_the_work(tiny, tokens, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "load_encoder", lambda *_: pytest.fail("computed in vain"))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FeatureError) as caught:
        tokens(["no"], tiny, cache=tmp_path / "file" / "cache")
    one_line(caught, "cannot be written", "ERCLAB_CACHE")


# Tokenizers that count the space before a word as part of it

def roberta(folder, kind):
    """A RoBERTa with random weights and a tokenizer of single characters or bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    special = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    if kind == "byte-level":
        signs = sorted(pre_tokenizers.ByteLevel.alphabet())
        words = [*special, *signs]
        core = Tokenizer(models.BPE({w: i for i, w in enumerate(words)}, [], unk_token="<unk>"))
        core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    else:
        words = [*special, *"▁abcdefghijklmnopqrstuvwxyz", "▁yes", "▁no"]
        core = Tokenizer(models.Unigram([(w, -float(len(w) < 2)) for w in words], 3))
        core.pre_tokenizer, core.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    core.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=False)
    names = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "pad_token": "<pad>",
             "unk_token": "<unk>"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=core, **names).save_pretrained(folder)
    config = transformers.RobertaConfig(vocab_size=len(words), hidden_size=8, num_hidden_layers=1, pad_token_id=1,
                                        num_attention_heads=2, intermediate_size=8, max_position_embeddings=64)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.RobertaModel(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["byte-level", "metaspace"])
def test_words_of_other_tokenizers(tokens, tmp_path, kind):
    folder = roberta(tmp_path / "model", kind)
    sentences = ["yes  no hello", " née yes ", "no", ""]
    by_token, by_word = tokens(sentences, folder), tokens(sentences, folder, unit="word")
    assert by_word.words == ["yes", "no", "hello", "née", "yes", "no"]
    assert by_word.starts.tolist() == [0, 3, 5, 6, 6] and by_token.starts[-1] > 6
    np.testing.assert_allclose(sequence(by_word, 2), sequence(by_token, 2).mean(0, keepdims=True), atol=1e-6)
    hello = sequence(by_token, 0)[-5:]  # a token per letter
    np.testing.assert_allclose(sequence(by_word, 0)[2], hello.mean(0), atol=1e-6)
