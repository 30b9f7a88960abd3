"""The HTTP server as a server of an ensemble: remit server run --role httpd ID httpd_service PORT"""

from httpd_server import current_http_server


def main(port: str = "8080") -> None:
    current_http_server().run(int(port))
