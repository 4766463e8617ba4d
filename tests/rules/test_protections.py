from stoptrail.rules.protections import (
    Protections,
    entries_stopped,
    guard_day,
    guard_exit,
    guard_start,
)

OFF = Protections(0.0, 0.0, 0, 0)


def test_all_off_stops_nothing() -> None:
    guard = guard_start(1000.0)
    for index in range(5):
        guard = guard_exit(guard, -150.0, 1000.0 - 150.0 * (index + 1), index, OFF)
    assert not entries_stopped(guard, 250.0, 5, OFF)


def test_a_daily_loss_is_reached_at_equality_and_ends_with_the_day() -> None:
    limits = OFF._replace(daily_loss=0.05)
    guard = guard_start(1000.0)
    assert not entries_stopped(guard, 950.01, 0, limits)
    assert entries_stopped(guard, 950.0, 0, limits)
    guard = guard_day(guard, 950.0)
    assert not entries_stopped(guard, 950.0, 1, limits)
    assert entries_stopped(guard, 950.0 * 0.95, 1, limits)


def test_a_limit_is_reached_at_a_decimal_that_doubles_miss() -> None:
    """9050 * (1 - 0.026) is a little less than 8814.7."""
    guard = guard_start(9050.0)
    assert entries_stopped(guard, 8814.7, 0, OFF._replace(daily_loss=0.026))
    assert entries_stopped(guard, 8814.7, 0, OFF._replace(drawdown=0.026))
    assert not entries_stopped(guard, 8814.7001, 0, OFF._replace(drawdown=0.026))


def test_a_drawdown_counts_from_the_highest_mark_or_balance() -> None:
    limits = OFF._replace(drawdown=0.1)
    guard = guard_day(guard_start(1000.0), 1200.0)
    assert entries_stopped(guard, 1080.0, 0, limits)
    assert not entries_stopped(guard, 1080.01, 0, limits)
    guard = guard_exit(guard, 300.0, 1500.0, 3, limits)
    assert entries_stopped(guard, 1350.0, 4, limits)
    assert guard_day(guard, 1100.0).peak == 1500.0


def test_losses_in_a_row_start_a_cool_down_and_count_anew() -> None:
    limits = OFF._replace(losses=2, cooldown=3)
    guard = guard_exit(guard_start(1000.0), -1.0, 999.0, 10, limits)
    assert not entries_stopped(guard, 999.0, 10, limits)
    guard = guard_exit(guard, -1.0, 998.0, 20, limits)
    stopped = [index for index in range(20, 30) if entries_stopped(guard, 998.0, index, limits)]
    assert stopped == [20, 21, 22, 23]
    assert guard.losses == 0


def test_a_trade_that_does_not_lose_ends_the_streak() -> None:
    limits = OFF._replace(losses=2, cooldown=3)
    for pnl in (0.0, 5.0):
        guard = guard_exit(guard_start(1000.0), -1.0, 999.0, 1, limits)
        guard = guard_exit(guard, pnl, 999.0 + pnl, 2, limits)
        guard = guard_exit(guard, -1.0, 998.0 + pnl, 3, limits)
        assert not entries_stopped(guard, 998.0, 3, limits)
