"""The device `herald`: tells whoever should look at alarms, by a web hook or a command, until it has been heard."""

from __future__ import annotations

import asyncio
import json
import logging
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from remit.durable import read_secret_file
from remit.errors import BadArgument, RemitError, StoreError

__all__ = ["Herald"]

logger: Final = logging.getLogger("remit.alarms")
PATIENCE: Final = 10.0  # seconds for one attempt
_SCHEMES: Final = ("http://", "https://")
FIRST, LONGEST = 1.0, 300.0  # seconds between two attempts: the first wait, and the longest


class Herald:
    """Owned by the boss's process. `webhook`: an `http` or `https` URL that gets each alarm as a POST of JSON, or `@FILE` for a private file with
    it, since such URLs often hold a secret. `command`: argv of a program that gets the same on standard input; exit status 0 means that it was
    heard. With both, both are told. What was told and not noted before a crash is told again.
    """

    def __init__(
        self,
        webhook: str = "",
        command: Sequence[str] = (),
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._webhook = webhook
        self._command = tuple(command)
        self._sleep = sleep
        self._one = asyncio.Lock()
        if webhook and not webhook.startswith((*_SCHEMES, "@")):
            raise BadArgument("a web hook is an http or https URL, or @FILE for a private file that holds it")

    async def announce(self, alarm: dict[str, Any]) -> None:
        """Tell an alarm, as `remit status --json` shows it; returns when it has been heard. Attempts go on for as long as the process lives."""
        told = json.dumps({"version": 1, "alarm": alarm}, sort_keys=True).encode()
        async with self._one:
            for way in self._ways():
                await self._until_heard(way, told, alarm)

    def _ways(self) -> list[Callable[[bytes], Awaitable[str]]]:
        ways: list[Callable[[bytes], Awaitable[str]]] = []
        if self._webhook:
            ways.append(lambda told: asyncio.to_thread(self._post, told))
        if self._command:
            ways.append(self._run)
        return ways

    async def _until_heard(self, way: Callable[[bytes], Awaitable[str]], told: bytes, alarm: dict[str, Any]) -> None:
        wait = FIRST
        while why := await way(told):
            logger.warning("alarm %s could not be told (%s); again in %g s", alarm["id"], why, wait)
            await self._sleep(wait)
            wait = min(2 * wait, LONGEST)

    def _post(self, told: bytes) -> str:
        """One attempt; why it has failed, "" if it has not. The URL is in no word of it."""
        try:
            headers = {"Content-Type": "application/json", "User-Agent": "remit"}
            request = urllib.request.Request(self._url(), told, headers, method="POST")  # noqa: S310  # `_url` has looked
            with _OPENER.open(request, timeout=PATIENCE):
                return ""
        except (StoreError, RemitError) as error:
            return str(error)
        except urllib.error.HTTPError as error:
            error.close()
            return f"the web hook answered {error.code}"
        except (OSError, ValueError, UnicodeDecodeError) as error:
            return f"the web hook: {getattr(getattr(error, 'reason', None), 'strerror', None) or type(error).__name__}"

    def _url(self) -> str:
        """The web hook's URL, read anew each time from its file where it has one."""
        url = self._webhook
        if url.startswith("@"):
            url = read_secret_file(Path(url[1:]).expanduser()).decode().strip()
            if not url.startswith(_SCHEMES):
                raise BadArgument(f"{self._webhook[1:]} holds no http or https URL")
        return url

    async def _run(self, told: bytes) -> str:
        """One run of the command; why it has failed, "" if it has not."""
        try:
            child = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
            )
        except OSError as error:
            return f"the command {self._command[0]}: {error.strerror}"
        try:
            async with asyncio.timeout(PATIENCE):
                await child.communicate(told)
        except TimeoutError:
            return f"the command {self._command[0]} took more than {PATIENCE:g} s"
        finally:
            if child.returncode is None:
                with suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
        return f"the command {self._command[0]} ended with {child.returncode}" if child.returncode else ""


class _Staying(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: a POST would become a GET, and its secret path somebody else's."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_Staying)
