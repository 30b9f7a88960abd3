"""Which servers are served over HTTP as well, and where: `--set http.SERVER=HOST:PORT`, remembered while it is deployed, until it is `--set http.SERVER=`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from remit.app._graph import AppGraph
from remit.app.targets._target import Problem
from remit.app.targets.processes._layout import Layout

__all__ = ["http_places", "http_problems"]

OPTION = "http."


def http_places(layout: Layout, options: Mapping[str, str], app: str) -> dict[str, str]:
    """Where each is served, by its id: as it is deployed, and as the options say."""
    places = {node["id"]: node["fields"].get("http", "") for node in layout.there().values()}
    for option, place in options.items():
        if option.startswith(OPTION):
            places[f"{app}/{option.removeprefix(OPTION)}"] = place
    return {id: place for id, place in places.items() if place}


def http_problems(graph: AppGraph, places: Mapping[str, str]) -> list[Problem]:
    """Places of what is no server, and what is missing here to serve."""
    kinds = {node.id: node.kind for node in graph.nodes}
    found = []
    for id, place in places.items():
        if kinds.get(id) != "api":
            servers = ", ".join(
                sorted(each.removeprefix(f"{graph.app}/") for each, kind in kinds.items() if kind == "api")
            )
            found.append(
                Problem(
                    id,
                    f"it is to be served over HTTP at {place}, and is no server of this program; there are: {servers or 'none'}",
                )
            )
        elif find_spec("uvicorn") is None or find_spec("starlette") is None:
            found.append(
                Problem(
                    id,
                    "serving it over HTTP needs starlette and uvicorn, which are not installed: pip install 'remit[serve]'",
                )
            )
    return found
