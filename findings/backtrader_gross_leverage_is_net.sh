#!/bin/sh
# Backtrader's GrossLeverage is a net figure: shorts count against longs, and futures hardly count.
#
# Gross leverage is the sum of what is held, long and short, over the account: a trader looks there to see
# how much is at stake. `analyzers.GrossLeverage` divides the account less its cash by the account. What a
# short sale brings in is cash, so a short lowers the figure: an account that is half short has -0.5, and one
# that is half long in one market and half short in another has 0, the figure of an account without a trade.
# Of a position on margin only the margin left the cash, so ten times the account in futures is told as the
# margin's share. `analyzers.PyFolio` hands the same numbers on as `gross_lev`, which pyfolio plots.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtrader==1.9.78.123 pandas==2.3.3
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import datetime
import sys

import backtrader as bt

FIRST = datetime.datetime(2020, 1, 1)


class Flat(bt.feed.DataBase):
    """Five days at a price of 100."""

    at = 0

    def _load(self):
        if self.at == 5:
            return False
        self.lines.datetime[0] = bt.date2num(FIRST + datetime.timedelta(days=self.at))
        for line in (self.lines.open, self.lines.high, self.lines.low, self.lines.close):
            line[0] = 100.0
        self.lines.volume[0] = 1.0
        self.at += 1
        return True


class Hold(bt.Strategy):
    params = (("sizes", ()),)

    def next(self):
        if len(self) == 1:
            for data, size in zip(self.datas, self.p.sizes):
                (self.buy if size > 0 else self.sell)(data=data, size=abs(size))

    def stop(self):
        held = sum(abs(self.getposition(data).size) * data.close[0] for data in self.datas)
        self.gross = held / self.broker.getvalue()


def told(*sizes, **commission):
    """The gross leverage of 10,000 that hold `sizes` at 100, and what both analyzers say."""
    cerebro = bt.Cerebro(stdstats=False)
    for number, _ in enumerate(sizes):
        cerebro.adddata(Flat(), name=str(number))
    cerebro.addstrategy(Hold, sizes=sizes)
    cerebro.broker.setcash(10000.0)
    cerebro.broker.setcommission(0.0, **commission)
    cerebro.addanalyzer(bt.analyzers.GrossLeverage, _name="leverage")
    cerebro.addanalyzer(bt.analyzers.PyFolio, _name="pyfolio")
    (strategy,) = cerebro.run()
    said = list(strategy.analyzers.leverage.get_analysis().values())[-1]
    handed = float(strategy.analyzers.pyfolio.get_pf_items()[3].iloc[-1])
    return strategy.gross, said, handed


cases = {
    "half long": told(50),
    "half short": told(-50),
    "half long, half short": told(50, -50),
    "ten times long on margin": told(1000, margin=5.0, mult=1.0, stocklike=False),
}
print(f"backtrader {bt.__version__}")
for name, (gross, said, handed) in cases.items():
    print(f"{name}: gross leverage {gross:.1f}, GrossLeverage {said:.1f}, gross_lev {handed:.1f}")
expected = {
    "half long": (0.5, 0.5),
    "half short": (0.5, -0.5),
    "half long, half short": (1.0, 0.0),
    "ten times long on margin": (10.0, 0.5),
}
same = all(
    max(abs(found - right) for found, right in zip(cases[name], (gross, said, said))) < 1e-9
    for name, (gross, said) in expected.items()
)
sys.exit(0 if same else "Backtrader behaves otherwise now")
CODE
