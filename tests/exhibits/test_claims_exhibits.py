"""O12: the title of the multiverse's figure names each choice that flips most, and no winner of a tie."""

import pandas as pd
from figure_checks import assert_readable

from erclab.claims import multiverse
from erclab.exhibits import claims


def flipped(**choices):
    figure = claims.flipped(pd.DataFrame({multiverse.REGISTERED: ["supported", "undecided", "contradicted"],
                                          **{name.replace("_", " "): found for name, found in choices.items()}}))
    assert_readable(figure)
    return figure.axes[0].get_title(loc="left"), [text.get_text() for text in figure.axes[0].texts]


def test_a_choice_that_flips_most_is_named_and_so_is_one_that_flips_as_many():
    one, other, none = (["undecided", "undecided", "supported"], ["supported", "supported", "supported"],
                        ["supported", "undecided", "contradicted"])
    assert flipped(larger_mean=one, one_seed=none) == (
        "2 of 3 verdicts change by one choice:\nlarger mean", ["2 of 3", "0 of 3"])
    assert flipped(larger_mean=one, one_seed=other)[0] == (
        "2 of 3 verdicts change by one choice:\nlarger mean; or one seed")
    assert flipped(one_seed=none)[0] == "No choice changes a verdict"
