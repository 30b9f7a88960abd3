"""Handlers for HTTP servers that run already. One is registered by loading this; the other waits for somebody to do it."""

from httpd_server import current_http_server

texts = {"greeting": "hello there!\n"}


def set_greeting(what):
    texts["greeting"] = what


def greeting_handler(request):
    return texts["greeting"]


def root_handler(request):
    return "the world is not flat but round!\n"


current_http_server().register("/", root_handler)
