"""TLS to a broker: the files, and in words why it failed."""

from __future__ import annotations

import ssl

from meshward.bridges.mqtt.options import TlsFiles
from meshward.errors import SettingsError

# OpenSSL's numbers of what is wrong with a certificate (X509_V_ERR_…).
_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_HOST = {62, 64}
_NOT_TRUSTED = {2, 18, 19, 20, 21}
_NO_TLS = ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")


class _Socket(ssl.SSLSocket):
    """Closed where the handshake fails: paho-mqtt leaves that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def make_context(files: TlsFiles) -> ssl.SSLContext:
    """Reads the files, so it may take a moment. Raises SettingsError for those that cannot be used."""
    try:
        context = ssl.create_default_context(cafile=files.ca)
    except (OSError, ssl.SSLError) as error:
        why = _why(error, "no certificates (PEM)")
        raise SettingsError(f"mqtt.tls_ca: {files.ca} cannot be used: {why}") from error
    if files.ca is not None:
        # Authorities made at home lack extensions, and many trust just the broker's own certificate.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if files.key is not None and files.cert is None:
        raise SettingsError("mqtt.tls_key needs mqtt.tls_cert, the certificate of that key")
    if files.cert is not None:
        _load_pair(context, files.cert, files.key)
    context.sslsocket_class = _Socket
    return context


def tls_failure(error: ssl.SSLError, host: str) -> str:
    """Why there is no connection, and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _distrust(error, host)
    reason = error.reason or ""
    if "CERTIFICATE_REQUIRED" in reason:
        return "the broker wants a certificate of ours: set mqtt.tls_cert and mqtt.tls_key"
    if "ALERT" in reason and any(word in reason for word in ("CERTIFICATE", "UNKNOWN_CA", "DECRYPT_ERROR")):
        return (
            "the broker does not accept our certificate: it must be one that its authority signed and that "
            "has not expired; check mqtt.tls_cert and mqtt.tls_key"
        )
    if "HANDSHAKE_FAILURE" in reason:
        return (
            "the broker ends the TLS handshake: it may want a certificate of ours (mqtt.tls_cert and "
            "mqtt.tls_key), or allow other versions of TLS only"
        )
    if isinstance(error, ssl.SSLEOFError) or reason in _NO_TLS:
        return NO_TLS
    return f"TLS failed ({reason.lower().replace('_', ' ') or 'no reason told'})"


NO_TLS = "nothing speaks TLS at this port: use mqtt://, or the port that has TLS (often 8883)"


def _distrust(error: ssl.SSLCertVerificationError, host: str) -> str:
    if error.verify_code in _NOT_TRUSTED:
        return (
            "the broker's certificate is not trusted: give the certificate of its authority as mqtt.tls_ca, "
            "or make sure that this is your broker"
        )
    if error.verify_code == _EXPIRED:
        return "the broker's certificate has expired: renew it, or set this machine's clock"
    if error.verify_code == _NOT_YET_VALID:
        return "the broker's certificate is not valid yet: set this machine's clock"
    if error.verify_code in _OTHER_HOST:
        return (
            f"the broker's certificate is not for {host}: use a name that it holds in mqtt.brokers, or have "
            "it made for this one"
        )
    return f"the broker's certificate cannot be accepted ({error.verify_message})"


def _load_pair(context: ssl.SSLContext, cert: str, key: str | None) -> None:
    def no_password() -> str:
        raise SettingsError("mqtt.tls_key has a password: give a key without one")

    try:
        context.load_cert_chain(cert, key, no_password)
    except (OSError, ssl.SSLError) as error:
        why = _why(error, "no certificate and its key (PEM)")
        both = "" if key is None else f" with mqtt.tls_key: {key}"
        raise SettingsError(f"mqtt.tls_cert: {cert}{both} cannot be used: {why}") from error


def _why(error: OSError, malformed: str) -> str:
    return malformed if isinstance(error, ssl.SSLError) else error.strerror or str(error)
