"""Every model of the registry refuses, in one line and before any layer runs, a batch for which it was not built."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from forty_lines import Short
from random_batches import random_dialogues, random_sequences, widen
from torch import nn

from erclab import models
from erclab.core.batches import DialogueBatch, Flat, SequenceBatch
from erclab.core.errors import UsageError
from erclab.models import MODELS
from erclab.models.bclstm import BCLSTM
from erclab.models.dialoguetrm.model import DialogueTRM
from erclab.models.interface import ModelConfig, Output, view_of
from erclab.models.m2fnet import M2FNet
from erclab.models.mult import MulT
from erclab.models.requirements import speaker_limit
from erclab.models.sdt.model import SDT

TRAINED = [name for name, info in MODELS.items() if info.kind == "trained"]
FITTED = [name for name, info in MODELS.items() if info.kind == "fitted"]
DIMS = {"text": 6, "audio": 4, "visual": 2}


class Plain(nn.Module):
    """As in a notebook: no class of erclab, and an LSTM that would read beyond a wrong width."""

    @dataclass(frozen=True)
    class Config:
        dims: tuple[tuple[str, int], ...] = tuple(DIMS.items())
        outputs: int = 5
        task: str = "emotion"
        speakers: int = 2

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.layer = nn.Linear(sum(d for _, d in config.dims), config.outputs)

    def forward(self, batch: DialogueBatch, *, attention: bool = False) -> Output:
        return Output(self.layer(torch.cat([batch.features[m] for m, _ in self.config.dims], -1)))


def built(model):
    """A small model in which every layer that runs fails."""
    cls = models.registry.adapted(model) if isinstance(model, type) else MODELS[model].cls
    made = cls(cls.Config() if model is Plain else cls.tiny())

    def ran(module, inputs):
        raise AssertionError(f"{type(module).__name__} ran")

    for module in made.modules():
        if module is not made:
            module.register_forward_pre_hook(ran)
    return made


def given(model, **options):
    reads = view_of(model) or "dialogue" if isinstance(model, type) else MODELS[model].view
    if reads == "dialogue":
        return random_dialogues(DIMS, 5, 2, dtype=torch.float32, **options)
    return random_sequences(DIMS, 5, dtype=torch.float32, **options)


def changed(batch, modality, change):
    return replace(batch, features={**batch.features, modality: change(batch.features[modality])})


def wrong(batch):
    """What is wrong -> (the batch, what the message says)."""
    dialogues = isinstance(batch, DialogueBatch)
    labels = batch.labels.clone()
    labels[(0, 0) if dialogues else 0] = 5
    for m, d in DIMS.items():
        says = f"was built for {m} of width {d}; the batch has {m} of width"
        yield f"narrower {m}", changed(batch, m, lambda x: x[..., 1:]), f"{says} {d - 1}"
        yield f"wider {m}", changed(batch, m, lambda x: torch.cat([x, x], -1)), f"{says} {2 * d}"
        yield f"no {m}", replace(batch, features={n: x for n, x in batch.features.items() if n != m}), f"lacks {m}"
    yield "one axis too few", changed(batch, "text", lambda x: x[:, 0]), "shape"
    yield "fewer steps than the mask", changed(batch, "audio", lambda x: x[:, :-1]), "with a mask"
    yield "whole numbers", changed(batch, "audio", lambda x: x.long()), "torch.int64"
    yield "float64", changed(batch, "visual", lambda x: x.double()), "torch.float64"
    yield "a label too many", replace(batch, labels=labels), "5 labels, 0 to 4; the batch has label 5"
    yield "labels of another task", replace(batch, labels=batch.labels.float()), "the task emotion"
    yield "labels of fewer items", replace(batch, labels=batch.labels[1:]), "labels of shape"
    if dialogues:
        yield "a mask of numbers", replace(batch, mask=batch.mask.float()), "torch.bool"
        yield "speakers of fewer dialogues", replace(batch, speakers=batch.speakers[1:]), "speakers of shape"
        nothing = {name: getattr(batch, name)[:0] for name in ("mask", "speakers", "labels", "rows")}
        yield "other batches", random_sequences(DIMS, 5, dtype=torch.float32), "reads dialogues"
    else:
        masks = {m: mask for m, mask in batch.masks.items() if m != "audio"}
        yield "no mask", replace(batch, masks=masks), "needs a mask .* for audio; the batch has none"
        nothing = {"masks": {m: x[:0] for m, x in batch.masks.items()}, "labels": labels[:0], "rows": batch.rows[:0]}
        yield "other batches", random_dialogues(DIMS, 5, 2, dtype=torch.float32), "reads sequences"
    nothing["features"] = {m: x[:0] for m, x in batch.features.items()}
    yield "no item", replace(batch, **nothing), "has no item"


@pytest.mark.parametrize("model", [*TRAINED, Short, Plain])
def test_a_batch_of_another_kind_is_one_line_and_nothing_runs(model):
    made = built(model)
    with pytest.raises(AssertionError, match="ran"):
        made(given(model))
    for what, batch, message in wrong(given(model)):
        if model is Short and what == "other batches":
            continue  # neither `view` nor an annotation says what this class reads
        with pytest.raises(UsageError, match=message) as caught:
            made(batch)
        assert "\n" not in str(caught.value) and type(made).__name__ in str(caught.value), what


@pytest.mark.parametrize("model", [name for name in TRAINED if MODELS[name].view == "dialogue"] + [Plain])
def test_more_speakers_are_refused_where_there_are_parameters_for_each(model):
    made, batch = built(model), given(model)
    speakers = batch.speakers.clone()
    speakers[1, 2], speakers[2, 2] = 2, 9  # the second is at a padded turn and does not count
    known = speaker_limit(made.config) is not None
    assert known == (model not in ("bc-lstm", "dialoguetrm"))
    with pytest.raises(UsageError if known else AssertionError,
                       match=r"2 speakers, 0 to 1; the batch has speaker 2\. .*speakers=3" if known else "ran"):
        made(replace(batch, speakers=speakers))
    with pytest.raises(UsageError if known else AssertionError, match="speaker -1" if known else "ran"):
        made(replace(batch, speakers=batch.speakers - 1))
    speakers[1, 2] = 0
    with pytest.raises(AssertionError, match="ran"):
        made(replace(batch, speakers=speakers))


def test_the_limit_of_speakers_follows_what_the_model_reads():
    assert speaker_limit(BCLSTM.tiny()) is None and speaker_limit(DialogueTRM.tiny()) is None
    assert speaker_limit(DialogueTRM.tiny(summary="dialoguernn")) == 2
    assert [speaker_limit(M2FNet.tiny(**c)) for c in ({}, {"context": "none"}, {"speaker": "none"})] == [2, None, None]
    assert speaker_limit(Plain.Config()) == 2 and speaker_limit(Short.tiny()) is None


@pytest.mark.parametrize(("task", "labels", "columns"), [("sentiment", 1, 1), ("dimensional", 3, 3),
                                                         ("emotion4", 8, 4)])
def test_labels_of_other_tasks_have_their_columns(task, labels, columns):
    made = MulT(MulT.tiny(task=task, outputs=labels))
    batch = random_sequences(DIMS, columns, dtype=torch.float32, task=task)
    assert made(batch).logits.shape == (3, labels)
    for other in (batch.labels[:, :0], torch.cat([batch.labels, batch.labels], 1), batch.labels[:, 0].long()):
        with pytest.raises(UsageError, match=f"the task {task} with {labels} outputs; the batch has labels of shape"):
            made(replace(batch, labels=other))


def test_what_does_not_count_is_not_read():
    """Labels below 0 are context; speakers and labels at padded turns are anything."""
    made, batch = SDT(SDT.tiny()).eval(), given("sdt")
    with torch.no_grad():
        logits = made(batch).logits
        junk = replace(batch, labels=torch.where(batch.mask, -1, 99),
                       speakers=batch.speakers.masked_fill(~batch.mask, 9))
        assert torch.equal(made(junk).logits, logits)


def test_nothing_is_read_in_a_pass_over_several_seeds_and_the_shapes_are_still_checked():
    made, batch = Short(Short.tiny()), given(Short)

    def run(features):
        return made(replace(batch, features=features, speakers=batch.speakers + 9)).logits

    twice = {m: torch.stack([x, x]) for m, x in batch.features.items()}
    assert torch.vmap(run)(twice).shape == (2, 3, 5, 5)
    with pytest.raises(UsageError, match="text of width 5"):
        torch.vmap(run)({m: x[..., 1:] for m, x in twice.items()})


def test_a_recorded_graph_takes_other_sizes_than_its_example():
    made = Short(Short.tiny()).eval()

    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = made

        def forward(self, text, audio, visual, mask):
            nothing = torch.zeros_like(mask, dtype=torch.int64)
            return self.model(DialogueBatch({"text": text, "audio": audio, "visual": visual}, mask, nothing, nothing,
                                            nothing)).logits

    batch, larger = given(Short), given(Short, lengths=(7, 2))
    arguments = [(*(b.features[m] for m in DIMS), b.mask) for b in (batch, larger)]
    recorded = torch.jit.trace(Wrapped(), arguments[0])
    with torch.no_grad():
        for x, b in zip(arguments, (batch, larger), strict=True):
            torch.testing.assert_close(recorded(*x), made(b).logits)


def test_what_is_no_batch_reaches_forward():
    class Any(Short):
        def forward(self, batch, *, attention=False):
            return batch

    made = Any(Any.tiny())
    assert made(3) == 3 and made(batch=4) == 4
    with pytest.raises(UsageError, match="lacks text"):
        made(batch=replace(given(Short), features={}))


def test_a_sequence_longer_than_the_corpus_is_refused_and_padding_is_not():
    official = MulT.official("simulated", **{**MulT.small, "heads": 2, "dims": (("text", 6),), "outputs": 5,
                                             "lengths": (("text", 5),)})
    made = MulT(official).eval()
    batch = random_sequences({"text": 6}, 5, {"text": (5, 2)}, dtype=torch.float32)
    wider = SequenceBatch({"text": torch.cat([batch.features["text"]] * 2, 1)},
                          {"text": torch.cat([batch.masks["text"], batch.masks["text"] & False], 1)}, batch.labels,
                          batch.rows)
    with torch.no_grad():
        torch.testing.assert_close(made(wider).logits, made(batch).logits)
    with pytest.raises(UsageError, match=r"text to 5 steps, the longest of its corpus; the batch has one of 10\. Cut"):
        made(replace(wider, masks={"text": torch.ones(2, 10, dtype=torch.bool)}))


def test_a_config_without_the_interface_has_limits_of_its_own():
    @dataclass(frozen=True)
    class Limited(ModelConfig):
        dims: tuple = ()
        outputs: int = 1
        task: str = "emotion"

    assert Limited().speaker_limit is None and not Limited().depends_on_batch


# Fitted baselines

def flat(n=12, width=3, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    said = np.array([f"word{label} again" for label in y], dtype=object)
    return Flat(rng.normal(size=(n, width)).astype(np.float32), y, np.concatenate([[-1], y[:-1]]), said, said)


@pytest.mark.parametrize("name", FITTED)
def test_fitted_models_refuse_arrays_for_which_they_were_not_built(name):
    info = MODELS[name]

    def made():
        return info.cls(info.cls.Config(outputs=3, task="emotion", **info.fixed))

    fitted = made()
    fitted.fit(flat(), flat(seed=1))
    assert fitted.predict(flat(seed=2)).shape == (12, 3)
    arrays = [] if name.startswith("tfidf") else [  # it reads texts
        replace(flat(), features=np.zeros(12)), replace(flat(), features=np.zeros((5, 3)))]
    for wrong in (flat(classes=4), replace(flat(), labels=np.zeros((12, 1), np.float32)),
                  replace(flat(), labels=np.full(12, -1)), flat(0), *arrays):
        with pytest.raises(UsageError) as caught:
            made().fit(wrong, flat())
        assert "\n" not in str(caught.value) and ("this " in str(caught.value) or "a baseline" in str(caught.value))
    for width in (2, 4):
        if name.startswith("linear"):
            with pytest.raises(UsageError, match=rf"features \(N, 3\) of N .* there are features \(12, {width}"):
                fitted.predict(flat(width=width))
    if name == "persistence":
        with pytest.raises(UsageError, match=r"3 outputs; .*up to 3"):
            fitted.predict(flat(classes=4))


def test_a_turn_of_padding_behind_the_longest_dialogue_is_allowed_and_no_other():
    made, batch = SDT(SDT.tiny(max_turns=5)), given("sdt")
    one, two = widen(batch, 1), widen(batch, 2)
    assert made(one).logits.shape[1] == 6
    for wrong in (two, replace(one, mask=torch.ones_like(one.mask))):
        with pytest.raises(UsageError, match=r"at most 5 turns; the batch has one of \d turns"):
            made(wrong)
