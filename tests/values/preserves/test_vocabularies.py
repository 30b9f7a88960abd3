"""The published vocabularies beside what is known of the wire: values that peers send are of them, and near misses are not."""

from __future__ import annotations

import pytest

from remit.values import same
from remit.values.preserves import parse
from tests.house.test_protocols import vocabulary


@pytest.mark.parametrize(
    ("name", "alternative", "value"),
    [
        ("packets.Packet", "Turn", '[[0 <A <resolve <ref {oid: "syndicate" sig: #x"69ca"}> #:[0 0]> 1>]]'),
        (
            "packets.Packet",
            "Turn",
            "[[1 <A <Observe <group <rec Present> {0: <bind <_>>}> #:[0 1]> 4>] [2 <S #:[0 3]>]]",
        ),
        ("packets.Packet", "Turn", "[]"),
        ("packets.Packet", "Error", '<error "transient reference" [1]>'),
        ("packets.Packet", "Nop", "#f"),
        ("packets.Packet", "EnableCredit", "<do <credit-flow-control 202506>>"),
        ("packets.Packet", "IssueCredit", "<C 5>"),
        ("packets.Packet", "Extension", "<do <something else>>"),
        ("packets.Packet", "Extension", "<error malformed>"),
        ("sturdy.WireRef", "mine", "[0 5]"),
        ("sturdy.WireRef", "yours", "[1 5]"),
        ("sturdy.WireRef", "yours", "[1 5 <reject <_>> <what is this>]"),
        ("sturdy.SturdyRef", "", '<ref {oid: "syndicate" sig: #x"69ca300c1dbfa08fba692102dd82311a"}>'),
        (
            "sturdy.SturdyRef",
            "",
            '<ref {oid: a-service sig: #x"00" caveats: [<rewrite <bind <_>> <rec l [<lit "a"> <ref 0>]>>]}>',
        ),
        ("sturdy.Caveat", "Rewrite", "<rewrite <and [Symbol <not <lit x>>]> <attenuate <ref 0> []>>"),
        ("sturdy.Caveat", "Alternatives", "<or [<rewrite <arr [<bind String>]> <dict {a: <ref 0>}>>]>"),
        ("sturdy.Caveat", "unknown", "<third-party 5>"),
        ("dataspace.Observe", "", "<Observe <group <arr> {0: <bind <_>> 1: <lit 5>}> #:[0 1]>"),
        ("dataspace.Pattern", "group", '<group <dict> {"k": <_> k: <bind <lit #"b">>}>'),
        ("gatekeeper.Resolve", "", "<resolve <noise {service: x}> #:[0 7]>"),
        ("gatekeeper.Answer", "Accepted", "<accepted #:[0 1]>"),
        ("gatekeeper.Answer", "Ok", "<ok #:[0 1]>"),
        ("gatekeeper.Bind", "", '<bind <ref {oid: "syndicate" key: #""}> #:[0 1] #f>'),
        ("gatekeeper.StandardRoute", "standard", '[["wss://h/"] #"k" s #"s" "oid" <reject <_>>]'),
        ("gatekeeper.StandardRoute", "general", '<route [<tcp "h" 1>] <noise {}> <ref {}>>'),
        ("noise.Packet", "fragmented", '[#"a" #"b"]'),
        ("noise.Spec", "", '{service: x key: #"k" protocol: "P"}'),
        ("noise.ServiceSpec", "", '{service: x key: #"k" secretKey: #"s"}'),
        ("rpc.Result", "Error", "<error <what happened>>"),
        ("service.ServiceState", "", "<service-state <daemon x> ready>"),
        ("service.State", "other", "<half ready>"),
        ("service.DependsOn", "", "<depends-on a <service-state b up>>"),
        ("timer.SetTimer", "", "<set-timer t 1.5 relative>"),
        ("stream.Mode", "lines", "crlf"),
        ("stream.Mode", "packet", "<packet 5>"),
        ("stream.Sink", "data", '<data #"b" bytes>'),
        ("stream.Source", "credit", "<credit unbounded lf>"),
        ("transport.Address", "WebSocket", '<ws "wss://h/">'),
        ("http.PathElement", "rest", "..."),
        ("http.HttpBinding", "", '<http-bind #f 80 get ["a" _ ...] #:[0 1]>'),
        ("worker.Instance", "", '<Instance "n" [1]>'),
        ("trace.TraceEntry", "", '<trace 1.0 a <start <named "x">>>'),
        ("trace.TraceEntry", "", "<trace 1.0 a <turn 1 <caused-by 0> [<enqueue <event <entity a f 0> <retract 5>>>]>>"),
        ("trace.TraceEntry", "", '<trace 1.0 a <stop <error "m" d>>>'),
        ("schema.Definition", "or", '<or [["a" <lit a>] ["b" <ref [m] B>]]>'),
    ],
)
def test_known_values_are_of_the_vocabularies(name: str, alternative: str, value: str) -> None:
    """Each is of the alternative that is meant, and comes back as it was."""
    module, definition = name.split(".")
    known = parse(value)
    there = vocabulary(module)[definition]
    assert there.which(known) == alternative
    assert same(there.unparse(there.parse(known, exact=True)), known)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("packets.Packet", "5"),
        ("packets.Packet", "0"),
        ("packets.Turn", "[[0 <A x>]]"),
        ("packets.Turn", "[[0 <A x #t>]]"),
        ("sturdy.WireRef", "[2 5]"),
        ("sturdy.WireRef", "[#t 5]"),
        ("sturdy.SturdyRef", '<ref {oid: "syndicate"}>'),
        ("dataspace.Pattern", "<lit [1]>"),
        ("service.ServiceState", "<service-state a>"),
        ("timer.SetTimer", "<set-timer t 1 relative>"),
        ("transport.Tcp", '<tcp "h" "80">'),
    ],
)
def test_other_values_are_not(name: str, value: str) -> None:
    """Numbers of other kinds, missing fields, unknown alternatives."""
    module, definition = name.split(".")
    assert not vocabulary(module)[definition].accepts(parse(value))
