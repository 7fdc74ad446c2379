"""Packed sequences: what is padding, what is not, and that nothing is lost between the two."""

import numpy as np
import pytest

from erclab.corpora import Frames


def padded(*lengths, length=6, width=3, side="left"):
    """(N, L, D): the frame at step t of utterance i is 10 i + t + 1 in all features."""
    x = np.zeros((len(lengths), length, width))
    for i, n in enumerate(lengths):
        steps = slice(length - n, length) if side == "left" else slice(0, n)
        x[i, steps] = 10 * i + 1 + np.arange(length)[steps, None]
    return x


def pad_again(frames):
    x = np.zeros((len(frames), frames.length, frames.values.shape[1]))
    for i in range(len(frames)):
        first = frames.length - len(frames[i]) if frames.side == "left" else 0
        x[i, first : first + len(frames[i])] = frames[i]
    return x


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_goes_and_comes_back(side):
    x = padded(2, 6, 0, 1, side=side)
    frames = Frames.unpad(x, side, rate=15.0)
    assert frames.lengths.tolist() == [2, 6, 0, 1] and frames.values.dtype == np.float32
    assert (frames.length, frames.side, frames.rate) == (6, side, 15.0)
    assert np.array_equal(pad_again(frames), x)


@pytest.mark.parametrize("side", ["left", "right"])
def test_zeros_between_and_at_the_other_end_are_data(side):
    x = padded(5, side=side)
    x[0, 2] = 0
    x[0, -1 if side == "left" else 0] = 0
    frames = Frames.unpad(x, side)
    assert frames.lengths.tolist() == [5] and np.array_equal(pad_again(frames), x)


def test_both_sides_are_cut_and_zeros_between_stay():
    x = np.zeros((2, 6, 1))
    x[0, [1, 3]] = [[5], [7]]
    frames = Frames.unpad(x, "both")
    assert frames.lengths.tolist() == [3, 0] and frames[0][:, 0].tolist() == [5, 0, 7]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_not_padding(value):
    x = padded(1)
    x[0, 3, 1] = value
    assert Frames.unpad(x, "left").lengths.tolist() == [3]


def test_nothing_but_zeros():
    frames = Frames.unpad(np.zeros((2, 4, 3)), "left")
    assert frames.values.shape == (0, 3) and frames.starts.tolist() == [0, 0, 0]


def test_modalities_that_share_steps_stay_in_step():
    text, face = padded(4, 2, 0), padded(2, 3, 0, width=1)
    face[0] = 0
    both = Frames.unpad_aligned({"text": text, "visual": face}, "left")
    assert both["text"].lengths.tolist() == [4, 3, 0]  # a face has begun before the word
    assert both["visual"].lengths.tolist() == [0, 3, 0]  # no face at all is a missing modality
    assert both["text"][1][:, 0].tolist() == [0, 15, 16] and both["visual"][1][:, 0].tolist() == [14, 15, 16]


def test_rows_in_another_order():
    frames = Frames.unpad(padded(2, 0, 3), "left").take(np.array([2, 0]))
    assert frames.lengths.tolist() == [3, 2] and frames[1][:, 0].tolist() == [5, 6] and frames.length == 6
