"""Every error that the tool raises on purpose.

StopTrailError
├── UsageError            exit code 2: the user can mend it
│   ├── ConfigError       strategy.toml, --set or a command line value
│   ├── DataError         candles that cannot be used
│   ├── OutputError       a folder or file that cannot be written
│   ├── StoreError        a database that cannot be opened
│   └── ChoiceError       a sweep with no combination that could be chosen
└── RunError              exit code 1: the work itself failed
    ├── ParityError       two engines disagree
    ├── ExchangeError     the exchange cannot be reached or refuses
    └── LedgerError       the ledger cannot be written any more

A message is one line: what, where, which value, what to do.
"""

from __future__ import annotations


class StopTrailError(Exception):
    """Base of all errors with a message meant for the user."""

    exit_code = 1


class UsageError(StopTrailError):
    """The command or one of its inputs has to change."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is unknown, missing or out of range."""


class DataError(UsageError):
    """A candle file or span cannot be used."""


class OutputError(UsageError):
    """A result cannot be written where it was asked for."""


class StoreError(UsageError):
    """A database cannot be opened."""


class ChoiceError(UsageError):
    """No combination of a sweep can be chosen: settings or span have to change."""


class RunError(StopTrailError):
    """The work could not be done although the input was right."""


class ParityError(RunError):
    """Two engines disagree about a trade."""


class ExchangeError(RunError):
    """The exchange cannot be reached or refuses the request."""


class LedgerError(RunError):
    """The ledger can no longer be written."""


USERS_CODE: tuple[type[BaseException], ...] = (Exception, SystemExit)
"""What a function or module of the user's may raise: sys.exit() is not for it to say."""
