"""The same HTTP server as a program of its own, with its own main: httpd_exe ID PORT. `remit bundle` makes one file of it."""

import argparse
import asyncio

from httpd_server import current_http_server

from remit.ensemble import run_server


def main() -> None:
    parser = argparse.ArgumentParser(description="An HTTP server that is managed as a server of an ensemble.")
    parser.add_argument("id", help="what it is called in the ensemble")
    parser.add_argument("port", type=int, help="where it serves HTTP")
    given = parser.parse_args()
    asyncio.run(run_server(given.id, current_http_server().run, given.port, roles=["httpd"]))


if __name__ == "__main__":
    main()
