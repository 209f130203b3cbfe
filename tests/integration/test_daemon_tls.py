"""The gateway behind its own certificate, which names another host than the command line asks."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.integration.fleets import next_port
from tests.integration.gateways import Daemon, run_meshward


@pytest.fixture
def certificate(tmp_path):
    """A certificate for pi.local that it signed itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pi.local")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("pi.local")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (tmp_path / "tls.crt").write_bytes(signed.public_bytes(pem))
    (tmp_path / "tls.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return tmp_path / "tls.crt", tmp_path / "tls.key"


async def test_the_command_line_beside_it_trusts_it_and_others_have_to_name_it(tmp_path, certificate):
    cert, key = certificate
    daemon = Daemon(
        tmp_path / "data",
        f"127.0.0.1:{next_port()}",
        MESHWARD_HTTP_TLS_CERT=str(cert),
        MESHWARD_HTTP_TLS_KEY=str(key),
    )
    await daemon.start()
    try:
        await daemon.wait_ready()
        url = daemon.endpoint()["url"]
        assert url.startswith("https://127.0.0.1:")
        status, output, errors = await run_meshward("status", "--data", daemon.data)
        assert (status, errors) == (0, "")
        assert output.startswith("Not in the mesh: no neighbour answers")
        token = tmp_path / "token"
        token.write_text(daemon.endpoint()["token"])
        token.chmod(0o600)
        status, _, errors = await run_meshward("status", "--url", url, "--token-file", token, "--ca", cert)
        assert status == 1
        assert "certificate" in errors
        plain = url.replace("https", "http")
        status, _, errors = await run_meshward("status", "--url", plain, "--token-file", token)
        assert status == 1
        assert errors.count("\n") == 1
    finally:
        await daemon.kill()
