"""The part `exec` of a control object: roles, servers, workers, uploads and programs of a host."""

from __future__ import annotations

from typing import Any

from remit.vat import Promise, Ref, actor, spawn, tell

__all__ = ["Exec", "Following"]


@actor(kind="remit.ensemble.exec", version=1, passing=True)
class Exec:
    """One for each grant of the part; `desk` is the device (`Desk`), `who` uses it: an id, a key or "local". Ends with the grant, and what is followed through it, too.

    Tables of settings are as in config.toml; `tables` is a whole configuration that comes with an order, weaker than the host's own. Names are ids of servers, or prefixes of groups.
    """

    desk: Ref[Any]
    who: str

    def _ask(self, order: str, *arguments: Any, **options: Any) -> Promise[Any]:
        return self.desk.ask(self.who, order, list(arguments), options)

    # --- servers ------------------------------------------------------------------------------------

    def start(
        self, role: str, id: str, own: dict[str, Any] | None = None, tables: dict[str, Any] | None = None
    ) -> Promise[Any]:
        """Start a server: see `Supervisor.start`."""
        return self._ask("start", role, id, own, tables)

    def workers(
        self,
        role: str,
        prefix: str,
        number: int,
        own: dict[str, Any] | None = None,
        tables: dict[str, Any] | None = None,
    ) -> Promise[Any]:
        """Have a group of so many workers: see `Supervisor.workers`."""
        return self._ask("workers", role, prefix, number, own, tables)

    def stop(self, names: list[str], role: str = "", forget: bool = False) -> Promise[Any]:
        """Stop servers, and have them stay down: see `Supervisor.stop`."""
        return self._ask("stop", names, role, forget=forget)

    def restart(self, names: list[str], role: str = "", tables: dict[str, Any] | None = None) -> Promise[Any]:
        """Restart servers, with the settings of now: see `Supervisor.restart`."""
        return self._ask("restart", names, role, tables)

    def servers(self, role: str = "") -> Promise[Any]:
        """The servers that this host is to run, and how they are."""
        return self._ask("servers", role)

    def config(self, id: str, tables: dict[str, Any] | None = None) -> Promise[Any]:
        """The settings of a server, each with where it is from."""
        return self._ask("config", id, tables)

    def configuration(self) -> Promise[Any]:
        """All tables of settings, by where they are from, the weakest first."""
        return self._ask("configuration")

    def update(
        self, section: str, name: str, table: dict[str, Any], replace: bool = False, restart: bool = False
    ) -> Promise[Any]:
        """Change one table of settings: see `Supervisor.update`."""
        return self._ask("update", section, name, table, replace=replace, restart=restart)

    def configure(self, tables: dict[str, Any], replace: bool = False) -> Promise[Any]:
        """Change a whole configuration: see `Tables.update_all`."""
        return self._ask("configure", tables, replace=replace)

    # --- logs ---------------------------------------------------------------------------------------

    def log(self, id: str, lines: int = 50) -> Promise[Any]:
        """The last lines that a server has written to its output, each with its time and stream."""
        return self._ask("log", id, lines)

    async def follow(self, what: str, name: str, sink: Ref[Any], lines: int = 50) -> Ref[Following]:
        """Tell `sink` the last lines, and each that comes, in lists: of a server's output (`what` is "log") or a program's ("output", of which `None` tells the end)."""
        return spawn(Following, self.desk, await self.desk.follow(what, name, sink, lines))

    # --- uploads ------------------------------------------------------------------------------------

    def begin_upload(self, kind: str, name: str, digest: str, size: int) -> Promise[Any]:
        """Say what is to come, and hear how far it is: see `Uploads.begin`. `kind` is program, env or files."""
        return self._ask("begin_upload", kind, name, digest, size)

    def put(self, upload: str, offset: int, data: bytes) -> Promise[Any]:
        """A piece of it: see `Uploads.put`."""
        return self._ask("put", upload, offset, data)

    def finish_upload(self, upload: str, switch: bool = True) -> Promise[Any]:
        """Make a version of it: see `Uploads.finish`."""
        return self._ask("finish_upload", upload, switch=switch)

    def cancel_upload(self, upload: str) -> Promise[Any]:
        """Forget it."""
        return self._ask("cancel_upload", upload)

    def versions(self, kind: str = "", name: str = "") -> Promise[Any]:
        """What was uploaded, with its versions."""
        return self._ask("versions", kind, name)

    def rollback(self, kind: str, name: str, version: str = "") -> Promise[Any]:
        """Go back to the version before, or to this one: see `Versions.rollback`."""
        return self._ask("rollback", kind, name, version)

    def forget_version(self, kind: str, name: str, version: str) -> Promise[Any]:
        """Remove a version that is not in use."""
        return self._ask("forget_version", kind, name, version)

    # --- programs -----------------------------------------------------------------------------------

    def run(self, argv: list[str], options: dict[str, Any] | None = None) -> Promise[Any]:
        """Run a program once: see `Programs.run`."""
        return self._ask("run", argv, options)

    def programs(self) -> Promise[Any]:
        """The programs that run, and the last ones that have ended."""
        return self._ask("programs")

    def output(self, process: str, lines: int = 1000) -> Promise[Any]:
        """The last lines that a program has written."""
        return self._ask("output", process, lines)

    def signal(self, process: str, number: int) -> Promise[Any]:
        """Send it a signal."""
        return self._ask("signal", process, number)

    def end(self, process: str) -> Promise[Any]:
        """End it, and all that it has started."""
        return self._ask("end", process)

    def rerun(self, process: str) -> Promise[Any]:
        """Run it again as it was."""
        return self._ask("rerun", process)

    def wait(self, process: str, seconds: float = 60.0) -> Promise[Any]:
        """How it has ended, or after so many seconds how it is."""
        return self._ask("wait", process, seconds)


@actor(kind="remit.ensemble.following", version=1, passing=True)
class Following:
    """A log that is followed; ends with `stop`, and with its sink."""

    desk: Ref[Any]
    number: int

    def stop(self) -> None:
        """No more of it is told."""
        tell(self.desk).unfollow(self.number)
