"""DialogueTRM's lower half: Table 1's contexts, packed and cut sequences, chunks, and a pretrained BERT."""

import dataclasses
import json
import shutil
from dataclasses import replace

import pytest
import torch
from dialoguetrm_cases import DIMS, made, ragged
from random_batches import shake
from reference_dialoguetrm import pack as packed_by_hand
from safetensors.torch import load_file, save_file

from erclab import models
from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError
from erclab.models.dialoguetrm import pretrained
from erclab.models.dialoguetrm.bert import ARCHITECTURE, BertBranch, build, pack
from erclab.models.dialoguetrm.model import DialogueTRM
from erclab.models.dialoguetrm.windows import Windows, contexts

transformers = pytest.importorskip("transformers", reason="DialogueTRM's BERT is an optional extra")

CLS, SEP = 1, 2
VOCABULARY = ["[PAD]", "[UNK]", "[MASK]", "[SEP]", "[CLS]", *(f"word{i}" for i in range(25))]


# Contexts


def test_table_1():
    """K = 3, L = 8, N = 3: x^1_1 x^1_2 x^2_3 x^1_4 x^3_5 x^2_6 x^1_7 x^2_8; the target is x^1_7."""
    speakers = [1, 1, 2, 1, 3, 2, 1, 2]
    individual, conversational = contexts(speakers, 7 - 1, 3)
    assert [(speakers[t], t + 1) for t in individual] == [(1, 4)]
    assert [(speakers[t], t + 1) for t in conversational] == [(1, 4), (3, 5), (2, 6)]


def test_contexts_of_every_target():
    speakers = [0, 0, 1, 0]
    assert contexts(speakers, 0, 3) == ((), ())
    assert contexts(speakers, 2, 3) == ((), (0, 1))
    assert contexts(speakers, 3, 3) == ((0, 1), (0, 1, 2))
    assert contexts(speakers, 3, 2) == ((1,), (1, 2))
    assert contexts(speakers, 3, 0) == ((), ())
    assert contexts(speakers, 3, 99) == ((0, 1), (0, 1, 2))
    for turn in (4, -1):
        with pytest.raises(UsageError, match=f"4 turns has no turn {turn}"):
            contexts(speakers, turn, 3)


def windows_of(mask, who, window):
    """The windows of a batch that has nothing but speakers."""
    return Windows.of(DialogueBatch({}, mask, who, torch.zeros_like(who), torch.zeros_like(who)), window)


def test_windows_stay_in_their_dialogue():
    """Two dialogues, K = 2; columns from the oldest place to the target."""
    mask, who = torch.tensor([[1, 1, 1], [1, 1, 0]]).bool(), torch.tensor([[0, 1, 0], [0, 0, 0]])
    turns = windows_of(mask, who, 2)
    no = False
    assert turns.exists.tolist() == [[no, no, True], [no, True, True], [True] * 3, [no, no, True], [no, True, True]]
    assert turns.number.tolist() == [[0, 0, 0], [1, 0, 1], [0, 1, 2], [3, 3, 3], [4, 3, 4]]
    assert turns.turn.tolist() == [[0, 0, 0], [1, 0, 1], [0, 1, 2], [0, 0, 0], [1, 0, 1]]
    assert turns.same_speaker[turns.exists].tolist() == [True, no, True, True, no, True, True, True, True]
    spread = turns.spread(turns.exists.double().view(5, 1, 1, 3))
    assert spread[:, 0, 0].tolist() == [[[1, 0, 0], [1, 1, 0], [1, 1, 1]], [[1, 0, 0], [1, 1, 0], [0, 0, 0]]]


# Packing


def packed(utterances, context, longest):
    """What `pack` makes of the last of the utterances, with the others (or some of them) as its context."""
    width = max(map(len, utterances))
    units = torch.tensor([[*u, *[-1] * (width - len(u))] for u in utterances])
    last = len(utterances) - 1
    number = torch.arange(last).expand(last + 1, last)
    keep = torch.zeros(last + 1, last, dtype=torch.bool)
    keep[last, list(context)] = True
    found = pack(units, number, keep, CLS, SEP, longest)
    n = int(found.lengths[last])
    assert not found.ids[last, n:].any() and not found.segments[last, n:].any()
    return found.ids[last, :n].tolist(), found.segments[last, :n].tolist()


SAID = [[11, 12, 13], [21], [31, 32], [41, 42]]  # the target is the last


@pytest.mark.parametrize(("longest", "context", "ids", "ones"), [
    (20, (0, 1, 2), [CLS, 41, 42, SEP, 11, 12, 13, 21, 31, 32], 6),
    (10, (0, 1, 2), [CLS, 41, 42, SEP, 11, 12, 13, 21, 31, 32], 6),  # just fits
    (9, (0, 1, 2), [CLS, 41, 42, SEP, 12, 13, 21, 31, 32], 5),  # the oldest word first
    (6, (0, 1, 2), [CLS, 41, 42, SEP, 31, 32], 2),  # then whole turns
    (5, (0, 1, 2), [CLS, 41, 42, SEP, 32], 1),
    (4, (0, 1, 2), [CLS, 41, 42, SEP], 0),  # no room for a context
    (3, (0, 1, 2), [CLS, 41, SEP], 0),  # nor for the target's end
    (20, (0, 2), [CLS, 41, 42, SEP, 11, 12, 13, 31, 32], 5), (8, (0, 2), [CLS, 41, 42, SEP, 12, 13, 31, 32], 4),
    (20, (), [CLS, 41, 42, SEP], 0)])
def test_what_is_packed_and_what_is_cut(longest, context, ids, ones):
    assert packed(SAID, context, longest) == (ids, [0] * (len(ids) - ones) + [1] * ones)


def test_long_and_empty_utterances():
    """Of a target that fills everything the beginning stays; nobody's silence is a turn without words."""
    long = list(range(50, 60))
    assert packed([[11], long], (0,), 8) == ([CLS, *long[:6], SEP], [0] * 8)
    assert packed([[11], long], (0,), 13) == ([CLS, *long, SEP, 11], [0] * 12 + [1])
    assert packed([long, [11]], (0,), 8) == ([CLS, 11, SEP, *long[5:]], [0] * 3 + [1] * 5)
    assert packed([[11], []], (0,), 8) == ([CLS, SEP, 11], [0, 0, 1])
    assert packed([[], [11]], (0,), 8) == ([CLS, 11, SEP], [0] * 3)
    assert packed([[0], [0, 0]], (0,), 8) == ([CLS, 0, 0, SEP, 0], [0] * 4 + [1])  # word 0 is a word


def test_packing_is_that_of_the_reference():
    """Many random dialogues, every length."""
    rng = torch.Generator().manual_seed(0)
    for longest in (3, 4, 6, 9, 30):
        T, K = 7, 3
        count = torch.randint(0, 6, (T,), generator=rng)
        units = torch.where(torch.arange(5) < count[:, None], torch.randint(3, 99, (T, 5), generator=rng), -1)
        who = torch.randint(2, (1, T), generator=rng)
        turns = windows_of(torch.ones(1, T, dtype=torch.bool), who, K)
        found = pack(units, turns.number[:, :-1], (turns.exists & turns.same_speaker)[:, :-1], CLS, SEP, longest)
        said = [[w for w in row if w >= 0] for row in units.tolist()]
        for t in range(T):
            ids, segments = packed_by_hand(said, who[0].tolist(), t, K, longest)
            n = len(ids)
            assert [{"[CLS]": CLS, "[SEP]": SEP}.get(i, i) for i in ids] == found.ids[t, :n].tolist()
            assert segments == found.segments[t, :n].tolist() and n == found.lengths[t]


@pytest.mark.parametrize("chunk", [1, 3, 9, 10, 32])
def test_chunks_decide_speed_only(chunk):
    """Sorted by length, none padded beyond the longest of its own."""
    batch, shapes = ragged(), []
    model = made(("text",), text_from="tokens", bert={"chunk": chunk})
    bert = model.branch.bert["shared"]
    bert.register_forward_pre_hook(lambda _, __, given: shapes.append(tuple(given["attention_mask"].shape)) or
                                   lengths.extend(given["attention_mask"].sum(1).tolist()), with_kwargs=True)
    lengths = []
    found = model(batch).logits
    assert lengths == sorted(lengths, reverse=True) and len(lengths) == 10
    assert shapes == [(len(lengths[i:i + chunk]), lengths[i]) for i in range(0, 10, chunk)]
    torch.testing.assert_close(found, made(("text",), text_from="tokens")(batch).logits, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("width", "spread"), [(768, 0.02), (48, 0.08), (12, 0.16)])
def test_narrow_bert_is_drawn_wider(width, spread):
    """As at its own width [CLS] hears of the other positions: the spread of a sum over the width stays."""
    config = DialogueTRM.tiny(hidden=width, bert={"layers": 1, "vocabulary": 300})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        bert = build(config.bert, width)
    drawn = torch.cat([bert.embeddings.word_embeddings.weight[1:].flatten(),
                       bert.encoder.layer[0].attention.self.query.weight.flatten()])
    assert float(drawn.detach().std()) == pytest.approx(spread, rel=0.05)


# A pretrained BERT


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A random BERT of two layers, width 16 and 30 words, with its tokenizer."""
    return save(tmp_path_factory.mktemp("bert"))


def save(folder, kind="BertModel", words=VOCABULARY, **sizes):
    config = transformers.BertConfig(**{
        "vocab_size": len(words), "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 24, "max_position_embeddings": 40, "hidden_dropout_prob": 0.3, "hidden_act": "relu",
        "layer_norm_eps": 1e-6, "initializer_range": 0.2, **sizes})
    with torch.random.fork_rng():
        torch.manual_seed(7)
        shake(getattr(transformers, kind)(config)).save_pretrained(folder)
    save_tokenizer(folder, words)
    return folder


def save_tokenizer(folder, words=VOCABULARY):
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    (folder / "vocab.txt").unlink()


def configured(source, **changes):
    settings = {"dims": tuple(DIMS.items()), "text_from": "tokens", "speakers": 3, "dropout": 0.0, "bert.dropout": 0.0}
    return DialogueTRM.tiny(**DialogueTRM.with_bert(source, "mine@1") | settings | changes)


def test_settings_of_bert_are_separate():
    """BERT's settings are a part of the model's, but for the width, which is stated once."""
    fields = {f.name for f in dataclasses.fields(BertBranch.Config)}
    assert fields >= set(ARCHITECTURE) and "hidden" not in fields
    config = BertBranch.Config(layers=1, heads=2, feed_forward=8, max_positions=9, vocabulary=7, max_length=9,
                               cls_token=1, sep_token=2)
    ours = {n: p.shape for n, p in build(config, 8).named_parameters()}
    theirs = DialogueTRM(DialogueTRM.tiny(hidden=8, bert=config))
    assert theirs.config.bert == config
    assert ours == {n: p.shape for n, p in theirs.branch.bert["shared"].named_parameters()}


def test_every_earlier_name_of_a_setting_gives_the_same_model():
    """The flat names that records, sweep files and scripts of before have."""
    inner = {f.name for f in dataclasses.fields(BertBranch.Config)}
    assert {new for new in DialogueTRM.Config.renamed.values()} == {f"bert.{name}" for name in inner}
    flat = {"shared_bert": False, "bert": "mine@1", "bert_layers": 1, "bert_heads": 4, "bert_inner": 8,
            "bert_positions": 9, "vocabulary": 7, "activation": "relu", "bert_eps": 1e-3, "bert_dropout": 0.4,
            "cls_token": 3, "sep_token": 4, "max_length": 8, "chunk": 5}
    assert flat.keys() == DialogueTRM.Config.renamed.keys()
    nested = BertBranch.Config(**{DialogueTRM.Config.renamed[n].removeprefix("bert."): x for n, x in flat.items()})
    assert (nested.pretrained, nested.norm_eps, nested.max_length) == ("mine@1", 1e-3, 8)
    for make in (DialogueTRM.tiny, DialogueTRM.paper, DialogueTRM.official):
        assert make(**flat) == make(bert=nested) == make(bert=dataclasses.asdict(nested))
    assert DialogueTRM.tiny(bert="mine@1", bert_layers=1).bert.heads == 2  # what is not named stays


def test_with_bert_says_all_that_the_bert_decides(saved):
    found = DialogueTRM.with_bert(saved)
    assert found == {"hidden": 16, "bert.layers": 2, "bert.heads": 2, "bert.feed_forward": 24,
                     "bert.max_positions": 40, "bert.vocabulary": 30, "bert.activation": "relu", "bert.norm_eps": 1e-6,
                     "bert.dropout": 0.3, "bert.cls_token": 4, "bert.sep_token": 3, "bert.max_length": 40,
                     "bert.pretrained": str(saved)}
    assert DialogueTRM.with_bert(str(saved), "mine@1") == {**found, "bert.pretrained": "mine@1"}
    assert DialogueTRM.paper("iemocap", **found, heads=4).bert.layers == 2


@pytest.mark.parametrize("shared", [True, False])
def test_reads_words_as_the_pretrained_bert_does(saved, shared):
    """A first turn is the tokenizer's own [CLS] ... [SEP]; a second has the first behind, without its last [SEP]."""
    config = configured(saved, **{"bert.shared": shared}, summary="bert", fusion="concat")
    model = DialogueTRM(config).eval()
    random = torch.get_rng_state()
    before = {n: p.clone() for n, p in model.named_parameters()}
    model.load_pretrained(saved)
    assert torch.equal(random, torch.get_rng_state())  # what is drawn next does not depend on it
    moved = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    assert moved == {n for n, _ in model.named_parameters() if n.startswith("branch.bert.")}

    tokenizer = transformers.AutoTokenizer.from_pretrained(saved)
    theirs = transformers.BertModel.from_pretrained(saved, add_pooling_layer=False).eval()
    said = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("word3 word9", "word1")]
    batch = ragged()
    tokens = torch.full((3, 6, 2), -1)
    tokens[0, 0], tokens[0, 1, :1] = torch.tensor(said[0]), torch.tensor(said[1])
    batch = replace(batch, tokens=tokens, speakers=torch.zeros_like(batch.speakers),
                    features={m: x.float() for m, x in batch.features.items()})
    f = model(batch).aux["representation.text"][0]
    first = tokenizer("word3 word9", return_tensors="pt")
    torch.testing.assert_close(f[0], theirs(**first).last_hidden_state[0, 0])
    second = {name: x[:, :-1] for name, x in tokenizer("word1", "word3 word9", return_tensors="pt").items()}
    torch.testing.assert_close(f[1], theirs(**second).last_hidden_state[0, 0])


def test_pretrained_parameters_are_the_berts(saved):
    """All of them and no others; none of a model that was not built for a pretrained one."""
    model = DialogueTRM(configured(saved, **{"bert.shared": False}))
    names = {id(p): n for n, p in model.named_parameters()}
    found = [names[id(p)] for p in model.pretrained_parameters()]
    assert sorted(found) == sorted(n for n in names.values() if n.startswith("branch.bert."))
    assert {n.split(".")[2] for n in found} == set(DIMS)
    plain = made(text_from="tokens")
    assert list(plain.pretrained_parameters()) == []
    with pytest.raises(UsageError, match=r"random weights.*with_bert"):
        plain.load_pretrained(saved)
    at_random = DialogueTRM(configured(saved, **{"bert.pretrained": None}))  # its sizes and its words, not its weights
    assert list(at_random.pretrained_parameters()) == []


def test_trained_model_needs_the_folder_no_more(tmp_path, monkeypatch):
    """Configuration (as JSON) and weights are the model: nothing of transformers is loaded."""
    folder, batch = save(tmp_path / "bert"), ragged()
    model = DialogueTRM(configured(folder)).double()
    model.load_pretrained(folder)
    optimiser = torch.optim.SGD([{"params": model.pretrained_parameters(), "lr": 0.1}])
    before = model(batch).logits
    model.loss(model(batch), batch).total.backward()
    optimiser.step()
    want = model.eval()(batch).logits
    assert (want - before).abs().max() > 1e-4  # BERT is fine-tuned
    settings = json.loads(json.dumps(dataclasses.asdict(model.config)))
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    shutil.rmtree(folder)
    monkeypatch.setattr(pretrained, "_loading", None)
    again = models.build("dialoguetrm", settings).double().eval()
    again.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert again.config == model.config and torch.equal(again(batch).logits, want)


@pytest.mark.parametrize("kind", ["BertForMaskedLM", "BertForPreTraining", "BertForSequenceClassification"])
def test_takes_the_bert_out_of_another_model(saved, tmp_path, kind):
    """As published checkpoints are: with a head, under another prefix."""
    save(tmp_path, kind)
    model = DialogueTRM(configured(tmp_path))
    model.load_pretrained(tmp_path)
    theirs = getattr(transformers, kind).from_pretrained(tmp_path).bert.state_dict()
    ours = model.branch.bert["shared"].state_dict()
    assert ours.keys() <= theirs.keys() and all(torch.equal(x, theirs[n]) for n, x in ours.items())


def drop(folder, name):
    weights = load_file(folder / "model.safetensors")
    del weights[name]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def pickle(folder):
    """A format that may run code when it is read."""
    path = folder / "model.safetensors"
    torch.save(load_file(path), folder / "pytorch_model.bin")
    path.unlink()


def edit(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def without_cls(folder):
    """Nothing begins a sequence, as in tokenizers of generators."""
    forget_tokenizer(folder)
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.models.WordLevel({w: i for i, w in enumerate(VOCABULARY)}, unk_token="[UNK]")
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizers.Tokenizer(words)).save_pretrained(folder)


def forget_tokenizer(folder):
    for path in folder.glob("*token*"):
        path.unlink()


@pytest.mark.parametrize(("harm", "says"), [
    (shutil.rmtree, "no BERT can be loaded"),
    (lambda f: (f / "config.json").write_text("{}"), "no BERT can be loaded"),
    (lambda f: (f / "config.json").write_text("{"), "no BERT can be loaded"),
    (lambda f: edit(f, model_type="roberta"), "'roberta'"),
    (lambda f: edit(f, position_embedding_type="relative_key"), "relative_key positions"),
    (lambda f: edit(f, type_vocab_size=1), "1 segments"),
    (forget_tokenizer, "tokenizer"),
    (lambda f: save_tokenizer(f, [*VOCABULARY, "more"]), r"the tokenizer has 31 words.*the BERT 30"),
    (without_cls, r"\[CLS\] is None"),
], ids=["none", "no type", "no JSON", "RoBERTa", "relative", "one segment", "no tokenizer", "another", "no CLS"])
def test_refuses_to_be_built_for_what_is_no_bert(tmp_path, harm, says):
    folder = save(tmp_path / "bert")
    harm(folder)
    with pytest.raises(UsageError, match=says) as caught:
        DialogueTRM.with_bert(folder)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("harm", "says"), [
    (shutil.rmtree, "no BERT can be loaded"),
    (lambda f: (f / "model.safetensors").unlink(), "no BERT can be loaded"),
    (lambda f: (f / "model.safetensors").write_bytes(b"junk"), "no BERT can be loaded"),
    (pickle, "no BERT can be loaded"),
    (lambda f: drop(f, "encoder.layer.1.output.dense.bias"), r"lacks 1 of .* encoder.layer.1.output.dense.bias"),
    (lambda f: save(f, num_hidden_layers=1), "bert.layers 2 instead of 1"),
    (lambda f: save(f, hidden_size=8, intermediate_size=16),
     "hidden 16 instead of 8, bert.feed_forward 24 instead of 16"),
    (lambda f: save(f, hidden_act="gelu"), "bert.activation relu instead of gelu"),
    (lambda f: save(f, words=[*VOCABULARY, "more"]), "bert.vocabulary 30 instead of 31"),
    (lambda f: save(f, words=VOCABULARY[::-1]), "bert.cls_token 4 instead of 25, bert.sep_token 3 instead of 26"),
    (forget_tokenizer, "tokenizer"),
], ids=["none", "no weights", "junk", "pickle", "part", "layers", "width", "activation", "words", "special",
        "no tokenizer"])
def test_refuses_to_load_what_it_was_not_built_for(tmp_path, harm, says):
    folder = save(tmp_path / "bert")
    model = DialogueTRM(configured(folder))
    before = {n: x.clone() for n, x in model.state_dict().items()}
    harm(folder)
    with pytest.raises(UsageError, match=says) as caught:
        model.load_pretrained(folder)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)
    assert all(torch.equal(x, before[n]) for n, x in model.state_dict().items())


def test_loading_is_silent_and_leaves_transformers_as_it_was(saved, capfd):
    logging = transformers.utils.logging
    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    try:
        logging.set_verbosity(logging.INFO)
        logging.enable_progress_bar()
        DialogueTRM(configured(saved)).load_pretrained(saved)
        with pytest.raises(UsageError):
            DialogueTRM.with_bert(saved / "nothing")
        assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (logging.INFO, True)
        logging.disable_progress_bar()
        DialogueTRM.with_bert(saved)
        assert not logging.is_progress_bar_enabled()
    finally:
        logging.set_verbosity(before)
        (logging.enable_progress_bar if bars else logging.disable_progress_bar)()
    assert capfd.readouterr() == ("", "")


def test_says_what_to_install(saved, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    for call in (lambda: DialogueTRM(DialogueTRM.tiny()), lambda: DialogueTRM.with_bert(saved)):
        with pytest.raises(UsageError, match=r"pip install \"erclab\[text\]\""):
            call()
