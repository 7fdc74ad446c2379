"""What several tests of features need to know."""

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "yes", "no", "hello", "world"]


def one_line(caught, *parts):
    """The error is one short line with a remedy, and says all of this."""
    message = str(caught.value)
    assert "\n" not in message and len(message) < 500 and caught.value.remedy
    for part in parts:
        assert part in message, message
