"""What Amazon EC2 answers (the forms of its API reference, version 2016-11-15), from a server on loopback that remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
INSTANCE = """<item><instanceId>{id}</instanceId><imageId>ami-0a1b</imageId><instanceState><code>16</code><name>{state}</name></instanceState>
<privateIpAddress>10.0.0.7</privateIpAddress><instanceType>t3.micro</instanceType><launchTime>2026-11-01T10:00:00.000Z</launchTime>
<placement><availabilityZone>eu-west-1a</availabilityZone></placement><tagSet>{tags}</tagSet></item>"""
IMAGE = """<imagesSet><item><imageId>ami-0a1b</imageId><imageLocation>debian</imageLocation><imageState>available</imageState><name>debian-12</name>
<blockDeviceMapping/></item></imagesSet>"""
FAULT = "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>1</RequestID></Response>"


class Ec2:
    """One account."""

    def __init__(self) -> None:
        self.instances: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, str]] = []
        self.signed: list[str] = []
        self.fault: tuple[str, str] | None = None
        self.port = 0

    def answer(self, asked: dict[str, str]) -> tuple[int, str]:
        self.asked.append(asked)
        if self.fault is not None:
            return 400, FAULT.format(code=self.fault[0], message=self.fault[1])
        body: str = getattr(self, asked["Action"])(asked)
        return (
            200,
            f'<{asked["Action"]}Response xmlns="{SPACE}"><requestId>1</requestId>{body}</{asked["Action"]}Response>',
        )

    def DescribeInstances(self, asked: dict[str, str]) -> str:  # noqa: N802  # the API's names
        name, value = asked["Filter.1.Name"].removeprefix("tag:"), asked["Filter.1.Value.1"]
        found = [id for id, each in self.instances.items() if each["tags"].get(name) == value]
        items = "".join(f"<item><instancesSet>{self._shown(id)}</instancesSet></item>" for id in found)
        return f"<reservationSet>{items}</reservationSet>"

    def DescribeAddresses(self, asked: dict[str, str]) -> str:  # noqa: N802
        return "<addressesSet/>"

    def DescribeAvailabilityZones(self, asked: dict[str, str]) -> str:  # noqa: N802
        zone = "<zoneName>eu-west-1a</zoneName><zoneState>available</zoneState><regionName>eu-west-1</regionName>"
        return f"<availabilityZoneInfo><item>{zone}</item></availabilityZoneInfo>"

    def DescribeImages(self, asked: dict[str, str]) -> str:  # noqa: N802
        return IMAGE

    def RunInstances(self, asked: dict[str, str]) -> str:  # noqa: N802
        same = [id for id, each in self.instances.items() if each["token"] == asked["ClientToken"]]
        root = "TagSpecification.1.Tag."
        keys = [name for name in asked if name.startswith(root) and name.endswith(".Key")]
        tags = {asked[name]: asked[name.removesuffix("Key") + "Value"] for name in keys}
        id = same[0] if same else f"i-{len(self.instances):04d}"
        self.instances.setdefault(id, {"state": "pending", "tags": tags, "token": asked["ClientToken"], "asked": asked})
        return f"<instancesSet>{self._shown(id)}</instancesSet>"

    def TerminateInstances(self, asked: dict[str, str]) -> str:  # noqa: N802
        return self._turned(asked, "shutting-down")

    def StartInstances(self, asked: dict[str, str]) -> str:  # noqa: N802
        return self._turned(asked, "pending")

    def _turned(self, asked: dict[str, str], state: str) -> str:
        id = asked["InstanceId.1"]
        self.instances[id]["state"] = state
        return f"<instancesSet><item><instanceId>{id}</instanceId><currentState><name>{state}</name></currentState></item></instancesSet>"

    def _shown(self, id: str) -> str:
        one = self.instances[id]
        tags = "".join(f"<item><key>{key}</key><value>{value}</value></item>" for key, value in one["tags"].items())
        return INSTANCE.format(id=id, state=one["state"], tags=tags)


@contextmanager
def ec2() -> Iterator[Ec2]:
    """A server, while the body runs."""
    account = Ec2()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:  # http.server's name
            asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            account.signed.append(self.headers.get("Authorization", "") + asked.get("AWSAccessKeyId", ""))
            status, body = account.answer(asked)
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    account.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield account
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
