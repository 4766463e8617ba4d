"""Who looks at a session: terminal, messages, figures, commands, replay."""
