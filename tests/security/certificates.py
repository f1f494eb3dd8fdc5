"""Certificates for one test run, made by the `openssl` command; none outlives its temporary folder."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

KEY_PASSWORD = "key-pass-4711"
"""Opens `Certificates.client_encrypted_key`."""


def have_openssl() -> str | None:
    """Return None where certificates can be made, else the reason why not."""
    return None if shutil.which("openssl") else "no openssl on PATH (certificates are made by it)"


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: an authority, a broker for 127.0.0.1 alone, a client, and an authority that signed neither."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def other_ca(self) -> Path:
        return self.folder / "other-ca.pem"

    @property
    def broker_store(self) -> Path:
        """The broker's key and certificate in one file, as Kafka takes them."""
        return self.folder / "broker-store.pem"

    @property
    def client(self) -> Path:
        return self.folder / "client.pem"

    @property
    def client_key(self) -> Path:
        return self.folder / "client.key"

    @property
    def client_encrypted_key(self) -> Path:
        return self.folder / "client-encrypted.key"

    @property
    def other_client(self) -> Path:
        return self.folder / "other-client.pem"

    @property
    def other_client_key(self) -> Path:
        return self.folder / "other-client.key"


def make_certificates(folder: Path) -> Certificates:
    """Make all of them in `folder`."""
    made = Certificates(folder)
    for name, subject in (("ca", "/CN=driftline test authority"), ("other-ca", "/CN=another authority")):
        _openssl(folder, "req", "-x509", "-days", "2", *_new_key(name), "-subj", subject, "-out", f"{name}.pem")
    _signed(folder, "broker", "/CN=broker", "ca", "subjectAltName=IP:127.0.0.1")
    _signed(folder, "client", "/CN=pumps-consumer", "ca", "extendedKeyUsage=clientAuth")
    _signed(folder, "other-client", "/CN=stranger", "other-ca", "extendedKeyUsage=clientAuth")
    made.broker_store.write_text((folder / "broker.key").read_text() + (folder / "broker.pem").read_text())
    _openssl(
        folder,
        *("pkcs8", "-topk8", "-in", "client.key", "-out", "client-encrypted.key"),
        *("-passout", f"pass:{KEY_PASSWORD}"),
    )
    return made


def _signed(folder: Path, name: str, subject: str, authority: str, extension: str) -> None:
    _openssl(folder, "req", *_new_key(name), "-subj", subject, "-out", f"{name}.csr")
    (folder / f"{name}.ext").write_text(f"{extension}\n")
    _openssl(
        folder,
        *("x509", "-req", "-days", "2", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key"),
        *("-CAcreateserial", "-extfile", f"{name}.ext", "-out", f"{name}.pem"),
    )


def _new_key(name: str) -> tuple[str, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key")


def _openssl(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
