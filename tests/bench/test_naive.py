"""erclab's models equal the naive ones in outputs, losses and gradients: the same numbers for less work."""

import pytest
import torch
from random_batches import random_dialogues, random_sequences, shake

from erclab import models
from erclab.bench import naive
from erclab.corpora.vocabulary import MODALITIES

# Sizes differ from one another, so that no axis can stand for another.
DIMS = {"text": 6, "audio": 5, "visual": 4}
NO_DROPOUT = {
    "sdt": ("dropout",), "dialoguernn": ("dropout", "output_dropout"), "bc-lstm": ("dropout",),
    "mult": ("attention_dropout", "attention_dropout_audio", "attention_dropout_visual", "relu_dropout",
             "residual_dropout", "embedding_dropout", "output_dropout"),
    "lmr-cbt": ("attention_dropout", "relu_dropout", "residual_dropout", "embedding_dropout", "output_dropout",
                "lstm_dropout"),
}
SMALL = {
    "sdt": {"hidden": 12, "heads": 3, "max_turns": 16},
    "dialoguernn": {"global_width": 7, "party_width": 8, "emotion_width": 6, "head_width": 9},
    "bc-lstm": {"hidden": 6, "head_hidden": 7},
    "mult": {"hidden": 9, "heads": 3, "layers": 2},  # an odd width, as the authors' 30 / 5 heads has none
    "lmr-cbt": {"hidden": 8, "heads": 2, "layers": 2},
}
# name -> model, corpus of the preset, changes
CASES = {
    "SDT, IEMOCAP": ("sdt", "iemocap", {"dims": tuple(DIMS.items())}),
    "SDT, MELD": ("sdt", "meld", {"dims": tuple(DIMS.items())}),
    "DialogueRNN, IEMOCAP": ("dialoguernn", "iemocap", {"dims": (("text", 6),)}),
    "DialogueRNN, MELD": ("dialoguernn", "meld", {"dims": (("text", 6), ("audio", 5))}),
    "DialogueRNN, listener": ("dialoguernn", "iemocap", {"dims": (("text", 6),), "listener": True}),
    "bc-LSTM, IEMOCAP": ("bc-lstm", "iemocap", {"dims": (("text", 6),)}),
    "MulT, MOSI": ("mult", "mosi", {"dims": tuple(DIMS.items())}),
    "MulT, no future mask": ("mult", "mosi", {"dims": tuple(DIMS.items()), "future_mask": False}),
    "MulT, IEMOCAP": ("mult", "iemocap", {"dims": tuple(DIMS.items())}),
    "LMR-CBT, MOSI": ("lmr-cbt", "mosi", {"dims": tuple(DIMS.items())}),
    "LMR-CBT, IEMOCAP": ("lmr-cbt", "iemocap", {"dims": tuple(DIMS.items())}),
}
# Steps of four utterances: every modality is longest once, and long enough for a kernel of 3.
STEPS = {"text": (5, 3, 1, 2), "audio": (4, 9, 3, 5), "visual": (6, 4, 7, 3)}


def config(name, corpus, changes):
    off = dict.fromkeys(NO_DROPOUT[name], 0.0)
    return models.info(name).cls.official(corpus, **{**SMALL[name], **off, **changes})


def batch_for(name, c):
    if models.info(name).view == "dialogue":
        return random_dialogues(c.dims, c.outputs, c.speakers, (7, 4, 1, 6), seed=2)
    columns = c.outputs // 2 if c.task == "emotion4" else c.outputs
    return random_sequences(c.dims, columns, {m: STEPS[m] for m in MODALITIES}, seed=2, task=c.task)


@pytest.fixture(scope="module", params=CASES)
def pair(request):
    """(erclab's model, the naive one with its weights, a padded batch), float64, in training, without dropout."""
    name, corpus, changes = CASES[request.param]
    c = config(name, corpus, changes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ours, theirs = shake(models.info(name).cls(c), 1).double(), naive.build(name, c).double()
    theirs.load_state_dict(ours.state_dict(), strict=True)
    return ours.train(), theirs.train(), batch_for(name, c)


def both(pair, class_weight=None):
    """(outputs, total loss, gradients by name) of each."""
    ours, theirs, batch = pair
    weighted = class_weight if ours.config.task == "emotion" else None
    results = []
    for model, given in ((ours, batch), (theirs, theirs.prepare(batch))):
        model.zero_grad(set_to_none=True)
        output = model(given)
        loss = model.loss(output, given if model is theirs else batch, weighted)
        total = loss if model is theirs else loss.total
        total.backward()
        results.append((output, total, {n: p.grad for n, p in model.named_parameters()}))
    return results


def test_outputs_are_equal(pair):
    at = pair[2].annotated
    (found, *_), (wanted, *_) = both(pair)
    # The tables of positions are float32 in both, and rounded apart.
    torch.testing.assert_close(found.logits[at], wanted.logits[at], rtol=0, atol=1e-6)
    for m, student in getattr(wanted, "students", {}).items():
        torch.testing.assert_close(found.aux[f"student.{m}"][at], student[at], rtol=0, atol=1e-6)


def test_outputs_in_evaluation_are_equal(pair):
    ours, theirs, batch = pair
    at = batch.annotated
    with torch.no_grad():
        found, wanted = ours.eval()(batch).logits[at], theirs.eval()(theirs.prepare(batch)).logits[at]
    ours.train()
    theirs.train()
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True], ids=["", "class weights"])
def test_losses_and_gradients_are_equal(pair, weighted):
    ours = pair[0]
    weight = torch.linspace(0.5, 2, ours.config.outputs, dtype=torch.float64) if weighted else None
    (_, found, gradients), (_, wanted, theirs) = both(pair, weight)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)
    assert gradients.keys() == theirs.keys()
    learning = [n for n, g in theirs.items() if g is not None and g.abs().max() > 1e-9]
    assert len(learning) > len(theirs) / 2
    for name, gradient in theirs.items():
        assert (gradients[name] is None) == (gradient is None), name
        if gradient is not None:
            torch.testing.assert_close(gradients[name], gradient, rtol=1e-5, atol=1e-7, msg=lambda text, n=name:
                                       f"{n}: {text}")


def test_a_step_of_the_optimiser_is_equal():
    """Running statistics, too: LMR-CBT has both."""
    name, corpus, changes = CASES["LMR-CBT, MOSI"]
    c = config(name, corpus, changes)
    torch.manual_seed(0)
    ours, theirs, batch = models.info(name).cls(c).double(), naive.build(name, c).double(), batch_for(name, c)
    theirs.load_state_dict(ours.state_dict())
    for model, total in ((ours, lambda: ours.loss(ours(batch), batch).total),
                         (theirs, lambda: theirs.loss(theirs(theirs.prepare(batch)), theirs.prepare(batch)))):
        model.train()
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        total().backward()
        optimiser.step()
    for key, x in ours.state_dict().items():
        torch.testing.assert_close(x, theirs.state_dict()[key], rtol=1e-5, atol=1e-7, msg=key)


@pytest.mark.parametrize(("name", "corpus", "parameters"), [
    ("sdt", "iemocap", 79_687_704), ("sdt", "meld", 78_386_204), ("mult", "mosi", 1_071_211),
    ("lmr-cbt", "mosi", 337_283), ("dialoguernn", "iemocap", 8_880_406), ("dialoguernn", "meld", 2_666_607),
    ("bc-lstm", "iemocap", 464_106),
])
def test_official_sizes_are_the_authors(name, corpus, parameters):
    c = models.info(name).cls.official(corpus)
    with torch.device("meta"):
        ours, theirs = models.info(name).cls(c), naive.build(name, c)
    assert models.parameter_count(theirs) == parameters
    assert {k: v.shape for k, v in theirs.state_dict().items()} == {k: v.shape for k, v in ours.state_dict().items()}
    frozen = [n for n, p in theirs.named_parameters() if not p.requires_grad]
    assert frozen == [n for n, p in ours.named_parameters() if not p.requires_grad]
    assert len(frozen) == (9 if (name, corpus) == ("sdt", "meld") else 0)


@pytest.mark.parametrize("name", [*naive.NAMES])
def test_every_dropout_of_the_authors_is_drawn(name):
    """With the authors' rates two passes differ, in evaluation they do not."""
    c = models.info(name).cls.official("iemocap", **SMALL[name])
    torch.manual_seed(0)
    model = naive.build(name, c)
    batch = batch_for(name, c)
    inputs = model.float().prepare(type(batch)(**{**vars(batch), "features": {
        m: x.float() for m, x in batch.features.items()}}))
    assert not torch.equal(model(inputs).logits, model(inputs).logits)
    model.eval()
    assert torch.equal(model(inputs).logits, model(inputs).logits)
