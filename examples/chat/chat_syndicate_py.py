"""The chat's client with syndicate-py: chat_syndicate_py.py ADDRESS FILE NAME, where ADDRESS is a record such as <tcp "127.0.0.1" 9001>
and FILE holds the sturdyref of the room. What is typed is said; the end of input leaves.

Run by the interpreter of an environment that has the package syndicate-py, and nothing of Remit's. This file is Remit's own, under the Apache
License 2.0; syndicate-py is under the GNU GPL, version 3 or later, to which a program as a whole is bound that is given away together with it.
docs/decisions/051-programs-with-foreign-licences.md says more.
"""

import asyncio
import functools
import os
import sys

from syndicate import Record, Symbol, actor, dataspace, parse, patterns, relay, turn
from syndicate.schema import sturdy

address, file, name = sys.argv[1:4]
with open(file) as opened:
    reference = sturdy.SturdyRef.decode(parse(opened.read()))


def show(*words):
    print("".join(char if char.isprintable() else "?" for char in "".join(map(str, words))), flush=True)


@actor.run_system(name=name, debug=False)
def main():
    @relay.connect(address, reference)
    def entered(room):
        turn.publish(room, Record(Symbol("Present"), [name]))

        @dataspace.during(room, patterns.rec("Present", patterns.CAPTURE))
        def comes(who):
            show("* ", who, " is here")
            turn.on_stop(lambda: show("* ", who, " is gone"))

        @dataspace.on_message(room, patterns.rec("Says", patterns.CAPTURE, patterns.CAPTURE))
        def says(who, what):
            show(who, ": ", what)

        facet = turn.active_facet()

        @turn.linked_task()
        async def type_in(facet=facet):
            typed = asyncio.StreamReader()
            await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(typed), sys.stdin)
            while line := await typed.readline():
                said = Record(Symbol("Says"), [name, line.decode().rstrip("\n")])
                turn.external(facet, functools.partial(turn.send, room, said))
            turn.external(facet, lambda: turn.sync(room, lambda: os._exit(0)))  # all of it was heard
