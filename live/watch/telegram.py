"""A Telegram bot over the sessions of a ledger, for one chat and nobody else."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from stoptrail.core.database import Address
from stoptrail.core.errors import ConfigError
from stoptrail.live.watch.replies import COMMANDS, reply

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

    application = ApplicationBuilder().token(token).base_url(f"{base_url.rstrip('/')}/bot").build()
    ours = filters.Chat(chat_id=chat) & filters.UpdateType.MESSAGE
    application.add_handler(CommandHandler(list(COMMANDS), answer, filters=ours))
    try:
        application.run_polling(
            drop_pending_updates=True, allowed_updates=[Update.MESSAGE], bootstrap_retries=-1
        )
    except InvalidToken:
        raise ConfigError("telegram.token is refused: copy it from @BotFather") from None
