"""Somebody in a room, by `syndicate-py`: run as a program in an environment of its own, which is never that of the tests.

It says on its standard output what it sees, a line each, and does what comes as lines on its standard input: `say TEXT`, `sync`.
"""

import asyncio
import functools
import sys

from syndicate import Record, Symbol, actor, dataspace, parse, patterns, relay, turn
from syndicate.schema import sturdy

address, cap, name = sys.argv[1:4]


def show(*words):
    print(*words, flush=True)


@actor.run_system(name=name, debug=False)
def main():
    @relay.connect(address, sturdy.SturdyRef.decode(parse(cap)))
    def connected(ds):
        turn.publish(ds, Record(Symbol("Present"), [name]))

        @dataspace.during(ds, patterns.rec("Present", patterns.CAPTURE))
        def present(who):
            show("+", who)
            turn.on_stop(lambda: show("-", who))

        @dataspace.on_message(ds, patterns.rec("Says", patterns.CAPTURE, patterns.CAPTURE))
        def says(who, what):
            show("says", who, what)

        facet = turn.active_facet()

        def do(line):
            word, _, rest = line.strip().partition(" ")
            if word == "say":
                turn.send(ds, Record(Symbol("Says"), [name, rest]))
            elif word == "sync":
                turn.sync(ds, lambda: show("synced"))

        @turn.linked_task()
        async def read(facet=facet):
            loop = asyncio.get_running_loop()
            reader = asyncio.StreamReader()
            await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
            while line := await reader.readline():
                turn.external(facet, functools.partial(do, line.decode()))
