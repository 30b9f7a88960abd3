"""`syndicate-py` at both ends of a relay, in an environment of its own: this file is run by that environment's interpreter alone.

`serve PATH` accepts one connection and echoes messages; `ask PATH` reads lines `N WINDOW` and says how many seconds N messages took there
and back, WINDOW of them under way at a time.
"""

import os
import socket
import sys
import time

ROLE, PATH = sys.argv[1:3]
if ROLE == "serve":
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(PATH)
    listening.listen(1)
    print("ready", flush=True)
    accepted, _ = listening.accept()
    os.dup2(accepted.fileno(), 0)  # it can serve on its standard input and output only
    os.dup2(accepted.fileno(), 1)

from syndicate import Embedded, Record, Symbol, actor, relay, turn  # noqa: E402  # what it serves on has to be there before
from syndicate.schema import transportAddress  # noqa: E402

PAYLOAD = Record(Symbol("says"), ["somebody", 12345, "what is said in a message of usual size"])


class Echo(actor.Entity):
    def on_publish(self, value, handle):
        self.peer = value[0].embeddedValue

    def on_message(self, value):
        turn.send(self.peer, value)


class Asker(actor.Entity):
    far = None

    def on_message(self, value):
        self.left -= 1
        if not self.left:
            print("took", time.perf_counter() - self.began, flush=True)
            self.begin()
        elif self.unsent:
            self.unsent -= 1
            turn.send(self.far, PAYLOAD)

    def begin(self):
        line = sys.stdin.readline()
        if not line:
            os._exit(0)
        self.left, window = map(int, line.split())
        self.unsent = self.left - window
        self.began = time.perf_counter()
        for _ in range(window):
            turn.send(self.far, PAYLOAD)


class Gate(actor.Entity):
    def __init__(self, asker, me):
        self.asker, self.me = asker, me

    def on_publish(self, value, handle):
        self.asker.far = value.embeddedValue
        turn.publish(self.asker.far, Record(Symbol("me"), [Embedded(self.me)]))
        print("ready", flush=True)
        self.asker.begin()


@actor.run_system(name=ROLE, debug=False)
def main():
    if ROLE == "serve":
        relay.PipeTunnelRelay(transportAddress.Stdio(), publish_service=turn.ref(Echo()), publish_oid=0)
        return
    asker = Asker()
    gate = turn.ref(Gate(asker, turn.ref(asker)))
    relay.UnixSocketTunnelRelay(transportAddress.Unix(PATH), gatekeeper_peer=gate, gatekeeper_oid=0)
