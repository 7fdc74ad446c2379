"""The loop: which epoch is reported, what it may look at, and that its numbers are those of the weights it returns.

The models here are made by hand, so that every score is known in advance.
"""

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from erclab.core.errors import RunError, UsageError
from erclab.core.metrics import classification_scores
from erclab.corpora import Corpus
from erclab.corpora.views import DialogueView
from erclab.models import Output
from erclab.models.interface import Model
from erclab.training import loop, optimisers
from erclab.training.device import choose_device, seeded
from erclab.training.recipes import Recipe

SPLITS = ("train", "valid", "test")


def corpus(lengths=(4, 4, 4), *, classes=2, labels=None, seed=0):
    """Dialogues of these lengths in turn for train, valid and test; labels 0, 1, 0, 1, ... within each."""
    rows = [(SPLITS[d % 3], f"d{d}", t, "AB"[t % 2], "Hm.", t % 2)
            for d, n in enumerate(lengths) for t in range(n)]
    frame = pd.DataFrame(rows, columns=["split", "dialogue", "turn", "speaker", "text", "label"])
    if labels is not None:
        frame["label"] = labels
    x = np.random.default_rng(seed).normal(size=(len(rows), 3)).astype(np.float32)
    return Corpus("made", frame, tuple("abcdefg"[:classes]), {"text": x})


def views(made):
    return {s: DialogueView(made, s, ["text"]) for s in SPLITS}


class Losses(NamedTuple):
    """A loss of one term."""

    total: torch.Tensor
    part: torch.Tensor


class Linear(Model):
    """One linear layer with dropout, so that training mode and evaluation mode differ."""

    def __init__(self, classes=2, dropout=0.0):
        super().__init__()
        self.config = SimpleNamespace(outputs=classes)
        self.layer, self.dropout = nn.Linear(3, classes), nn.Dropout(dropout)
        self.seen = []

    def forward(self, batch):
        if self.training:
            self.seen.append(batch.rows[:, 0].tolist())
        return Output(self.layer(self.dropout(batch.features["text"])))

    def loss(self, output, batch, class_weight=None):
        total = nn.functional.cross_entropy(output.logits[batch.mask], batch.labels[batch.mask], class_weight)
        return Losses(total, total / 2)


class Scripted(Model):
    """Gets as many utterances right as the script says, by split and epoch.

    Its whole state is the number of epochs that it was trained, so weights tell which epoch they are of; it needs
    one training batch per epoch. `looks` lists every evaluation as (epoch, split).
    """

    def __init__(self, made, valid, test):
        super().__init__()
        self.config = SimpleNamespace(outputs=2)
        self.weight = nn.Parameter(torch.zeros(()))
        self.register_buffer("epoch", torch.zeros((), dtype=torch.int64))
        self.script = {"valid": valid, "test": test}
        self.where = {int(row): s for s in SPLITS for row in made.rows(s)}
        self.looks = []

    def forward(self, batch):
        if self.training:
            self.epoch += 1
            return Output(self.weight.expand(*batch.shape, 2))
        split = self.where[int(batch.rows[0, 0])]
        self.looks.append((int(self.epoch), split))
        right = torch.arange(batch.shape[1]) < self.script[split][int(self.epoch) - 1]
        guess = torch.where(right, batch.labels, 1 - batch.labels)
        return Output(10.0 * nn.functional.one_hot(guess, 2).float())

    def loss(self, output, batch, class_weight=None):
        total = self.weight * 1.0
        return Losses(total, total)


def scripted(valid, test=None, *, patience=None):
    """Train by script, with one dialogue of four utterances per split. An even number right keeps F1 in order."""
    made = corpus()
    model = Scripted(made, valid, test or [0] * len(valid))
    recipe = Recipe(epochs=len(valid), patience=patience)
    return model, loop.train(model, views(made), recipe, seed=0, progress=False)


# Which epoch

def test_sound_takes_the_best_epoch_of_validation_the_first_of_equals():
    _, outcome = scripted([0, 2, 4, 2, 4], [4, 4, 2, 4, 0])
    assert outcome.choices["sound"].epoch == 3
    assert int(outcome.weights["epoch"]) == 3
    assert [row["valid"]["weighted_f1"] for row in outcome.curve] == [0, 0.5, 1, 0.5, 1]
    assert [row["epoch"] for row in outcome.curve] == [1, 2, 3, 4, 5]


def test_the_test_split_does_not_sway_the_sound_choice():
    chosen = [scripted([0, 4, 2], test)[1] for test in ([4, 2, 4], [0, 0, 4], [2, 2, 2])]
    assert [o.choices["sound"].epoch for o in chosen] == [2, 2, 2]
    assert all(torch.equal(o.weights["epoch"], torch.tensor(2)) for o in chosen)


def test_every_split_is_looked_at_once_an_epoch():
    model, _ = scripted([0, 4, 2], [4, 2, 4])
    assert model.looks == [(epoch, split) for epoch in (1, 2, 3) for split in ("valid", "test")]


def test_published_takes_the_best_epoch_of_the_test_split_beside_the_sound_one():
    _, outcome = scripted([0, 4, 2, 4], [2, 0, 4, 4])
    assert outcome.choices["published"].epoch == 3 and outcome.choices["sound"].epoch == 2
    assert int(outcome.weights["epoch"]) == 2
    assert [row["test"]["weighted_f1"] for row in outcome.curve] == [0.5, 0, 1, 1]
    assert [row["valid"]["weighted_f1"] for row in outcome.curve] == [0, 1, 0.5, 1]


def test_each_choice_has_the_predictions_of_its_own_epoch():
    model, outcome = scripted([0, 4, 2, 0], [2, 0, 4, 0])
    assert set(outcome.choices) == set(loop.PROTOCOLS)
    for choice in outcome.choices.values():
        for split in ("valid", "test"):
            right = (choice.predictions[split].argmax(1) == [0, 1, 0, 1]).sum()
            assert right == model.script[split][choice.epoch - 1]


def test_the_first_epoch_is_kept_even_if_nothing_is_ever_right():
    assert scripted([0, 0, 0])[1].choices["sound"].epoch == 1


@pytest.mark.parametrize(("patience", "valid", "trained"), [
    (2, [2, 4, 2, 2, 4, 4], 4), (1, [0, 2, 4, 4, 0], 4), (3, [4, 2, 2, 2, 2], 4), (None, [4, 0, 0, 0, 0], 5),
    (2, [2, 0, 4, 0, 0, 4], 5), (9, [4, 0, 0], 3)])
def test_patience_counts_the_epochs_since_the_best(patience, valid, trained):
    _, outcome = scripted(valid, patience=patience)
    assert len(outcome.curve) == trained
    assert outcome.choices["sound"].epoch == 1 + int(np.argmax(valid[:trained]))


def test_both_protocols_choose_among_the_epochs_that_were_trained():
    _, outcome = scripted([4, 0, 0, 0], [0, 2, 0, 4], patience=2)
    assert len(outcome.curve) == 3 and outcome.choices["published"].epoch == 2


# What is returned

def trained(seed=0, *, made=None, dropout=0.3, **recipe):
    made = made or corpus((5, 3, 4, 2, 6, 1, 7, 2, 3))
    with seeded(seed, torch.device("cpu")):
        model = Linear(len(made.labels), dropout)
        return model, loop.train(model, views(made), Recipe(**{"epochs": 4, "batch_size": 2, "learning_rate": 0.1,
                                                               **recipe}), seed=seed, progress=False)


def test_the_returned_weights_give_the_returned_predictions():
    made = corpus((5, 3, 4, 2, 6, 1, 7, 2, 3))
    _, outcome = trained(made=made)
    again = Linear()
    again.load_state_dict(outcome.weights)
    for split in ("valid", "test"):
        np.testing.assert_array_equal(loop.predictions(again, views(made)[split]),
                                      outcome.choices["sound"].predictions[split])
    row = outcome.curve[outcome.choices["sound"].epoch - 1]
    guess = outcome.choices["sound"].predictions["valid"].argmax(1)
    assert row["valid"] == classification_scores(made.targets("valid"), guess, 2)


def test_the_model_is_left_with_the_chosen_weights_and_the_copy_is_its_own():
    model, outcome = trained()
    before = outcome.weights["layer.weight"].clone()
    torch.testing.assert_close(model.layer.weight.detach(), before)
    with torch.no_grad():
        model.layer.weight += 1
    torch.testing.assert_close(outcome.weights["layer.weight"], before)


@pytest.mark.parametrize("size", [1, 2, 64])
def test_log_probabilities_come_in_row_order_and_without_dropout(size):
    made = corpus((2, 5, 1, 6, 3, 9, 1, 1, 4))
    model = Linear(dropout=0.9).train()
    weight, bias = (p.detach().numpy() for p in model.layer.parameters())
    for split in SPLITS:
        view = views(made)[split]
        out = loop.predictions(model, view, batch_size=size)
        expected = []
        for row in made.rows(split):  # one utterance at a time
            logits = made.vectors["text"][row] @ weight.T + bias
            expected.append(logits - np.log(np.exp(logits).sum()))
        assert out.dtype == np.float32
        np.testing.assert_allclose(out, expected, atol=1e-5)


def test_log_probabilities_keep_row_order_when_splits_alternate():
    """Rows of a split that lie apart in the corpus, as in `corpus` above: train d0, valid d1, test d2, train d3."""
    made = corpus((3, 2, 2, 5, 1, 1, 4, 2, 2))
    rows = made.rows("train")
    assert (np.diff(rows) > 1).any()
    model = Linear()
    wide = loop.predictions(model, views(made)["train"])
    for i, row in enumerate(rows):
        logits = model.layer(torch.from_numpy(made.vectors["text"][row]))
        np.testing.assert_allclose(wide[i], logits.log_softmax(-1).detach().numpy(), atol=1e-5)


# Repeatability

def test_the_same_seed_gives_the_same_training_and_another_seed_another():
    (one, a), (_, b), (other, c) = trained(1), trained(1), trained(2)
    assert a.curve == b.curve and a.curve != c.curve
    assert one.seen != other.seen  # also another order of the data
    for name, weight in a.weights.items():
        assert torch.equal(weight, b.weights[name])


def test_the_order_of_the_data_comes_from_the_seed_and_not_from_torch():
    made, seen = corpus([3] * 30), []
    for seed in (0, 0, 1):
        model = Linear()  # other weights each time: torch is not seeded here
        loop.train(model, views(made), Recipe(epochs=2, batch_size=2), seed=seed, progress=False)
        seen.append(model.seen)
    assert seen[0] == seen[1] != seen[2]
    assert seen[0][:5] != seen[0][5:]  # and each epoch has its own


def test_random_numbers_outside_stay_as_they_were():
    torch.manual_seed(11)
    before, expected = torch.get_rng_state(), torch.rand(3)
    torch.set_rng_state(before)
    trained(5)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(KeyError), seeded(5, torch.device("cpu")):
        torch.rand(9)
        raise KeyError
    assert torch.equal(torch.rand(3), expected)


def test_seeded_fixes_what_is_drawn_inside():
    draws = []
    for seed in (3, 3, 4):
        with seeded(seed, torch.device("cpu")):
            draws.append(torch.rand(4))
        torch.rand(7)
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])


# The loss

class Told(Linear):
    """A loss that is known: the mean of the rows' numbers, plus the steps when asked; `weights` seen are kept."""

    def __init__(self, *, scale=0.0, bad_from=None):
        super().__init__()
        self.scale, self.bad_from, self.steps, self.weights = scale, bad_from, 0, []

    def loss(self, output, batch, class_weight=None):
        self.steps += 1
        self.weights.append(class_weight)
        total = batch.rows[batch.mask].float().mean() + self.scale * self.layer.weight.sum()
        if self.bad_from and self.steps >= self.bad_from:
            total = total * float("nan")
        return Losses(total, 2 * total)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_the_training_loss_is_the_mean_over_utterances_however_they_are_batched(size):
    made = corpus((9, 1, 1, 1, 1, 1, 2, 1, 1, 5, 1, 1))
    model = Told()
    sizes = loop.train_epoch(model, views(made)["train"], torch.optim.SGD(model.parameters(), lr=0.1),
                             Recipe(batch_size=size), np.random.default_rng(0), None)
    assert sizes == pytest.approx({"total": made.rows("train").mean(), "part": 2 * made.rows("train").mean()})


def test_every_batch_is_one_step_and_gradients_do_not_add_up():
    made = corpus([2] * 12)
    model = Told(scale=1.0)
    before = model.layer.weight.detach().clone()
    loop.train_epoch(model, views(made)["train"], torch.optim.SGD(model.parameters(), lr=0.5), Recipe(batch_size=1),
                     np.random.default_rng(0), None)
    torch.testing.assert_close(model.layer.weight.detach(), before - 4 * 0.5)


@pytest.mark.parametrize(("clip", "norm"), [(None, 7 * 6**0.5), (2.0, 2.0), (1e3, 7 * 6**0.5)])
def test_clip_bounds_the_norm_of_the_step_and_keeps_its_direction(clip, norm):
    model = Told(scale=7.0)  # the gradient is 7 for each of the six weights
    before = model.layer.weight.detach().clone()
    loop.train_epoch(model, views(corpus())["train"], torch.optim.SGD(model.parameters(), lr=1.0), Recipe(clip=clip),
                     np.random.default_rng(0), None)
    step = before - model.layer.weight.detach()
    assert step.norm().item() == pytest.approx(norm, rel=1e-4)
    torch.testing.assert_close(step, step.mean().expand(2, 3))


def test_class_weights_are_inverse_shares_of_the_training_split_and_0_for_what_is_absent():
    labels = [0, 0, 1, 3, 0, 2, 2, 2, 1, 2, 1, 1]  # rows 0 to 4 train: 0, 0, 1, 3, 0
    made = corpus((5, 4, 3), classes=4, labels=labels)
    for asked, expected in ((True, [5 / 3, 5, 0, 5]), (False, None)):
        model = Told()
        model.config.outputs, model.layer = 4, nn.Linear(3, 4)
        loop.train(model, views(made), Recipe(epochs=1, class_weights=asked), seed=0, progress=False)
        (weight,) = model.weights
        assert weight is None if expected is None else weight.tolist() == pytest.approx(expected)


def test_inverse_shares_are_numbers_that_a_loss_can_take():
    weight = loop.inverse_shares(np.array([2, 2, 0]), 4)
    assert weight.dtype == torch.float32 and weight.tolist() == pytest.approx([3, 0, 1.5, 0])


@pytest.mark.parametrize("bad_from", [1, 4])
def test_a_loss_that_is_not_finite_stops_the_run_with_a_remedy(bad_from):
    """Four dialogues, two per batch: the fourth step is the second of epoch 2."""
    model = Told(bad_from=bad_from)
    with pytest.raises(RunError, match=f"the loss is nan after epoch {(bad_from + 1) // 2}") as caught:
        loop.train(model, views(corpus([2] * 12)), Recipe(epochs=5, batch_size=2), seed=0,
                   progress=False, title="told on made")
    message = str(caught.value)
    assert message.startswith("told on made: ") and "learning_rate" in message and "\n" not in message


@pytest.mark.parametrize(("scale", "decay", "moved"), [
    (1.0, 0.0, lambda w: torch.full_like(w, 0.05)), (0.0, 0.0, torch.zeros_like),
    (0.0, 0.1, lambda w: 0.05 * w.sign())], ids=["gradient", "nothing", "decay"])
def test_learning_rate_and_weight_decay_reach_adam(scale, decay, moved):
    """Adam's first step is the learning rate in the direction of the gradient, and the decay is part of that."""
    model = Told(scale=scale)
    before = model.layer.weight.detach().clone()
    loop.train(model, views(corpus()), Recipe(epochs=1, learning_rate=0.05, weight_decay=decay), seed=0, progress=False)
    torch.testing.assert_close(before - model.layer.weight.detach(), moved(before), atol=1e-5, rtol=0)


def test_frozen_parameters_stay():
    made = corpus((5, 3, 4, 2, 6, 1))
    model = Linear()
    model.layer.weight.requires_grad_(False)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    loop.train(model, views(made), Recipe(epochs=2, learning_rate=0.1), seed=0, progress=False)
    assert torch.equal(model.layer.weight, before["layer.weight"])
    assert not torch.equal(model.layer.bias.detach(), before["layer.bias"])


@pytest.mark.parametrize(("progress", "variable", "shown"), [
    (True, None, True), (True, "0", True), (False, None, False), (True, "1", False)])
def test_a_bar_is_shown_unless_it_is_silenced(capsys, monkeypatch, progress, variable, shown):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    if variable is not None:
        monkeypatch.setenv("TQDM_DISABLE", variable)
    loop.train(Linear(), views(corpus()), Recipe(epochs=1), seed=0, progress=progress, title="made")
    captured = capsys.readouterr()
    assert ("made" in captured.err) == shown and captured.out == ""


# The device

def test_the_device_is_chosen_by_name_or_by_the_variable(monkeypatch):
    monkeypatch.setenv("ERCLAB_DEVICE", "cpu")
    assert choose_device() == torch.device("cpu")
    monkeypatch.setenv("ERCLAB_DEVICE", "nonsense")
    assert choose_device("cpu") == torch.device("cpu")  # what is asked for wins
    with pytest.raises(UsageError, match="'nonsense' cannot be used here"):
        choose_device()
    monkeypatch.delenv("ERCLAB_DEVICE")
    assert choose_device() == choose_device("auto") and choose_device().type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "meta:x", "cuda"])
def test_a_device_that_is_not_there_is_an_error_in_one_line(name):
    if name == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(UsageError, match=f"'{name}' cannot be used here.*Use auto, cpu, cuda or mps") as caught:
        choose_device(name)
    assert "\n" not in str(caught.value)


class Burst(Told):
    """The loss is finite and its gradient is not: the derivative of a square root at 0."""

    def loss(self, output, batch, class_weight=None):
        total, part = super().loss(output, batch, class_weight)
        return Losses(total + (self.layer.weight.sum() * 0).abs().sqrt(), part)


def test_weights_that_the_last_step_broke_are_not_returned():
    with pytest.raises(RunError, match="learning_rate"):
        loop.train(Burst(), views(corpus()), Recipe(epochs=1), seed=0, progress=False)


@pytest.mark.parametrize("recipe", [{}, {"optimiser": "adamw", "weight_decay": 0.1, "schedule": "linear"}])
def test_updates_within_the_backward_pass_are_the_same_to_the_bit(monkeypatch, recipe):
    """A shared weight, a frozen one, and one that gets no gradient are among them."""
    class Shared(Linear):
        def __init__(self):
            super().__init__()
            self.square, self.idle = nn.Linear(3, 3), nn.Linear(2, 2)
            self.frozen = nn.Linear(3, 3).requires_grad_(False)

        def forward(self, batch):
            x = self.square(torch.tanh(self.frozen(self.square(batch.features["text"]))))
            return Output(self.layer(x))

    found, stepped = [], []
    counting = register_optimizer_step_post_hook(lambda *_: stepped.append(1))
    for at_once in (10**9, 5, 1):
        monkeypatch.setattr(optimisers, "AT_ONCE", at_once)
        stepped.clear()
        with seeded(0, torch.device("cpu")):
            model = Shared()
            loop.train(model, views(corpus((5, 3, 4, 2, 6, 1, 7, 2, 3))), Recipe(
                epochs=3, batch_size=2, learning_rate=0.1, **recipe), seed=0, progress=False)
        found.append((len(stepped), model.state_dict()))
    counting.remove()
    assert found[0][0] < found[1][0] < found[2][0]
    for _, state in found[1:]:
        assert all(torch.equal(x, state[name]) for name, x in found[0][1].items())
