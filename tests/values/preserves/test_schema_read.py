"""Reading `.prs` text: every form, and what is wrong with a text that is no schema."""

from __future__ import annotations

import pytest

from remit.errors import BadArgument, DecodeError, Misuse
from remit.values import Symbol, same
from remit.values.preserves import parse, schema, text


def compiled(source: str) -> str:
    """The one definition of a text, as it is compiled."""
    loaded = schema.load(f"version 1 . {source} . R = int .")
    return text(loaded["X"].pattern)


@pytest.mark.parametrize(
    ("source", "pattern"),
    [
        ("X = any", "any"),
        ("X = bool", "<atom Boolean>"),
        ("X = double", "<atom Double>"),
        ("X = int", "<atom SignedInteger>"),
        ("X = string", "<atom String>"),
        ("X = bytes", "<atom ByteString>"),
        ("X = symbol", "<atom Symbol>"),
        ("X = =any", "<lit any>"),
        ("X = =text/syndicate", "<lit text/syndicate>"),
        ("X = <<lit> <a [1]>>", "<lit <a [1]>>"),
        ('X = "s"', '<lit "s">'),
        ("X = #f", "<lit #f>"),
        ("X = -5", "<lit -5>"),
        ("X = 1.5", "<lit 1.5>"),
        ("X = R", "<ref [] R>"),
        ("X = #:#t", "<embedded <lit #t>>"),
        ("X = #:R", "<embedded <ref [] R>>"),
        ("X = [int ...]", "<seqof <atom SignedInteger>>"),
        ("X = #{[int ...]}", "<setof <seqof <atom SignedInteger>>>"),
        ("X = {string: any ...:...}", "<dictof <atom String> any>"),
        ("X = []", "<tuple []>"),
        ("X = [@a int, @b R]", "<tuple [<named a <atom SignedInteger>> <named b <ref [] R>>]>"),
        ("X = [@a int @b R ...]", "<tuplePrefix [<named a <atom SignedInteger>>] <named b <seqof <ref [] R>>>>"),
        ("X = [@b R ...]", "<tuplePrefix [] <named b <seqof <ref [] R>>>>"),
        ("X = <x>", "<rec <lit x> <tuple []>>"),
        ("X = <x 1 @a int>", "<rec <lit x> <tuple [<lit 1> <named a <atom SignedInteger>>]>>"),
        (
            "X = <x [@a int @b int]>",
            "<rec <lit x> <tuple [<tuple [<named a <atom SignedInteger>> <named b <atom SignedInteger>>]>]>>",
        ),
        ('X = <"x" @a int>', '<rec <lit "x"> <tuple [<named a <atom SignedInteger>>]>>'),
        ("X = <<rec> @l any @f [any ...]>", "<rec <named l any> <named f <seqof any>>>"),
        ("X = {a: int, b: @c R}", "<dict {a: <named a <atom SignedInteger>> b: <named c <ref [] R>>}>"),
        ('X = {"a": int, 5: @five R}', '<dict {5: <named five <ref [] R>> "a": <named a <atom SignedInteger>>}>'),
        ("X = R / =b", '<or [["R" <ref [] R>] ["b" <lit b>]]>'),
        (
            "X = / <rec @a any> / #t / 5 / string",
            '<or [["rec" <rec <lit rec> <tuple [<named a any>]>>] ["true" <lit #t>] ["5" <lit 5>] ["string" <atom String>]]>',
        ),
        ("X = @one R / @two [@a int]", '<or [["one" <ref [] R>] ["two" <tuple [<named a <atom SignedInteger>>]>]]>'),
        ("X = & @a R & {b: int}", "<and [<named a <ref [] R>> <dict {b: <named b <atom SignedInteger>>}>]>"),
        ('X = [@a @"what it is" int]', "<tuple [<named a <atom SignedInteger>>]>"),
    ],
)
def test_every_form_is_compiled(source: str, pattern: str) -> None:
    """Each form of the concrete syntax has one compiled form."""
    assert compiled(source) == pattern


@pytest.mark.parametrize(
    ("source", "place", "why"),
    [
        ("X = int .", (1, 1), "the version is missing"),
        ("version 2 . X = int .", (1, 1), "this is for version 1"),
        ("version 1 .\nX = int", (2, 5), "not closed: put ' .' after it"),
        ("version 1 .\nX = Foo.", (2, 5), "put a space before the '.' of Foo."),
        (
            "version 1 .\nX = Frist .\nFirst = int .",
            (2, 5),
            "X refers to Frist, which is not defined; did you mean 'First'?",
        ),
        ("version 1 .\nX = strin .", (2, 5), "which is not defined; did you mean 'string'?"),
        ("version 1 .\n\n  X = [a-b ...] .", (3, 8), "a-b is no pattern: write =a-b for the symbol"),
        ("version 1 .\nX = int .\nX = bool .", (3, 1), "X is defined twice, first at line 2, column 1"),
        ("version 1 . X = int / bool & any .", (1, 13), "do not mix"),
        ("version 1 . X = @a int .", (1, 20), "has one pattern, which needs no name"),
        ("version 1 . X = int bool .", (1, 21), "missing before bool?"),
        ("version 1 . X = .", (1, 13), "a pattern is missing"),
        ("version 1 . X = int / .", (1, 13), "a pattern is missing"),
        ("version 1 . string = int .", (1, 13), "has a meaning of its own"),
        ("version 1 . a-b = int .", (1, 13), "cannot be the name of a definition"),
        ("version 1 . X = <a int> .", (1, 20), "a part without a name would be lost"),
        ("version 1 . X = <a @b int @b int> .", None, "two parts called b"),
        ("version 1 . X = {a: int} & {a: int} .", None, "two parts called a"),
        ("version 1 . X = <a> / @a int .", None, "two alternatives called a"),
        ("version 1 . X = [int ...] / int .", (1, 17), "needs a name: @name"),
        ("version 1 . X = [<a @b int> ...] .", (1, 18), "give it a definition of its own"),
        ("version 1 . X = <a @b [@c int]> .", (1, 23), "give it a definition of its own"),
        ("version 1 . X = [@a @b int] .", (1, 22), "two names for one part"),
        ("version 1 . X = Y . Y = X / int .", None, "X is defined by itself"),
        ("version 1 . X = [... ...] .", None, "'...' stands at the end"),
        ("version 1 . X = [...] .", (1, 17), "a pattern is missing before '...'"),
        ("version 1 . X = #{} .", (1, 17), "one pattern for all members"),
        ("version 1 . X = {any: any, ...:..., a: b} .", (1, 17), "a dictionary of any size is written"),
        ("version 1 . X = {a: int, a: int} .", (1, 17), "a key comes twice"),
        ("version 1 . X = <<lit> 1 2> .", (1, 17), "a literal is one value"),
        ("version 1 . X = <> .", (1, 17), "a record has a label"),
        ("version 1 . X = [int .", None, "ends inside a value"),
        ("version 1 . X = [int> .", (1, 21), "'>' does not close the '[' of line 1, column 17"),
        ("version 1 . X = {a} .", (1, 19), "a ':' is missing"),
        ('version 1 . X = "abc .', (1, 17), "does not end"),
        ('version 1 . X = "a\\q" .', (1, 19), "q"),
        ("; an old comment\nversion 1 .", (1, 1), "a comment begins with '# '"),
        ("version 1 . X = #;5 .", (1, 17), "'#' begins no value"),
        ('version 1 . includ "x" .', (1, 13), "includ begins no clause; did you mean 'include'?"),
        ("version 1 . embeddedType 5 .", (1, 26), "embeddedType is #f or the name"),
        ("version 1 . X = other.Y .", (1, 17), "other.Y is of the module other; give load() a function modules="),
        ('version 1 . include "other" .', (1, 21), "give load() a function include="),
    ],
)
def test_a_mistake_is_told_with_its_place(source: str, place: tuple[int, int] | None, why: str) -> None:
    """Line and column, what is wrong, and where it helps the name that was meant."""
    with pytest.raises(DecodeError) as caught:
        schema.load(source)
    assert why in str(caught.value)
    assert caught.value.line > 0
    if place is not None:
        assert (caught.value.line, caught.value.column) == place


def test_other_modules_are_asked_for_by_name() -> None:
    """A reference to a module has its text read once, and everything that it refers to itself; they may refer to each other."""
    texts = {
        "a.tree": "version 1 . Tree = <tree @left Side @right Side> . Side = @tree Tree / @leaf b.Leaf .",
        "b": "version 1 . Leaf = <leaf @of a.tree.Side> / <end> .",
    }
    asked = []

    def find(name: str) -> str:
        asked.append(name)
        return texts[name]

    loaded = schema.load("version 1 . Wood = [a.tree.Tree ...] .", name="wood", modules=find)
    assert asked == ["a.tree", "b"]
    value = parse("[<tree <end> <leaf <tree <end> <end>>>>]")
    [tree] = loaded.parse("Wood", value)
    assert type(tree) is loaded.bundle["a.tree"].classes["Tree"]
    assert type(tree.right) is loaded.bundle["b"].classes["LeafLeaf"]
    assert same(loaded.unparse("Wood", [tree]), value)
    with pytest.raises(BadArgument, match="item 0: <tree>: field 1 .right.: <leaf>: field 0 .of.: expected"):
        loaded.parse("Wood", parse("[<tree <end> <leaf 5>>]"))


def test_what_another_module_does_not_define_is_told() -> None:
    """With the place of the reference, and the nearest name of the other module."""
    with pytest.raises(
        DecodeError, match=r"refers to Y2, which is not defined in the module other; did you mean 'Y'\?"
    ):
        schema.load("version 1 . X = other.Y2 .", modules=lambda name: "version 1 . Y = int .")


def test_schemas_that_are_loaded_already_are_used() -> None:
    """`using` gives modules that need not be read again; their classes are theirs."""
    other = schema.load("version 1 . Y = <y @n int> .", name="other")
    loaded = schema.load("version 1 . X = [other.Y ...] .", using={"other": other})
    assert [type(each) for each in loaded.parse("X", parse("[<y 1>]"))] == [other.classes["Y"]]


def test_included_files_are_part_of_the_schema() -> None:
    """Their definitions are as if they stood in the text; a circle of inclusions is refused."""
    files = {"common": "version 1 . Id = int .", "a": 'version 1 . include "b" .', "b": 'version 1 . include "a" .'}
    loaded = schema.load('version 1 . include "common" . X = <x @id Id> .', include=files.__getitem__)
    assert list(loaded) == ["Id", "X"]
    with pytest.raises(DecodeError, match="'a' includes itself: a → b"):
        schema.load('version 1 . include "a" .', include=files.__getitem__)


def test_the_embedded_type_is_kept() -> None:
    """It is a name for readers: no module of that name has to be there."""
    loaded = schema.load("version 1 . embeddedType EntityRef.Cap . X = #:any .")
    assert text(loaded.embedded) == "<ref [EntityRef] Cap>"
    assert schema.load("version 1 . embeddedType #f .").embedded is False


def test_comments_above_a_definition_are_its_description() -> None:
    """They become the docstring of its class, and are written out again; lines of dashes are left out."""
    source = "version 1 .\n# -----\n# One thing,\n# and another.\nX = <x> . # behind\n# at the end"
    loaded = schema.load(source)
    assert loaded["X"].doc == "One thing,\nand another."
    assert loaded.classes["X"].__doc__ == "One thing,\nand another."
    assert "# One thing,\n# and another.\nX = <x> ." in schema.prs_source(loaded)


def test_a_text_that_was_written_is_read_as_the_same() -> None:
    """`prs_source` writes every form such that it is read as the same schema."""
    source = """
    version 1 . embeddedType M.T .
    A = any . B = / =sym / "text" / 5 / 1.5 / #t / @bytes #"b" / @other <<lit> [a "b"]> / <<lit> 'odd symbol'> .
    C = [bool ...] . D = #{int} . E = {string: double ...:...} . F = [] . G = [@a int @b-c C ...] .
    H = <h> . I = <"h" @'odd name' bytes> . J = <<rec> @l any @f C> . K = {a: int, "b": @c C, 5: @d D, "x y": @e any} .
    L = @p K & @q #:any & {z: A} . M = #:#t . N = <lit @value any> . O = <<lit> <a>> . P = @first R / @R B . R = =R .
    Q = @very-long-name-of-an-alternative A / @another-very-long-name-of-an-alternative B / @x C .
    """
    loaded = schema.load(source)
    again = schema.load(schema.prs_source(loaded))
    assert same(schema.schema_value(again), schema.schema_value(loaded))
    assert list(again) == list(loaded)


def test_a_long_schema_is_read_in_linear_time_and_a_deep_one_refused() -> None:
    """Nesting is bounded; so is what a hostile text costs."""
    with pytest.raises(DecodeError, match="deeper"):
        schema.load("version 1 . X = " + "[" * 500)
    loaded = schema.load("version 1 . " + " ".join(f"X{n} = <x{n} @a any> ." for n in range(500)))
    assert len(loaded) == 500


def test_a_bad_compiled_form_is_refused() -> None:
    """What the metaschema does not accept, and what no text could say."""
    with pytest.raises(BadArgument, match="no schema.Schema: <schema>: field 0: key definitions: key X: <atom>"):
        schema.from_value(parse("<schema {version: 1, embeddedType: #f, definitions: {X: <atom Integer>}}>"))
    with pytest.raises(Misuse, match="X refers to Y, which is not defined"):
        schema.from_value(parse("<schema {version: 1, embeddedType: #f, definitions: {X: <ref [] Y>}}>"))
    with pytest.raises(Misuse, match="a part without a name would be lost"):
        schema.from_value(parse("<schema {version: 1, embeddedType: #f, definitions: {X: <tuple [any]>}}>"))


def test_names_become_names_of_python() -> None:
    """Keywords, types and signs have a place, and no two fields or classes the same name."""
    loaded = schema.load(
        "version 1 . X = <x @from int @seq-no int @seq_no int @int int @_ int @Big int> . A = <b> / @B <c> . AB = <d> ."
    )
    assert loaded.classes["X"].__record_fields__ == ("from_", "seq_no", "seq_no_2", "int_", "field", "Big_")
    assert {name: cls.__record_label__ for name, cls in loaded.classes.items() if name != "X"} == {
        "AB": "d",
        "AB_2": "b",
        "AB_3": "c",
    }
    assert loaded["A"].classes["B"] is loaded.classes["AB_3"]
    assert loaded.parse("A", parse("<b>")) == loaded.classes["AB_2"]() and Symbol("b") is not None
