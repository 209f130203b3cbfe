"""The keys about health: what nodes are asked for, how long it is kept, and who is told of alerts."""

from __future__ import annotations

from typing import Annotated

import msgspec

from meshward.config.about import About
from meshward.config.checks import within
from meshward.config.receivers import (
    MailServer,
    Receiver,
    Severity,
    check_apprise,
    check_external_url,
    check_mail,
    check_webhook,
    mail_server,
    named,
    shown_apprise,
    shown_nothing,
    shown_webhook,
)

_SEVERITY = "info, warning or critical, in quotes"


class Health(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How nodes are watched."""

    probes_per_minute: Annotated[
        int,
        About(
            "Messages per minute to measure delays with, over the whole mesh at most; 0 for none.",
            "a whole number from 0 to 600",
            within(0, 600),
        ),
    ] = 60
    telemetry: Annotated[
        bool,
        About("Whether boards with Meshward's node code are asked for telemetry.", "true or false"),
    ] = True


class History(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long is kept what was measured."""

    raw_hours: Annotated[
        int,
        About("Every sample, in hours.", "a whole number of hours from 1 to 720", within(1, 720)),
    ] = 48
    minute_days: Annotated[
        int,
        About("One value per minute, in days.", "a whole number of days from 1 to 400", within(1, 400)),
    ] = 30
    hour_days: Annotated[
        int,
        About("One value per hour, in days.", "a whole number of days from 1 to 3660", within(1, 3660)),
    ] = 365


class Alerts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is told what goes wrong, and when."""

    rules_file: Annotated[
        str | None,
        About(
            "Changes to the rules, and rules of your own; alerts.toml beside this file where there is one.",
            "a file name in quotes",
            example='"alerts.toml"',
            file=True,
        ),
    ] = None
    group_wait_s: Annotated[
        float,
        About(
            "How long the first alert waits for others of its kind, to go out together, in seconds.",
            "a number of seconds from 0 to 600",
            within(0, 600),
        ),
    ] = 5.0
    group_interval_s: Annotated[
        float,
        About(
            "How long a changed group waits after it was told of, in seconds.",
            "a number of seconds from 1 to 86400",
            within(1, 86_400),
        ),
    ] = 300.0
    repeat_hours: Annotated[
        float,
        About(
            "How often it is told again while nothing changes, in hours.",
            "a number of hours from 0.1 to 720",
            within(0.1, 720),
        ),
    ] = 4.0
    external_url: Annotated[
        str | None,
        About(
            "Where people reach the gateway: for links in notifications.",
            "an address in quotes",
            check_external_url,
            example='"https://mesh.example"',
        ),
    ] = None
    webhooks: Annotated[
        tuple[str, ...],
        About(
            "Addresses that get a POST with Alertmanager's JSON.",
            "an address in quotes, or a list of them",
            check_webhook,
            shown=shown_webhook,
            commas=False,
        ),
    ] = ()
    webhook_severity: Annotated[
        Severity, About("The least that webhooks are told: info, warning or critical.", _SEVERITY)
    ] = "warning"
    mail_to: Annotated[
        tuple[str, ...],
        About(
            "Addresses that get a mail; needs `smtp`.",
            "a mail address in quotes, or a list of them",
            check_mail,
        ),
    ] = ()
    mail_from: Annotated[
        str | None,
        About(
            "The sender of mails; the first of `mail_to` where not set.",
            "a mail address in quotes",
            check_mail,
            example='"meshward@mesh.example"',
        ),
    ] = None
    mail_severity: Annotated[
        Severity, About("The least that mails are sent for: info, warning or critical.", _SEVERITY)
    ] = "warning"
    smtp: Annotated[
        str | None,
        About(
            "The server that takes the mails: smtp:// goes on with STARTTLS where that is offered, smtps:// "
            "is TLS from the start. An @ in the user's name is written as %40.",
            "an address in quotes",
            mail_server,
            example='"smtp://user@mail.example:587"',
            shown=lambda text: text,
        ),
    ] = None
    smtp_password: Annotated[
        str | None,
        About(
            "Its password; or give MESHWARD_ALERTS_SMTP_PASSWORD, or a file.",
            "a text in quotes",
            example='"…"',
            shown=shown_nothing,
        ),
    ] = None
    smtp_password_file: Annotated[
        str | None,
        About(
            "A file with that password alone; it wins over `smtp_password`.",
            "a file name in quotes",
            example='"/etc/meshward/smtp-password"',
            file=True,
        ),
    ] = None
    apprise: Annotated[
        tuple[str, ...],
        About(
            'Addresses of messengers as Apprise writes them: "tgram://TOKEN/CHAT"; needs meshward[notify].',
            "an address in quotes, or a list of them",
            check_apprise,
            shown=shown_apprise,
            commas=False,
        ),
    ] = ()
    apprise_severity: Annotated[
        Severity, About("The least that messengers are told: info, warning or critical.", _SEVERITY)
    ] = "warning"

    @property
    def mail_server(self) -> MailServer | None:
        """Where mail is handed in."""
        return None if self.smtp is None else mail_server(self.smtp)

    def receivers(self) -> tuple[Receiver, ...]:
        """All who are told."""
        return (
            *named("webhook", self.webhook_severity, self.webhooks),
            *named("mail", self.mail_severity, self.mail_to),
            *named("apprise", self.apprise_severity, self.apprise),
        )

    def __repr__(self) -> str:
        """Without secrets."""
        return f"Alerts(receivers={self.receivers()!r})"
