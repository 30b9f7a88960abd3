"""The contract's kit for the provider `ssh`."""

from __future__ import annotations

import atexit
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from remit.errors import ProviderError
from remit.machines import Parcel, Provider
from remit.machines._process_table import Process
from remit.machines._ssh import SshProvider
from tests.machines.kit import Died, Kit, read
from tests.machines.parcels import small_parcel
from tests.machines.sshd import Sshd, lacks, sshd


class SshKit(Kit):
    """This host as another one, by way of an sshd of the tests' own. It is brought a small parcel, whose agent merely stays alive."""

    name = "ssh"
    seconds = 60.0
    server: list[Sshd] = []

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        if not self.server:  # one for all tests of this process
            stack = ExitStack()
            atexit.register(stack.close)
            self.server.append(stack.enter_context(sshd(Path(stack.enter_context(TemporaryDirectory())))))
        self.base = place / "base"

    @staticmethod
    def lacks() -> str:
        return lacks()

    def provider(self, owner: str = "boss") -> SshProvider:
        state = self.place / f"state-{owner}"
        state.mkdir(mode=0o700, exist_ok=True)
        return SshProvider(state, owner, self._parcel, **self._options())

    def _options(self) -> dict[str, str]:
        server = self.server[0]
        return {"host": server.host, "identity": str(server.identity), "base": str(self.base)}

    def _parcel(self) -> Parcel:
        return small_parcel(self.place / "store")

    @contextmanager
    def dying(self, at: int) -> Iterator[SshProvider]:
        left = [at]

        def counted(work: Any) -> Any:
            def instead(*args: Any, **kwargs: Any) -> Any:
                left[0] -= 1
                if left[0] < 0:
                    raise Died
                return work(*args, **kwargs)

            return instead

        async def bring(*args: Any) -> bool:
            return bool(await counted(_BRING)(*args))

        async def ask(provider: Any, link: Any, place: Any, id: str, request: dict[str, Any], digest: str = "") -> Any:
            work = _ASK if request["verb"] in ("observe", "list") else counted(_ASK)
            return await work(provider, link, place, id, request, digest)

        steps = {
            "_bring": bring,
            "_ask": ask,
            "_note": counted(SshProvider._note),
            "_forget": counted(SshProvider._forget),
        }
        with patch.multiple(SshProvider, **steps):
            yield self.provider()

    def table(self) -> dict[str, Any]:
        return {"kind": "ssh", **self._options()}

    def kill(self, id: str) -> None:
        for name in ("supervisor", "process"):
            process = Process.parse(read(f"{self.base}/machines/{id}/{name}"))
            if process is not None:
                process.send(signal.SIGKILL)
                assert process.wait(self.seconds)

    def _pids(self) -> list[str]:
        return [pid for pid in os.listdir("/proc") if pid.isdigit() and f"{self.base}/" in read(f"/proc/{pid}/cmdline")]

    def visible(self, id: str) -> str:
        shown = [read(f"/proc/{pid}/{what}") for pid in self._pids() for what in ("cmdline", "environ")]
        assert shown
        return "\n".join([*shown, self.log(id), read(f"{self.server[0].place}/sshd.log")])

    async def _sweep(self, provider: Provider) -> None:
        for each in await provider.list():
            with suppress(ProviderError):  # where another owner's machine has that id
                await provider.destroy(each.id)

    def log(self, id: str) -> str:
        return read(f"{self.base}/machines/{id}/agent.log")

    def leftovers(self) -> Sequence[str]:
        found = [str(path) for path in (*self.base.glob("*/*"), *self.place.glob("state-*/ssh/machines/*"))]
        return [*found, *self._pids()]


_BRING, _ASK = SshProvider._bring, SshProvider._ask
