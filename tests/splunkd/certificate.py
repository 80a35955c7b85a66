"""A certificate of 127.0.0.1 for one simulator, made by the command openssl."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """What a server shows of itself."""

    certificate: Path
    """Signed by itself, so also what a client has to trust."""
    key: Path


class NoOpenSSL(Exception):
    """The command openssl is not on this machine."""


def make(folder: Path) -> Certificate:
    """A new certificate in *folder*.

    Raises:
        NoOpenSSL: There is nothing to make it with.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        raise NoOpenSSL("the command openssl makes the simulator's certificate: install openssl")
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-days", "2", "-subj", "/CN=splunkd-simulator",
            "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
            "-keyout", str(made.key), "-out", str(made.certificate),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return made
