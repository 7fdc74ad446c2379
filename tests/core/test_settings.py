"""Configurations from what people type: names and types are checked, and nothing is guessed."""

import json
from dataclasses import asdict, dataclass, field
from typing import ClassVar

import pytest

from erclab.core.errors import UsageError
from erclab.core.settings import check, combined, differing, dotted, from_dict, setting_types


@dataclass(frozen=True)
class Kettle:
    """One field of each type that configurations have."""

    litres: int
    heat: float = 1.0
    whistles: bool = True
    colour: str = "red"
    lid: float | None = None
    sizes: tuple[int, ...] = ()
    parts: tuple[tuple[str, int], ...] = ()
    span: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        if self.litres < 0:
            raise UsageError(f"a kettle does not hold {self.litres} litres")


class Stove:
    """Configurations lie inside their model's class."""

    @dataclass(frozen=True)
    class Config:
        """Sizes."""

        plates: int


@pytest.mark.parametrize(("name", "value"), [
    ("litres", 0), ("heat", 0.5), ("heat", 2), ("whistles", False), ("colour", ""), ("lid", None), ("lid", 3),
    ("lid", 0.5), ("sizes", ()), ("sizes", (1, 2, 3)), ("parts", (("spout", 1), ("lid", 2))), ("span", (0, 2.5))])
def test_a_value_of_the_right_type_is_kept(name, value):
    made = from_dict(Kettle, {"litres": 2, name: value})
    assert getattr(made, name) == value and type(getattr(made, name)) is type(value)


@pytest.mark.parametrize(("name", "value", "described"), [
    ("litres", 2.0, "a whole number"), ("litres", "2", "a whole number"), ("litres", True, "a whole number"),
    ("litres", None, "a whole number"), ("heat", "hot", "a number"), ("heat", False, "a number"),
    ("heat", None, "a number"), ("whistles", 1, "True or False"), ("whistles", "True", "True or False"),
    ("colour", 7, "text"), ("colour", None, "text"), ("lid", "none", "float | None"), ("lid", True, "float | None"),
    ("sizes", 3, "tuple"), ("sizes", (1, 2.5), "tuple"), ("sizes", (True,), "tuple"), ("sizes", "12", "tuple"),
    ("parts", (("spout", "1"),), "tuple"), ("parts", (("spout",),), "tuple"), ("parts", ("spout", 1), "tuple"),
    ("span", (1.0,), "tuple"), ("span", (1.0, 2.0, 3.0), "tuple")])
def test_a_value_of_another_type_is_refused_by_name_in_one_line(name, value, described):
    with pytest.raises(UsageError) as caught:
        check(Kettle, {name: value})
    message = str(caught.value)
    assert message.startswith(f"{name} = {value!r} is not ") and described in message and "\n" not in message
    assert "NoneType" not in message


def test_lists_become_tuples_at_every_depth():
    made = from_dict(Kettle, {"litres": 1, "sizes": [1, 2], "parts": [["spout", 1], ("lid", 2)], "span": [0, 1]})
    assert made.sizes == (1, 2) and made.parts == (("spout", 1), ("lid", 2)) and made.span == (0, 1)
    hash(made)  # no list is left inside


def test_what_a_record_holds_comes_back_as_it_was():
    made = Kettle(2, lid=0.25, sizes=(3, 4), parts=(("spout", 1),))
    assert from_dict(Kettle, json.loads(json.dumps(asdict(made)))) == made


def test_some_of_the_fields_can_be_checked_alone():
    assert check(Kettle, {"sizes": [1]}) == {"sizes": (1,)}
    assert check(Kettle, {}) == {}


def test_an_unknown_name_is_refused_and_the_meant_one_suggested():
    with pytest.raises(UsageError, match=r"unknown Kettle setting 'color'\. Did you mean 'colour'.*litres, heat"):
        check(Kettle, {"color": "blue"})


def test_a_model_is_called_by_its_name_and_not_by_that_of_its_configuration():
    with pytest.raises(UsageError, match="unknown Stove setting 'plate'"):
        check(Stove.Config, {"plate": 4})
    with pytest.raises(UsageError, match="Stove lacks plates"):
        from_dict(Stove.Config, {})


def test_a_missing_field_without_a_default_is_named():
    with pytest.raises(UsageError, match=r"Kettle lacks litres$"):
        from_dict(Kettle, {"heat": 1.0})


def test_what_the_dataclass_refuses_itself_stays_its_own_error():
    with pytest.raises(UsageError, match="does not hold -1 litres"):
        from_dict(Kettle, {"litres": -1})


@dataclass(frozen=True)
class Burner:
    """A part with a part."""

    kettle: Kettle = Kettle(3)
    watts: int = 900


@dataclass(frozen=True)
class Cooker:
    """A configuration with parts: one with a default of its own, one without any default."""

    kettle: Kettle
    burner: Burner = field(default_factory=lambda: Burner(Kettle(4, colour="blue")))
    name: str = ""

    renamed: ClassVar[dict[str, str]] = {"watts": "burner.watts", "burner": "burner.kettle.colour"}


NESTED = Cooker(Kettle(1, sizes=(2,)), Burner(Kettle(4, colour="green"), 5))


@pytest.mark.parametrize("values", [
    {"kettle.litres": 1, "kettle.sizes": [2], "burner.kettle.colour": "green", "burner.watts": 5},
    {"kettle": {"litres": 1, "sizes": [2]}, "burner": {"kettle": {"colour": "green"}, "watts": 5}},
    {"kettle": Kettle(1, sizes=(2,)), "burner": {"kettle.colour": "green", "watts": 5}},
    {"kettle": NESTED.kettle, "burner": NESTED.burner},
    {"kettle": {"litres": 7}, "kettle.litres": 1, "kettle.sizes": (2,), "burner": "green", "watts": 5},  # earlier names
    json.loads(json.dumps(asdict(NESTED)))], ids=["dotted", "mappings", "both", "instances", "earlier", "stored"])
def test_a_part_is_given_by_dotted_names_by_mappings_or_whole(values):
    assert from_dict(Cooker, values) == NESTED
    assert check(Cooker, values).items() >= {"kettle.litres": 1, "kettle.sizes": (2,), "burner.kettle.colour": "green",
                                             "burner.watts": 5}.items()


def test_what_is_not_named_keeps_the_default_of_the_whole():
    made = from_dict(Cooker, {"kettle.litres": 1, "burner.watts": 5})
    assert made.burner == Burner(Kettle(4, colour="blue"), 5)
    assert combined(Cooker, {"kettle": {"litres": 1}}, {"burner.watts": 5}) == made
    assert combined(Cooker, {"kettle": {"litres": 1}, "watts": 7}, {"burner": {"watts": 5}}) == made  # the last counts
    assert differing(made) == {"kettle.litres": 1, "burner.watts": 5}


def test_settings_have_dotted_names_and_what_is_unknown_stays():
    assert list(setting_types(Cooker))[-3:] == ["burner.kettle.span", "burner.watts", "name"]
    assert dotted(Cooker, NESTED).keys() == setting_types(Cooker).keys()
    assert dotted(Cooker, {"watts": 1, "color": 2, "kettle.color": 3}) == {"burner.watts": 1, "color": 2,
                                                                          "kettle.color": 3}


@pytest.mark.parametrize(("values", "says"), [
    ({"kettle.liters": 1}, r"unknown Cooker setting 'kettle.liters'\. Did you mean 'kettle.litres'"),
    ({"burner.wats": 1}, r"'burner.wats'\. Did you mean 'burner.watts'"), ({"name.first": "x"}, "'name.first'"),
    ({"kettle": 3}, "unknown Cooker setting 'kettle'"), ({"burner": {"kettle": {"heat": "hot"}}},
                                                         r"^burner.kettle.heat = 'hot' is not a number"),
    ({"burner.watts": 1}, r"Cooker lacks kettle.litres$"), ({"kettle.litres": -1}, "does not hold -1 litres")])
def test_an_error_in_a_part_has_the_dotted_name(values, says):
    with pytest.raises(UsageError, match=says):
        from_dict(Cooker, values)
