"""Notifications as mail, one for each address."""

from __future__ import annotations

import asyncio
import hashlib
import smtplib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path

from meshward.config import Alerts, MailServer, is_loopback
from meshward.errors import DeliveryError
from meshward.gateway.delivery.words import cleaned, network_words
from meshward.status.alerts.documents import Notification
from meshward.text import printable

THREADS = 4
"""`smtplib` blocks; servers that hang must not take the threads that others work with."""
SUBJECT_CHARACTERS = 150
_PASSWORD_BYTES_MAX = 4096
_GREETING = 220


class Mailer:
    """Hands mails to the configured server."""

    def __init__(self, step_s: float) -> None:
        """`step_s`: for each answer of the server; all of them together get three times that."""
        self._step_s = step_s
        self._threads = ThreadPoolExecutor(THREADS, "mail")

    async def send(
        self, alerts: Alerts, to: str, notification: Notification, subject: str, text: str
    ) -> None:
        """Returns when the server took it. Raises DeliveryError."""
        server = alerts.mail_server
        if server is None:
            raise DeliveryError("no mail server is configured: set alerts.smtp")
        message = mail(alerts.mail_from or alerts.mail_to[0], to, notification, subject, text)
        session = _Session(server, _password(alerts), self._step_s)
        limit_s = 3 * self._step_s
        try:
            async with asyncio.timeout(limit_s):
                await asyncio.get_running_loop().run_in_executor(self._threads, session.send, message)
        except TimeoutError as error:
            raise DeliveryError(f"{session.where} took more than {limit_s:g} s") from error
        finally:
            session.cut()


def mail(sender: str, to: str, notification: Notification, subject: str, text: str) -> EmailMessage:
    """The message. A reader shows all mails of one group as one conversation, and a repeated one once."""
    message = EmailMessage()
    domain = sender.rpartition("@")[2]
    try:
        message["Subject"] = printable(" ".join(subject.split()), SUBJECT_CHARACTERS)
        message["From"] = Address("Meshward", addr_spec=sender)
        message["To"] = Address(addr_spec=to)
    except (ValueError, MessageError) as error:
        raise DeliveryError(
            f"a mail from {sender} to {to} cannot be written: check both addresses"
        ) from error
    message["Date"] = formatdate(notification.created_s, localtime=True)
    message["Message-ID"] = f"<{_digest(notification.id + to)}@{domain}>"
    message["References"] = f"<{_digest(notification.group)}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(map(_line, text.split("\n"))) + "\n")
    return message


class _Session:
    """One connection to a server, for one message."""

    def __init__(self, server: MailServer, password: str, step_s: float) -> None:
        self._server = server
        self._password = password
        self._step_s = step_s
        self._smtp: smtplib.SMTP | None = None
        self.where = f"mail server {server.host}:{server.port}"

    def send(self, message: EmailMessage) -> None:
        """In a thread. Raises DeliveryError."""
        try:
            self._hand_in(message)
        except smtplib.SMTPAuthenticationError as error:
            raise self._error(f"did not accept user and password: {self._said(error)}") from error
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            raise self._error(f"refused the recipient: {code} {self._clean(said)}") from error
        except smtplib.SMTPResponseException as error:
            raise self._error(f"refused: {self._said(error)}") from error
        except smtplib.SMTPException as error:
            if isinstance(error.__context__, TimeoutError):
                raise self._error(f"did not answer within {self._step_s:g} s") from error
            raise self._error(f"failed: {self._clean(str(error))}") from error
        except ssl.SSLError as error:
            raise self._error(f"cannot be trusted or speaks no TLS here: {network_words(error)}") from error
        except TimeoutError as error:
            raise self._error(f"did not answer within {self._step_s:g} s") from error
        except OSError as error:
            raise self._error(f"cannot be reached: {network_words(error)}") from error
        except UnicodeError as error:
            raise self._error("cannot be used: its name, the user and the password must be ASCII") from error

    def cut(self) -> None:
        """End it, whatever the thread waits for."""
        connection = self._smtp.sock if self._smtp is not None else None
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _hand_in(self, message: EmailMessage) -> None:
        server = self._server
        smtp = self._smtp = (
            smtplib.SMTP_SSL(timeout=self._step_s, context=ssl.create_default_context())
            if server.tls
            else smtplib.SMTP(timeout=self._step_s)
        )
        # Given the name, the constructor would connect, and could not be cut while it waits for the greeting.
        smtp._host = server.host  # type: ignore[attr-defined]  # noqa: SLF001
        try:
            code, said = smtp.connect(server.host, server.port)
            if code != _GREETING:
                raise smtplib.SMTPConnectError(code, said)
            self._log_in(smtp)
            smtp.send_message(message)
            smtp.putcmd("quit")  # whatever comes of it: the mail is taken
        finally:
            smtp.close()

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        server = self._server
        smtp.ehlo_or_helo_if_needed()
        safe = server.tls
        if not safe and smtp.has_extn("starttls"):
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo()
            safe = True
        if not server.user:
            return
        if not safe and not is_loopback(server.host):
            raise self._error("offers no TLS, so the password was not sent: try smtps://, or another port")
        smtp.login(server.user, self._password)

    def _error(self, words: str) -> DeliveryError:
        return DeliveryError(f"{self.where} {words}")

    def _said(self, error: smtplib.SMTPResponseException) -> str:
        return f"{error.smtp_code} {self._clean(error.smtp_error)}"

    def _clean(self, said: bytes | str) -> str:
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        return cleaned(text, self._password)


def _password(alerts: Alerts) -> str:
    if alerts.smtp_password_file is None:
        return alerts.smtp_password or ""
    path = Path(alerts.smtp_password_file)
    try:
        with path.open("rb") as file:  # each time anew: it may be changed while we run
            return file.read(_PASSWORD_BYTES_MAX).decode().strip("\r\n")
    except OSError as error:
        raise DeliveryError(f"alerts.smtp_password_file cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DeliveryError("alerts.smtp_password_file is no text") from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _line(text: str) -> str:
    return printable(text, 2000)
