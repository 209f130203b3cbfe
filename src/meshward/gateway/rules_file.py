"""The alert rules, with the changes that their file makes."""

from meshward.config import Config
from meshward.errors import SettingsError
from meshward.status.alerts.rules import RuleBook


def read_rules(config: Config) -> RuleBook:
    """The rules as the configuration has them. Raises SettingsError."""
    path = config.rules_path
    if path is None:
        return RuleBook()
    try:
        return RuleBook(path.read_text("utf-8"), str(path))
    except OSError as error:
        raise SettingsError(f"cannot read the alert rules {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"the alert rules {path} are not UTF-8 text ({error})") from error
