"""Ids of servers: names in a hierarchy of domains."""

from __future__ import annotations

import pytest

from remit.ensemble import ServerId
from remit.errors import BadArgument


@pytest.mark.parametrize(
    ("text", "domain", "whole"),
    [
        ("db", "/", "db@/"),
        ("db", "/shop", "db@/shop"),
        ("db@eu", "/shop", "db@/shop/eu"),
        ("db@eu/west", "/", "db@/eu/west"),
        ("db@/", "/shop", "db@/"),
        ("db@/eu", "/shop", "db@/eu"),
        ("db@/eu/", "/", "db@/eu"),
    ],
)
def test_a_domain_is_relative_unless_it_begins_with_a_slash(text: str, domain: str, whole: str) -> None:
    """A name alone is in the domain of its home, a relative domain below that, an absolute one is as it says."""
    made = ServerId.parse(text, domain)
    assert made.text == whole
    assert ServerId.parse(whole, "/anything") == made


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "db@",
        "a b",
        "../etc",
        "a/b",
        "db@/../x",
        "-x",
        ".hidden",
        "db@a@b",
        "x" * 65,
        "ü",
        "a\n",
        "db@" + "/a" * 17,
    ],
)
def test_what_is_no_id_is_refused_with_what_one_is(text: str) -> None:
    """Ids become names of files and sockets: nothing else than words of letters, digits, dot, underscore and hyphen."""
    with pytest.raises(BadArgument, match="64 letters|domain"):
        ServerId.parse(text)


def test_an_id_is_shown_as_people_of_its_domain_write_it() -> None:
    """The name alone in its own domain, the whole id elsewhere."""
    assert ServerId.parse("db@/shop").shown("/shop") == "db"
    assert ServerId.parse("db@/shop").shown("/") == "db@/shop"
