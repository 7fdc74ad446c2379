"""Words with their weights, and their attention to frames."""

import numpy as np

from erclab.figures import words


def test_words_are_darker_the_more_weight_they_have_and_wrap():
    sentence, weights = ["never", "a", "fan"], [3.0, 0.0, 1.0]
    axis = words.sentences([("An utterance", (), (), -1), ("read", sentence, weights, 0)], title="T").axes[0]
    texts = [t.get_text() for t in axis.texts]
    assert texts == ["An utterance", "read", "never", "75", "a", "0", "fan", "25"]
    greys = [np.dot(p.get_facecolor()[:3], [0.3, 0.6, 0.1]) for p in axis.patches]
    assert greys[0] < greys[2] < greys[1]  # darker with more, in grey as well
    assert [p.get_linewidth() > 0 for p in axis.patches] == [True, False, False]
    narrow = words.sentences([("read", sentence, weights, -1)], title="T", columns=7).axes[0]
    assert len({p.get_y() for p in narrow.patches}) == 3 and all(p.get_x() == 0 for p in narrow.patches)


def test_an_attention_map_has_a_row_per_word_seconds_below_and_the_planted_steps_framed():
    attention = np.arange(40.0).reshape(2, 20) / 20
    axis = words.attention_map(attention, ["never", "fan"], title="T", rate=10.0, planted=(-0.3, 0.5, 1)).axes[0]
    np.testing.assert_array_equal(axis.collections[0].get_array(), attention)
    assert [t.get_text() for t in axis.get_yticklabels()] == ["never", "fan"]
    assert dict(zip([t.get_text() for t in axis.get_xticklabels()], axis.get_xticks(), strict=True))["1"] == 10
    frame, = axis.patches
    assert (frame.get_x(), frame.get_y(), frame.get_width(), frame.get_height()) == (0, 1, 5, 1)
    assert axis.get_xlabel() == "seconds of the face"
    steps = words.attention_map(attention, ["never", "fan"], title="T").axes[0]
    assert steps.get_xlabel() == "steps of the face" and not steps.patches
