"""Schemas at work: values parsed by definitions, and unparsed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import BadArgument, Broken, LimitExceeded, Misuse
from remit.values import Reference, Symbol, Tagged, decode, record, same
from remit.values import encode as syrup
from remit.values.preserves import Annotated, Compound, Embedded, Map, Set, parse, schema, text

CHAT = """
version 1 .

# Somebody is here.
Present = <Present @who string> .

# Somebody says something.
Says = <Says @who string @what string> .

Event = Present / Says / @beep =beep / @count int .
Point = [@x double @y double] .
Line = <line @from Point @to Point> .
Route = <route @transports [string ...] @steps Point ...> .
Extension = <<rec> @label any @fields [any ...]> .
Key = {id: int, name: string} & @key Secret & @more Extra .
Secret = @present {secret: bytes} / @absent {} .
Extra = {extra: Event} .
Table = {symbol: Event ...:...} .
Group = #{string} .
Object = <object @target #:any> .
Wire = @mine [0 @oid int] / @yours [1 @oid int @caveats any ...] .
Credit = <do <credit 202506>> .
"""


@pytest.fixture(scope="module")
def chat() -> schema.Schema:
    return schema.load(CHAT, name="chat")


@pytest.mark.parametrize(
    ("definition", "value"),
    [
        ("Present", '<Present "alice">'),
        ("Says", '<Says "alice" "hello">'),
        ("Event", '<Says "alice" "hello">'),
        ("Event", "beep"),
        ("Event", "5"),
        ("Point", "[1.0 2.0]"),
        ("Line", "<line [1.0 2.0] [3.0 4.0]>"),
        ("Route", '<route ["a" "b"] [1.0 2.0] [3.0 4.0]>'),
        ("Route", "<route []>"),
        ("Extension", "<anything 1 2 [3]>"),
        ("Extension", '<"a label that is a string">'),
        ("Extension", "<void>"),
        ("Key", '{id: 1, name: "n", secret: #"s", extra: beep}'),
        ("Key", '{id: 1, name: "n", extra: <Present "x">}'),
        ("Table", '{a: 1, b: beep, c: <Present "x">}'),
        ("Table", "{}"),
        ("Group", '#{"a" "b"}'),
        ("Object", "<object #:7>"),
        ("Wire", "[0 5]"),
        ("Wire", "[1 5 <reject <_>> 3]"),
        ("Credit", "<do <credit 202506>>"),
    ],
)
def test_unparsing_gives_the_value_back(chat: schema.Schema, definition: str, value: str) -> None:
    """What a definition has parsed, it unparses to the same value, with a class of its own or without."""
    given_value = parse(value)
    typed = chat[definition].parse(given_value, exact=True)
    assert same(chat[definition].unparse(typed), given_value)


def test_a_record_is_an_instance_that_is_itself_the_value(chat: schema.Schema) -> None:
    """A record whose fields are all named parses to an `@record` class, which is the same as the value."""
    says = chat.parse("Event", Tagged("Says", ["alice", "hello"]))
    assert type(says) is chat.classes["Says"]
    assert (says.who, says.what) == ("alice", "hello")
    assert says == Tagged("Says", ["alice", "hello"])
    assert chat.unparse("Event", says) is says


def test_other_values_have_shapes(chat: schema.Schema) -> None:
    """Sequences, dictionaries and intersections parse to classes with the fields that are named in them."""
    line = chat.parse("Line", parse("<line [1.0 2.0] [3.0 4.0]>"))
    assert repr(line) == "Line(from_=Point(x=1.0, y=2.0), to=Point(x=3.0, y=4.0))"
    point = chat.classes["Point"]
    assert line.from_ == point(1.0, 2.0) and line.from_ != point(1.0, 2)
    with pytest.raises(AttributeError):
        line.from_.x = 5.0
    assert (
        text(chat.unparse("Line", chat.classes["Line"](point(1.0, 2.0), point(0.0, 0.5))))
        == "<line [1.0 2.0] [0.0 0.5]>"
    )
    key = chat.parse("Key", parse('{id: 1, name: "n", extra: beep}'))
    assert (key.id, key.name, repr(key.key), key.more.extra) == (1, "n", "SecretAbsent()", Symbol("beep"))


def test_the_first_alternative_that_fits_is_taken() -> None:
    """Alternatives are tried in order."""
    numbers = schema.load("version 1 . N = @small <n 1> / @any <n @n int> / @rest any .")
    assert [numbers["N"].which(parse(each)) for each in ("<n 1>", "<n 2>", "<m 2>")] == ["small", "any", "rest"]
    assert numbers["N"].parse(parse("<n 2>")) == numbers.classes["NAny"](2)
    assert numbers["N"].which(1) == "rest"


def test_what_no_pattern_names_is_left_out(chat: schema.Schema) -> None:
    """More items of a record or sequence, and more keys, fit and are left out; `exact` refuses the items."""
    assert chat.parse("Present", Tagged("Present", ["alice", 5])) == chat.classes["Present"]("alice")
    assert chat.parse("Point", [1.0, 2.0, 3.0]) == chat.classes["Point"](1.0, 2.0)
    secret = chat["Secret"]
    assert secret.parse(parse('{secret: #"s" more: 1}')) == chat.classes["SecretPresent"](b"s")
    for definition, value in (("Present", Tagged("Present", ["alice", 5])), ("Point", [1.0, 2.0, 3.0])):
        assert chat[definition].accepts(value)
        assert not chat[definition].accepts(value, exact=True)
    assert secret.accepts(parse('{secret: #"s" more: 1}'), exact=True)


def test_an_alternative_that_leaves_nothing_out_comes_first() -> None:
    """A later alternative that fits a value exactly is taken before an earlier one that would leave items out."""
    listeners = schema.load(
        "version 1 . Listener = Plain / WithHttp . Plain = <listen @port int> . WithHttp = <listen @port int @http any> ."
    )
    assert listeners.parse("Listener", parse("<listen 80 #t>")) == listeners.classes["WithHttp"](80, True)
    assert listeners.parse("Listener", parse("<listen 80>")) == listeners.classes["Plain"](80)
    assert listeners.parse("Listener", parse("<listen 80 #t more>")) == listeners.classes["Plain"](80)
    assert listeners["Listener"].which(parse("<listen 80 #t>")) == "WithHttp"


def test_kinds_are_kept_apart() -> None:
    """A boolean is no integer, an integer no double, a string no symbol; a literal is of its own kind."""
    kinds = schema.load(
        "version 1 . B = bool . D = double . I = int . S = string . Y = bytes . M = symbol . N = #f . Z = 0 . F = 1.0 ."
    )
    values = {"B": True, "D": 2.0, "I": 2, "S": "x", "Y": b"x", "M": Symbol("x"), "N": False, "Z": 0, "F": 1.0}
    fits = {(name, other) for name in kinds for other, value in values.items() if kinds[name].accepts(value)}
    assert fits == {(name, name) for name in kinds} | {("B", "N"), ("I", "Z"), ("D", "F")}


def test_sets_and_dictionaries_of_any_keys(chat: schema.Schema) -> None:
    """Sets are sets, and dictionaries with symbols as keys are mappings; their values are parsed."""
    assert chat.parse("Group", Set(["b", "a"])) == Set(["a", "b"])
    assert not chat["Group"].accepts(Set(["a", 1])) and not chat["Group"].accepts(["a"])
    table = chat.parse("Table", Map({Symbol("a"): Tagged("Present", ["x"])}))
    assert type(table[Symbol("a")]) is chat.classes["Present"]
    assert not chat["Table"].accepts({"a": 1})


class Thing(Reference):
    """A reference, as a border makes one."""


def test_embedded_values_are_references_or_what_stands_for_them(chat: schema.Schema) -> None:
    """An embedded pattern takes a reference, and an `Embedded` of which nothing else was made."""
    thing = Thing()
    assert chat.parse("Object", Tagged("object", [thing])).target is thing
    assert chat.parse("Object", Tagged("object", [Embedded(7)])).target == Embedded(7)
    assert not chat["Object"].accepts(Tagged("object", [7]))


def test_annotations_are_no_part_of_a_value(chat: schema.Schema) -> None:
    """A value that was read with annotations fits as it does without."""
    noted = parse('@"a" <Says @b "alice" # c\n "hello">', annotations=True)
    assert type(noted) is Annotated
    assert chat.parse("Event", noted) == chat.classes["Says"]("alice", "hello")


@pytest.mark.parametrize(
    ("definition", "value", "why"),
    [
        (
            "Present",
            '<Says "a" "b">',
            "a record <Says …> is no chat.Present: expected <Present …>, not a record <Says …>",
        ),
        (
            "Says",
            '<Says "a" 5>',
            "a record <Says …> is no chat.Says: <Says>: field 1 (what): expected a string, not 5",
        ),
        ("Says", '<Says "a">', "<Says>: expected at least 2 fields, not 1 field"),
        (
            "Event",
            '<Says "a" 5>',
            "a record <Says …> is no chat.Event: <Says>: field 1 (what): expected a string, not 5",
        ),
        ("Event", "x", "x is no chat.Event: expected <Present …> or <Says …> or beep or an integer, not x"),
        ("Table", "{a: 1 b: 2.0}", "key b: expected <Present …> or"),
        ("Table", '{"a": 1}', "the key a string of 1 character: expected a symbol, not a string of 1 character"),
        ("Line", "<line [1.0 2.0] [1.0 x]>", "<line>: field 1 (to): item 1 (y): expected a double, not x"),
        ("Key", "{id: 1, extra: beep}", "expected a dictionary with the key name, not a dictionary of 2 without it"),
        (
            "Route",
            "<route [] [1.0 2.0] [1 2.0]>",
            "<route>: after the first 1: item 1: item 0 (x): expected a double, not 1",
        ),
        ("Credit", "<do <credit 1>>", "<do>: field 0: <credit>: field 0: expected 202506, not 1"),
        ("Extension", "[]", "expected a record, not a sequence of 0 items"),
        ("Group", '#{"a" 5}', "member 5: expected a string, not 5"),
        ("Present", f"<Present {2**200}>", "field 0 (who): expected a string, not an integer of 201 bits"),
        ("Object", "<object 5>", "field 0 (target): expected an embedded object, not 5"),
    ],
)
def test_a_misfit_is_explained(chat: schema.Schema, definition: str, value: str, why: str) -> None:
    """With the definition, the way to the place, what is wanted there and what is there."""
    with pytest.raises(BadArgument) as caught:
        chat.parse(definition, parse(value))
    assert why in caught.value.message


def test_an_explanation_tells_no_contents(chat: schema.Schema) -> None:
    """Strings and byte strings may be secrets: only their lengths are told."""
    for value in ("the-secret", b"the-secret", Tagged("Present", [b"the-secret"]), {"the-secret": "the-secret"}):
        with pytest.raises(BadArgument) as caught:
            chat.parse("Line", value)
        assert "the-secret" not in str(caught.value)


def test_unparsing_refuses_what_would_not_be_parsed(chat: schema.Schema) -> None:
    """Instances whose fields do not fit, more items than there are, and parts of an intersection that contradict each other."""
    with pytest.raises(BadArgument, match=r"field 0 \(who\): expected a string, not 5"):
        chat.unparse("Present", chat.classes["Present"](5))
    with pytest.raises(BadArgument, match="expected 2 items, not 3 items"):
        chat.unparse("Point", [1.0, 2.0, 3.0])
    both = schema.load("version 1 . B = @a A & @b A . A = {k: int} .")
    with pytest.raises(BadArgument, match="contradict"):
        both.unparse("B", both.classes["B"](both.classes["A"](1), both.classes["A"](2)))
    assert both.unparse("B", both.classes["B"](both.classes["A"](1), both.classes["A"](1))) == Map({Symbol("k"): 1})


def test_a_value_without_bottom_is_refused() -> None:
    """However deep, and also where it contains itself: with an error of ours."""
    lists = schema.load("version 1 . L = [L ...] . N = <n @l L> .")
    deep: list[object] = []
    for _ in range(50):
        deep = [deep]
    assert same(lists.unparse("L", lists.parse("L", deep)), deep)
    for _ in range(150):
        deep = [deep]
    assert lists["L"].accepts(deep)
    with pytest.raises(BadArgument):
        lists.parse("N", deep)
    endless: list[object] = []
    endless.append(endless)
    for use in (lists["L"].parse, lists["L"].accepts, lists["L"].unparse):
        with pytest.raises(LimitExceeded, match=r"nested so deeply cannot be looked at as schema.L"):
            use(endless)


def test_an_unknown_definition_is_said_with_the_nearest(chat: schema.Schema) -> None:
    """Asking a schema for what it does not define is a mistake of the program."""
    with pytest.raises(Misuse, match=r"no definition Presnt; did you mean 'Present'\?"):
        chat["Presnt"]


def test_instances_do_not_pass_as_values(chat: schema.Schema) -> None:
    """A shape is no value: it has to be unparsed before it is sent."""
    from remit.errors import NotPassable
    from remit.values.preserves import encode

    point = chat.classes["Point"](1.0, 2.0)
    for codec in (encode, syrup):
        with pytest.raises(NotPassable):
            codec(point)


def test_classes_are_found_by_decoding_only_when_asked_for() -> None:
    """Loading takes no label for itself; `known=True` does, and then decoding gives the class."""
    source = "version 1 . T = <test.schema.known @a int> ."
    local = schema.load(source)
    assert type(decode(syrup(local.classes["T"](1)))) is Tagged
    known = schema.load(source, known=True)
    assert type(decode(syrup(local.classes["T"](1)))) is known.classes["T"]


def test_a_class_of_ones_own_is_used() -> None:
    """A given class takes the place of the one that would be made; one that does not fit is refused."""

    @record("test.schema.own", known=False)
    class Own:
        a: int

    @schema.shape
    class Pair:
        x: int
        y: int

    source = "version 1 . Own = <test.schema.own @a int> . Pair = [@x int @y int] ."
    loaded = schema.load(source, classes=[Own, Pair])
    assert type(loaded.parse("Own", Tagged("test.schema.own", [1]))) is Own
    assert loaded.parse("Pair", [1, 2]) == Pair(1, 2)
    assert loaded.unparse("Pair", Pair(1, 2)) == [1, 2]
    with pytest.raises(Misuse, match="Pair is not what schema says: @shape with the fields x, z"):
        schema.load("version 1 . Pair = [@x int @z int] .", classes=[Pair])
    with pytest.raises(Misuse, match="Pair belongs to another schema already"):
        schema.load("version 1 . Pair = [@x int @y int] .", classes=[Pair])
    with pytest.raises(Misuse, match="no use for Own"):
        schema.load("version 1 . P = [@x int @y int] .", classes=[Own])


def test_records_of_any_label_and_compounds(chat: schema.Schema) -> None:
    """What has a label of any kind is parsed as label and fields, and comes back as what it was."""
    for value in (Compound([1], ["a"]), Tagged("x", []), None, parse('<broken "K: m [-]">')):
        typed = chat.parse("Extension", value)
        assert same(chat.unparse("Extension", typed), value)


def test_records_that_stand_for_other_values_come_back_as_these() -> None:
    """A definition of `<void>` or `<broken "…">` takes `None` or an error, and gives it back."""
    special = schema.load("version 1 . Nothing = <void> . Failed = <broken @text string> .")
    for name, value in (("Nothing", None), ("Failed", Broken("no"))):
        assert same(special.unparse(name, special.parse(name, value)), value)


atoms = st.one_of(
    st.booleans(),
    st.integers(-9, 9),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.floats(),
    st.builds(Symbol, st.text(max_size=3)),
)
values = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=2), inner, max_size=3),
        st.builds(Tagged, st.sampled_from(["Present", "Says", "line", "x"]), st.lists(inner, max_size=3)),
        st.lists(atoms, max_size=3).map(Set),
        st.dictionaries(st.sampled_from([Symbol("a"), Symbol("id"), 1, 1.0, True]), inner, max_size=3).map(Map),
    ),
    max_leaves=12,
)


@given(values)
def test_any_value_is_parsed_or_refused_with_a_reason(value: object) -> None:
    """Whatever the value, a definition gives it back, or says why it does not fit; nothing else happens."""
    for name, definition in LOADED.items():
        if definition.accepts(value, exact=True):
            typed = definition.parse(value, exact=True)
            back = definition.unparse(typed)
            assert definition.parse(back) == typed
            assert same(back, value) or name in {"Key", "Secret", "Extra"}  # whose other keys are left out
        else:
            with pytest.raises(BadArgument, match=f"no chat.{name}: "):
                definition.parse(value, exact=True)


LOADED = schema.load(CHAT, name="chat")
