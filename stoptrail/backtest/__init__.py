"""One run of one parameter set: settings to rules, Cerebro, figures, files."""
