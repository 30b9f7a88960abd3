"""The HTTP side of servers: endpoints as typed data, an OpenAPI document, an ASGI application, and a typed client."""

from __future__ import annotations

from typing import TYPE_CHECKING as _TYPE_CHECKING

from remit._lazy import lazily as _lazily
from remit.app.api._endpoint import Endpoint, Parameter, endpoints_of

if _TYPE_CHECKING:
    from remit.app.api._client import HttpClient, HttpWiring
    from remit.app.api._door import BODY, Answering, Door, door_of
    from remit.app.api._errors import error_of, status_of
    from remit.app.api._openapi import openapi
    from remit.app.api._serve import serve_http
    from remit.app.api._shape import Shape

__all__ = [
    "BODY",
    "Answering",
    "Door",
    "Endpoint",
    "HttpClient",
    "HttpWiring",
    "Parameter",
    "Shape",
    "door_of",
    "endpoints_of",
    "error_of",
    "openapi",
    "serve_http",
    "status_of",
]

__getattr__ = _lazily(
    __name__,
    {
        "_client": "HttpClient HttpWiring",
        "_door": "BODY Answering Door door_of",
        "_errors": "error_of status_of",
        "_openapi": "openapi",
        "_serve": "serve_http",
        "_shape": "Shape",
    },
)
