"""The one way to speak to an exchange: clients, retries, refusals."""
