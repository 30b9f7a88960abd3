"""What `remit.toml` declares for `remit plan` and `remit up`, as a graph. docs/plan.md describes it.

[plan]
project = "shop"                        # whose this is; the name of the file's directory
state = ".remit/plan.db"                # what was applied last
provider = "process"                    # of machines that name none; --provider and $REMIT_PROVIDER say otherwise

[machines.db]                           # a machine, and what it is to offer and to hold
provider = "process"
options = { classes = ["customers"] }   # what `remit machine create --option` takes
count = 3                               # db-1, db-2 and db-3, all alike
protect = true                          # never removed by a plan, nor made anew
retain = true                           # kept when it is declared no longer
external = true                         # made by others; only linked to
tags = ["public"]                       # for policies

[machines.db.offers.main]
kind = "example.customers"
interface = "customers"
arguments = []
owner = "db-owner"                      # the file with the connection of a service's owner
target = "127.0.0.1:8080"               # or where a service of kind tcp is
external = true                         # a program's, or a service's

[machines.app.bindings]
db = "db.main"

[machines.app.bindings.reader]
service = "db.main"
read_only = true                        # besides: only, prefix, count, rate, bytes, connections, until, interface,
                                            # local, user, reload, signal, templates: docs/credentials.md

[policies.NAME]                         # see docs/plan.md

[[moved]]                               # a machine, an offer or a binding got another name
from = "db"
to = "store"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import msgspec

from remit.cli._config import Source, beside, read_config
from remit.cli._exit import BadConfig, has_secret
from remit.cli._plan_text import worded
from remit.cli._times import number_of_bytes, rate
from remit.cli._toml_lines import line_of
from remit.errors import BadArgument
from remit.graph import Graph, Link, Node, check_policies, data
from remit.lib import Attenuation, make_attenuation

__all__ = ["Declared", "declared"]


LAYING = ("local", "user", "reload", "signal", "templates")


class MachineTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`[machines.NAME]`."""

    provider: str = ""
    options: dict[str, Any] = {}
    count: int | None = None
    protect: bool = False
    retain: bool = False
    external: bool = False
    tags: list[str] = []
    offers: dict[str, dict[str, Any]] = {}
    bindings: dict[str, str | dict[str, Any]] = {}


class OfferTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`[machines.NAME.offers.OFFER]`."""

    kind: str = ""
    interface: str = ""
    description: str = ""
    arguments: list[Any] = []
    owner: str = ""
    tags: list[str] = []
    target: str = ""
    protect: bool = False
    retain: bool = False
    external: bool = False


class BindingTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`[machines.NAME.bindings.BINDING]`."""

    service: str
    interface: str = ""
    only: list[str] | None = None
    read_only: bool = False
    prefix: str | None = None
    count: int | None = None
    rate: str | list[str] | None = None
    bytes: int | str | None = None
    connections: int | None = None
    until: Any = None
    local: str = ""
    user: str = ""
    reload: list[str] = []
    signal: str = ""
    templates: list[list[str]] = []


class MovedTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, rename={"old": "from", "new": "to"}):
    """`[[moved]]`."""

    old: str
    new: str


class Declared(NamedTuple):
    """What a file declares: the graph, and where files that it names, and the state, are."""

    graph: Graph
    directory: Path
    state: Path


def declared(given: str | None, provider: str = "") -> Declared:
    """What the configuration in force declares. What is wrong is a `BadConfig` that names file, line and remedy. `provider` is that of machines that name
    none.
    """
    source = read_config(given)
    if source.path is None:
        raise BadConfig("there is no remit.toml here or above: write one, or name it with --config; see docs/plan.md")
    return _Reader(source, provider).read()


class _Reader:
    """One file being read."""

    def __init__(self, source: Source, provider: str) -> None:
        assert source.path is not None
        self.config, self.path, self.text = source
        self.here = source.path.absolute().parent
        self.provider = provider or self.config.plan.default_provider()
        self.nodes: list[Node] = []
        self.links: list[Link] = []

    def read(self) -> Declared:
        """All of it."""
        for name, table in self.config.machines.items():
            self._machine(name, table)
        moved = [self._moved(number, table) for number, table in enumerate(self.config.moved)]
        policies = [{**table, "name": name} for name, table in sorted(self.config.policies.items())]
        project = self.config.plan.project or self.here.name or "main"
        graph = Graph(project, self.nodes, self.links, policies, moved)
        try:
            graph = graph.checked()
            check_policies(policies)
            self._refuse_secrets(data(graph), [])
        except BadArgument as error:
            raise BadConfig(f"{self.path}: {worded(error.message, graph.ids)}") from None
        state = Path(beside(self.here, self.config.plan.state or ".remit/plan.db"))
        return Declared(graph, self.here, state)

    # --- tables ---------------------------------------------------------------------------------------

    def _machine(self, name: str, table: dict[str, Any]) -> None:
        where = ["machines", name]
        found = self._table(MachineTable, table, where)
        if found.external and ({"provider", "options", "count"} & table.keys()):
            self._wrong(where, "an external machine is made by others: it has no provider, options or count here")
        options = self._options(found.options, [*where, "options"])
        provider = found.provider or self.provider
        for each in self._names(name, found, where):
            fields: dict[str, Any] = {} if found.external else {"provider": provider, "options": options}
            fields |= {"tags": sorted(set(found.tags))} if found.tags else {}
            self._id(each, where)
            self.nodes.append(
                Node(each, "machine", fields, (), found.protect, found.retain and not found.external, found.external)
            )
            for offer, inner in found.offers.items():
                self._offer(each, offer, inner, [*where, "offers", offer])
            for binding, wanted in found.bindings.items():
                self._binding(each, binding, wanted, [*where, "bindings", binding])

    def _names(self, name: str, found: MachineTable, where: list[str]) -> Iterator[str]:
        if found.count is None:
            yield name
            return
        if not 0 <= found.count <= 1000:
            self._wrong([*where, "count"], "count is a number from 0 to 1000")
        yield from (f"{name}-{number}" for number in range(1, found.count + 1))

    def _options(self, given: Mapping[str, Any], where: list[str]) -> dict[str, Any]:
        """As the command line gives them: lists where they may be given several times, and paths that are good everywhere."""
        options = dict(given)
        for name in ("classes", "path"):
            if isinstance(options.get(name), str):
                options[name] = [options[name]]
        try:
            if "path" in options:
                options["path"] = [beside(self.here, each) for each in options["path"]]
            if "services" in options:
                options["services"] = beside(self.here, options["services"])
        except TypeError:
            self._wrong(where, "path is a list of texts, services a text")
        return options

    def _offer(self, machine: str, name: str, table: dict[str, Any], where: list[str]) -> None:
        found = self._table(OfferTable, table, where)
        self._id(name, where)
        if bool(found.kind) == found.external:
            self._wrong(
                where,
                "an offer has a kind, of the object to make; or is external, where a program or a service offers it",
            )
        fields = {
            key: getattr(found, key)
            for key in ("kind", "interface", "description", "arguments", "owner", "target", "tags")
        }
        said = {key: value for key, value in fields.items() if value}
        self.nodes.append(
            Node(f"{machine}/{name}", "offer", said, (machine,), found.protect, found.retain, found.external)
        )

    def _binding(self, machine: str, name: str, given: str | dict[str, Any], where: list[str]) -> None:
        found = self._table(BindingTable, {"service": given} if isinstance(given, str) else given, where)
        self._id(name, where)
        service = self._dotted(found.service, where, "service")
        laid = {key: value for key in LAYING if (value := getattr(found, key))}
        narrowed = self._attenuation(found, where)
        self.links.append(Link(f"{machine}/{name}", machine, service, narrowed, found.interface, fields=laid or None))

    def _attenuation(self, found: BindingTable, where: list[str]) -> Attenuation:
        texts = [found.rate] if isinstance(found.rate, str) else found.rate
        rates = [rate(text) for text in texts or ()]
        if None in rates:
            self._wrong([*where, "rate"], "a rate is calls and a time, such as 10/s, 100/m or 5/10m")
        until = self._until(found.until, [*where, "until"])
        most = number_of_bytes(found.bytes) if isinstance(found.bytes, str) else found.bytes
        if isinstance(found.bytes, str) and most is None:
            self._wrong([*where, "bytes"], "bytes is 500k, 10M, 2G, or a number")
        try:
            return make_attenuation(
                methods=found.only,
                read_only=found.read_only,
                prefix=found.prefix,
                count=found.count,
                until=until,
                rate=[each for each in rates if each] or None,
                bytes=most,
                connections=found.connections,
            ).checked()
        except BadArgument as error:
            self._wrong(where, error.message)

    def _until(self, value: Any, where: list[str]) -> float | None:
        if value is None or type(value) in (int, float):
            return value  # type: ignore[no-any-return]  # None or a number of seconds
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            moment = None
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            self._wrong(
                where,
                "until is a date and time with its zone, such as 2031-12-24T18:00:00Z, or seconds since the epoch",
            )
        return moment.timestamp()

    def _moved(self, number: int, table: dict[str, Any]) -> list[str]:
        where = ["moved", str(number)]
        found = self._table(MovedTable, table, where)
        return [each.replace(".", "/") for each in (found.old, found.new)]

    # --- what is wrong ----------------------------------------------------------------------------------

    def _table(self, cls: Any, table: dict[str, Any], where: list[str]) -> Any:
        try:
            return msgspec.convert(table, cls)
        except msgspec.ValidationError as error:
            text = str(error)
            field = text.partition("field `")[2].partition("`")[0]
            hint = ""
            if "unknown field" in text:
                known = [each.encode_name for each in msgspec.structs.fields(cls)]
                near = get_close_matches(field, known, 1)
                hint = f" (did you mean `{near[0]}`?)" if near else f" (there are: {', '.join(known)})"
            inner = text.partition(" - at `$.")[2].partition("`")[0].partition(".")[0].partition("[")[0]
            self._wrong(
                [*where, field or inner] if field or inner else where,
                f"{text.replace('`$', '`' + '.'.join(where))}{hint}",
            )

    def _refuse_secrets(self, value: Any, where: list[str]) -> None:
        """What is declared is shown in plans and kept in the clear."""
        if isinstance(value, dict | list):
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for name, each in pairs:
                self._refuse_secrets(each, [*where, str(name)])
        elif isinstance(value, str) and has_secret(value):
            raise BadConfig(
                f"{self.path}: there is a password or a sturdyref in {'.'.join(where)}, and what is declared is shown in plans. "
                "Put it into a file of mode 600, and name that file as `owner`"
            )

    def _dotted(self, text: str, where: list[str], key: str) -> str:
        machine, dot, name = text.partition(".")
        if not (machine and dot and name) or "/" in text:
            self._wrong([*where, key], f"{text!r} is no service: write machine.offer, such as db.main")
        return f"{machine}/{name}"

    def _id(self, name: str, where: list[str]) -> None:
        if "." in name or "/" in name:
            self._wrong(where, f"{name!r} cannot be a name: it has letters, digits, '-' and '_'")

    def _wrong(self, where: list[str], text: str) -> NoReturn:
        line = line_of(self.text, where)
        raise BadConfig(f"{self.path}{f', line {line}' if line else ''}: {'.'.join(where)}: {text}")
