"""The keys about health and alerts: receivers, and that no secret of theirs is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshward.config import Alerts, Config, Health, History, MailServer, keys, load_config, shown_value
from meshward.config.receivers import check_apprise, check_mail, check_webhook, mail_server
from meshward.errors import SettingsError
from meshward.gateway.daemon import _fixed

SECRETS = ("T0KEN", "s3cr3t", "hunter2", "CHAT42")
FULL = """
[history]
raw_hours = 24
minute_days = 7
hour_days = 100
[health]
probes_per_minute = 0
telemetry = false
[alerts]
rules_file = "rules/mine.toml"
group_wait_s = 0
group_interval_s = 60
repeat_hours = 12.5
external_url = "https://mesh.example/meshward"
webhooks = ["https://hooks.example/T0KEN/b", "http://10.0.0.1:1880/s3cr3t", "https://u:hunter2@hooks.example/c"]
webhook_severity = "info"
mail_to = ["ops@mesh.example", "duty@mesh.example"]
mail_from = "meshward@mesh.example"
mail_severity = "critical"
smtp = "smtp://ops%40mesh.example@mail.example"
smtp_password = "hunter2"
apprise = "tgram://T0KEN/CHAT42"
"""


@pytest.fixture
def loaded(tmp_path):
    def load(text="", **environ):
        file = tmp_path / "meshward.toml"
        file.write_text(text)
        return load_config(file, {"HOME": str(tmp_path), **environ})

    return load


def test_all_of_it_is_read(loaded, tmp_path):
    config = loaded(FULL)
    assert config.history == History(raw_hours=24, minute_days=7, hour_days=100)
    assert config.health == Health(probes_per_minute=0, telemetry=False)
    alerts = config.alerts
    assert (alerts.group_wait_s, alerts.group_interval_s, alerts.repeat_hours) == (0.0, 60.0, 12.5)
    assert alerts.external_url == "https://mesh.example/meshward"
    assert alerts.mail_server == MailServer("mail.example", 587, tls=False, user="ops@mesh.example")
    assert config.rules_path == tmp_path / "rules" / "mine.toml"


def test_nothing_said_tells_nobody(loaded):
    config = loaded()
    assert (config.history, config.health, config.alerts) == (History(), Health(), Alerts())
    assert config.history == History(raw_hours=48, minute_days=30, hour_days=365)
    assert (config.alerts.receivers(), config.alerts.mail_server, config.rules_path) == ((), None, None)


def test_rules_beside_the_configuration_are_found(loaded, tmp_path):
    (tmp_path / "alerts.toml").touch()
    assert loaded().rules_path == tmp_path / "alerts.toml"
    assert Config().rules_path is None


# -- receivers -------------------------------------------------------------------------------


def test_receivers_have_names_of_their_own_without_secrets(loaded):
    receivers = loaded(FULL).alerts.receivers()
    names = [receiver.name for receiver in receivers]
    assert len(set(names)) == len(names) == 6
    assert names[1] == "webhook 10.0.0.1:1880"
    assert names[3:] == ["mail ops@mesh.example", "mail duty@mesh.example", "tgram"]
    assert all(name.startswith("webhook hooks.example (") for name in (names[0], names[2]))
    assert [receiver.kind for receiver in receivers] == [*["webhook"] * 3, "mail", "mail", "apprise"]
    lowest = [receiver.lowest for receiver in receivers]
    assert lowest == [*["info"] * 3, "critical", "critical", "warning"]
    assert not any(secret in repr(receivers) for secret in SECRETS)


def test_names_do_not_depend_on_the_order_of_the_file():
    urls = tuple(f"https://hooks.example/{number}" for number in range(5))
    there = {receiver.target: receiver.name for receiver in Alerts(webhooks=urls).receivers()}
    back = {receiver.target: receiver.name for receiver in Alerts(webhooks=urls[::-1]).receivers()}
    assert there == back
    assert len(set(there.values())) == 5


def test_the_same_receiver_twice_is_one():
    alerts = Alerts(webhooks=("https://a.example/x",) * 2, mail_to=("a@b.example",) * 2)
    assert [receiver.name for receiver in alerts.receivers()] == ["webhook a.example", "mail a@b.example"]


# -- secrets ---------------------------------------------------------------------------------


def test_no_secret_is_in_what_the_settings_show(loaded):
    config = loaded(FULL)
    shown = _fixed(config)
    assert not any(secret in repr(shown) for secret in SECRETS)
    assert not any(secret in repr(config) for secret in SECRETS)
    assert shown["alerts.webhooks"] == (
        "https://hooks.example/…",
        "http://10.0.0.1:1880/…",
        "https://hooks.example/…",
    )
    assert (shown["alerts.smtp_password"], shown["alerts.apprise"]) == ("…", ("tgram://…",))
    assert shown["alerts.smtp"] == "smtp://ops%40mesh.example@mail.example"
    assert shown["alerts.mail_to"] == ("ops@mesh.example", "duty@mesh.example")


def test_what_is_not_set_is_shown_as_that():
    for path in keys():
        if path[0] == "alerts":
            assert shown_value(Config(), path) in (None, (), *vars_of(Alerts()).values())


def vars_of(struct):
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


WRONG = [
    ("webhooks = 'hooks.example/s3cr3t'", "line 2, alerts.webhooks: must be an address as https://"),
    ("webhooks = 'ftp://s3cr3t@a/b'", "alerts.webhooks: must be an address as https://"),
    ("webhooks = 'https://a/b s3cr3t'", "alerts.webhooks: must be an address as https://"),
    ("webhooks = 'https://a:s3cr3t/b'", "alerts.webhooks: has no usable port"),
    ("webhooks = 'https://[s3cr3t/b'", "alerts.webhooks: must be an address as https://"),
    ("webhooks = [5]", "alerts.webhooks: must be an address in quotes, or a list of them"),
    ("webhook_severity = 'loud'", "alerts.webhook_severity: must be info, warning or critical"),
    ("mail_to = 'ops'\nsmtp = 'smtp://a'", "alerts.mail_to: 'ops' is not a mail address"),
    ("mail_to = \"a@b\\nBcc: c@d\"\nsmtp = 'smtp://a'", "alerts.mail_to: 'a@b\\nBcc: c@d' is not a mail"),
    ("mail_to = 'a@b'", "line 2, alerts.mail_to: needs alerts.smtp"),
    ("smtp = 'smtp://user:s3cr3t@host'", "alerts.smtp: must not hold the password: give it as alerts.smtp_p"),
    ("smtp = 's3cr3t'", "alerts.smtp: must be a server as smtp://user@mail.example:587"),
    ("smtp = 'smtp://a/s3cr3t'", "alerts.smtp: must be a server"),
    ("smtp = 'smtp://a:0'", "alerts.smtp: has no usable port"),
    ("smtp_password = 5", "alerts.smtp_password: must be a text in quotes"),
    ("apprise = 's3cr3t'", "alerts.apprise: must be an address of Apprise's"),
    ("external_url = 'mesh.example'", "alerts.external_url: must be an address as https://mesh.example"),
    ("external_url = 'https://a:s3cr3t@b'", "alerts.external_url: must be an address"),
    ("group_wait_s = -1", "alerts.group_wait_s: must be a number of seconds from 0 to 600, not -1"),
    ("group_wait_s = nan", "alerts.group_wait_s: must be a number of seconds"),
    ("repeat_hours = 0", "alerts.repeat_hours: must be a number of hours from 0.1"),
    ("webhok = ''", "alerts.webhok: unknown key 'webhok'; did you mean 'webhooks'?"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_an_error_says_what_to_write_and_no_secret(loaded, text, expected):
    with pytest.raises(SettingsError) as caught:
        loaded(f"[alerts]\n{text}\n")
    assert expected in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "[history]\nraw_hours = 0",
        "[history]\nraw_hours = 1.5",
        "[history]\nminute_days = 401",
        "[history]\nhour_days = 3661",
        "[health]\nprobes_per_minute = -1",
        "[health]\nprobes_per_minute = 601",
        "[health]\ntelemetry = 1",
    ],
)
def test_bounds(loaded, text):
    with pytest.raises(SettingsError, match="line 2, "):
        loaded(text)


# -- the environment -------------------------------------------------------------------------


def test_secrets_can_come_from_the_environment(loaded):
    alerts = loaded(
        "[alerts]\nsmtp = 'smtps://me@mail.example'\n",
        MESHWARD_ALERTS_SMTP_PASSWORD="hunter2, or so",
        MESHWARD_ALERTS_MAIL_TO="a@b.example, c@d.example",
        MESHWARD_ALERTS_APPRISE="mailto://u:p@h?to=a,b tgram://T/C",
        MESHWARD_ALERTS_WEBHOOKS="https://a.example/x,y",
    ).alerts
    assert alerts.smtp_password == "hunter2, or so"
    assert alerts.mail_to == ("a@b.example", "c@d.example")
    assert alerts.apprise == ("mailto://u:p@h?to=a,b", "tgram://T/C")
    assert alerts.webhooks == ("https://a.example/x,y",)
    assert alerts.mail_server == MailServer("mail.example", 465, tls=True, user="me")


def test_a_wrong_secret_of_the_environment_is_not_repeated(loaded):
    with pytest.raises(SettingsError) as caught:
        loaded(MESHWARD_ALERTS_APPRISE="s3cr3t")
    assert "MESHWARD_ALERTS_APPRISE" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


# -- anything --------------------------------------------------------------------------------


@given(st.one_of(st.text(), st.from_regex(r"[a-z]{3,6}://[\[\]@:/a-z0-9%?#]*", fullmatch=True)))
def test_checks_raise_nothing_but_value_error_and_repeat_no_secret(text):
    for check in (check_webhook, check_apprise, check_mail, mail_server):
        try:
            check(text)
        except ValueError as error:
            assert check is check_mail or len(text) < 8 or text not in str(error)
        else:
            if check is check_webhook:
                assert Alerts(webhooks=(text,)).receivers()[0].target == text
                shown_value(Config(alerts=Alerts(webhooks=(text,))), ("alerts", "webhooks"))
