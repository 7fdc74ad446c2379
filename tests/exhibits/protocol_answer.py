"""The answer at the head of notebook 30, as the kept runs give it; the notebook's test compares it."""

from erclab import models
from erclab.analysis import conventions, inflation, leftout, plays
from erclab.exhibits import protocol


def span(row) -> str:
    """`2.4 [1.4, 3.4]`."""
    return f"{row['inflation']:.1f} [{row['low']:.1f}, {row['high']:.1f}]"


def sentences(lesson) -> list[str]:
    """The sentences of the answer, on the corpus `simulated-lesson`."""
    made = inflation.by_choice(protocol.runs_of(lesson, "inflation"), lesson)
    whole = made.query("runs == 1").groupby(level=0, sort=False).last()
    best = made.query("runs == 5").groupby(level=0, sort=False).last()
    learned = [name for name in whole.index if not name.endswith(protocol.SHUFFLED)]
    shuffled = f"{learned[0]}{protocol.SHUFFLED}"
    scores = protocol.convention_scores(lesson)
    table, places = conventions.compared(scores), conventions.reordered(scores)
    top = table.loc[table["spread"].abs().idxmax()]
    real = plays.stored_of("iemocap-text-audio")
    words, voice = (real.loc[(name, "scripted")] for name in ("words (tf-idf)", "audio vectors (linear)"))
    moved = leftout.sensitivities(protocol.runs_of(lesson, "left_out"), lesson)
    counts = leftout.summary(leftout.details({lesson.name: moved}))
    worst = moved.loc[moved["difference"].abs().idxmax()]
    told = int(moved["verdict"].isin(["higher", "lower"]).sum())
    return [
        "The best test epoch of 100 instead of validation's adds "
        + " and ".join(f"{span(whole.loc[name])} points to {name}" for name in learned)
        + f", and {span(whole.loc[shuffled])} where the training labels are shuffled and there is nothing to learn.",
        f"The best of five such runs of {learned[0]} is {span(best.loc[learned[0]])} above the mean of what validation "
        "chooses.",
        f"By the convention alone one prediction file of {top['of']} differs by up to {abs(top['spread']):.0f} points; "
        f"a pair of models changes places {len(places)} times, {int(places['decided'].sum())} times beyond both "
        "intervals.",
        f"Words alone reach {words['seen']:.0f} on IEMOCAP's scripted test dialogues and {words['unseen']:.0f} without "
        f"their play in training ({words['difference']:+.0f} [{words['low']:.0f}, {words['high']:.0f}] beside equally "
        f"many others left out); the voice {voice['difference']:+.0f} [{voice['low']:.0f}, {voice['high']:.0f}].",
        f"The papers leave out {counts['left out'].sum()} details. {len(moved)} other choices were trained, about "
        f"{counts['measured'].sum()} of these details, and {told} of them change the score beyond their interval, most "
        f"of all \"{worst['alternative']}\" of {models.info(worst['model']).title} ({worst['difference']:+.1f} "
        f"[{worst['low']:.1f}, {worst['high']:.1f}])."]
