"""A Telegram bot over the sessions of a ledger, for one chat and nobody else: sessions in words,
and orders to them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

from stoptrail.core.database import Address
from stoptrail.core.errors import ConfigError, StopTrailError, UsageError
from stoptrail.core.program import collect_each_minute
from stoptrail.core.text import plain
from stoptrail.core.time import DAY_MS
from stoptrail.live.ledger.reading import reading
from stoptrail.live.ledger.records import all_sessions, find_session
from stoptrail.live.watch.beats import Beats
from stoptrail.live.watch.book_snapshot import snapshot_of
from stoptrail.live.watch.daily import summary
from stoptrail.live.watch.remote_control import VERBS, answered
from stoptrail.live.watch.view import brief_line

COMMANDS = ("status", *VERBS, "daily")
_YES = "yes"


def reply(url: Address, command: str, words: Sequence[str]) -> str:
    """The answer to `command` of COMMANDS with these words behind it, in plain text; what is
    wrong is said in it."""
    try:
        return _reply(url, command, words)
    except StopTrailError as error:
        return plain(error)


def _reply(url: Address, command: str, words: Sequence[str]) -> str:
    if command in VERBS:
        return _order(url, command, words)
    with reading(url) as database:
        rows = [find_session(database, words[0])] if words else all_sessions(database)
        if command == "status":
            lines = [brief_line(snapshot_of(database, row, 1, Beats())) for row in rows]
        else:
            today = int(time.time() * 1000) // DAY_MS * DAY_MS
            lines = [f"{r.id} {r.symbol} {summary(database, r.id, today)}" for r in rows]
    return "\n".join(lines) or "no session has been started"


def _order(url: Address, verb: str, words: Sequence[str]) -> str:
    """Say it to the session; one that leaves a position needs a yes behind it."""
    sure = len(words) > 0 and words[-1].lower() == _YES
    names = words[:-1] if sure else words
    with reading(url) as database:
        if not names and len(all_sessions(database)) > 1:
            raise UsageError(f"there are several sessions: /{verb} NUMBER")
        row = find_session(database, names[0] if names else str(all_sessions(database)[0].id))
        if verb == "close" and not sure:
            now = brief_line(snapshot_of(database, row, 1, Beats()))
            return f"{now}\nTo leave its position at market send: /close {row.id} {_YES}"
    number, answer = answered(url, str(row.id), verb)
    return f"session {number}: {verb}: {answer}"


_LONGEST = 4000
"""Characters of a message; Telegram takes 4,096."""


def serve(url: Address, token: str, chat: int, base_url: str) -> None:
    """Answer until SIGINT or SIGTERM. What was written while nobody listened is dropped: an
    order counts at the moment when it is given. Raises ConfigError for a token that
    Telegram refuses, or without the library."""
    try:
        from telegram import Update
        from telegram.error import InvalidToken
        from telegram.ext import ApplicationBuilder, CommandHandler, filters
    except ImportError:
        raise ConfigError(
            "telegram needs python-telegram-bot: pip install 'stoptrail[telegram]'"
        ) from None

    for name in ("telegram", "httpx", "httpcore"):  # what they log holds the token
        logging.getLogger(name).disabled = True
        logging.getLogger(name).propagate = False
        logging.getLogger(name).addHandler(logging.NullHandler())

    async def answer(update: Any, context: Any) -> None:
        command = update.message.text.split()[0].lstrip("/").partition("@")[0].lower()
        text = await asyncio.to_thread(reply, url, command, context.args or [])
        await update.message.reply_text(text[:_LONGEST])

    tidying: list[asyncio.Task[None]] = []

    async def begin(_: Any) -> None:
        tidying.append(asyncio.create_task(collect_each_minute()))

    async def end(_: Any) -> None:
        for task in tidying:
            task.cancel()

    builder = ApplicationBuilder().token(token).base_url(f"{base_url.rstrip('/')}/bot")
    application = builder.post_init(begin).post_stop(end).build()
    ours = filters.Chat(chat_id=chat) & filters.UpdateType.MESSAGE
    application.add_handler(CommandHandler(list(COMMANDS), answer, filters=ours))
    try:
        application.run_polling(
            drop_pending_updates=True, allowed_updates=[Update.MESSAGE], bootstrap_retries=-1
        )
    except InvalidToken:
        raise ConfigError("telegram.token is refused: copy it from @BotFather") from None
