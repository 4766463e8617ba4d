"""The ledger: what a session did, in whole transactions."""
