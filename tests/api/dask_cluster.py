"""A real Dask scheduler and real workers, on loopback."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Struct

from tests.api.relay import wait_until

PROJECT = Path(__file__).parents[2]


class Cluster(Struct):
    """A running scheduler at *place*, and its workers."""

    place: str
    directory: Path
    environment: Mapping[str, str]
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]] = []

    def add_worker(self, code: str = "pass", **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker that runs *code* first, and wait until it can work."""
        log = self.directory / f"worker-{len(self.workers)}.log"
        main = f"{code}; from distributed.cli.dask_worker import main; main()"
        scheduler = json.loads((self.directory / "scheduler.json").read_text())["address"]
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]
        options += ["--local-directory", str(self.directory)]
        worker = _started(
            ["-c", main, scheduler, *options], log, dict(self.environment) | environment
        )
        self.workers.append(worker)
        wait_until(lambda: b"Registered to" in log.read_bytes())
        return worker


@contextlib.contextmanager
def scheduling(directory: Path, **environment: str) -> Iterator[Cluster]:
    """Yield a cluster without a worker."""
    surroundings = os.environ | {"PYTHONPATH": str(PROJECT), "HOME": str(directory)} | environment
    file = directory / "scheduler.json"
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    options += ["--scheduler-file", str(file)]
    if "DASK_DISTRIBUTED__COMM__TLS__CA_FILE" in environment:
        options += ["--protocol", "tls"]
    main = ["-m", "distributed.cli.dask_scheduler", *options]
    scheduler = _started(main, directory / "scheduler.log", surroundings)
    cluster = None
    try:
        wait_until(lambda: file.exists() and file.read_text().endswith("}"))
        place = json.loads(file.read_text())["address"].partition("://")[2]
        cluster = Cluster(place, directory, surroundings, scheduler)
        yield cluster
    finally:
        for process in (*(cluster.workers if cluster else ()), scheduler):
            process.kill()
            process.wait()


def tls_settings(directory: Path) -> dict[str, str]:
    """Return Dask's own settings for TLS, with a certificate for everybody in the cluster."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "preflight test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (directory / "key.pem").write_bytes(key.private_bytes(pem, form, plain))
    (directory / "cert.pem").write_bytes(certificate.public_bytes(pem))
    settings = {"DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(directory / "cert.pem")}
    for who in ("SCHEDULER", "WORKER", "CLIENT"):
        settings[f"DASK_DISTRIBUTED__COMM__TLS__{who}__CERT"] = str(directory / "cert.pem")
        settings[f"DASK_DISTRIBUTED__COMM__TLS__{who}__KEY"] = str(directory / "key.pem")
    return settings


def _started(
    arguments: list[str], log: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    with log.open("wb") as stream:
        return subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=environment,
            cwd=log.parent,
        )
