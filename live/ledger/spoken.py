"""The tables through which a session and people speak; what it trades by is in
live.ledger.tables."""

from __future__ import annotations

from peewee import (
    AutoField,
    BigIntegerField,
    CharField,
    CompositeKey,
    DoubleField,
    IntegerField,
    Model,
    TextField,
)


class Commands(Model):
    """What people asked of the session from another terminal."""

    id = AutoField()
    session = IntegerField()
    verb = CharField()
    """"pause", "resume" or "close"."""
    asked = BigIntegerField()
    done = BigIntegerField(null=True)
    result = CharField(null=True)
    price = DoubleField(null=True)
    """At which "close" leaves; at market where there is none."""

    class Meta:  # noqa: D106  # peewee's
        table_name = "commands"


class Events(Model):
    """What a session told people, its newest words: nothing depends on them."""

    session = IntegerField()
    number = BigIntegerField()
    """1 for the first of all."""
    time = BigIntegerField()
    kind = CharField()
    """A kind of live.watch.messages.Message."""
    text = TextField()

    class Meta:  # noqa: D106  # peewee's
        table_name = "events"
        primary_key = CompositeKey("session", "number")


class Presence(Model):
    """What a running session says of itself for `status`; nothing depends on it."""

    session = IntegerField(primary_key=True)
    pid = IntegerField()
    host = CharField()
    beat = BigIntegerField()
    """When this row was written, by this machine's clock."""
    state = CharField()
    """"starting", "running", "stopped" in order or "failed" of itself."""
    connection = CharField()
    price = DoubleField(null=True)
    price_time = BigIntegerField(null=True)
    reading = TextField()
    """JSON: what the signal says, for people."""
    restarts = IntegerField(default=0)
    """How often a process has taken the session up again."""
    forecast_rate = DoubleField(null=True)
    forecast_time = BigIntegerField(null=True)
    """The funding that the exchange expects, and when it is paid."""

    class Meta:  # noqa: D106  # peewee's
        table_name = "presence"
