"""An exchange simulator for tests: Binance's REST and streams over a recorded market."""
