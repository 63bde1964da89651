"""Faults while people are being answered: real processes are killed, hung, flooded and lied to, and it is counted."""
