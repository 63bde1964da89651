"""`contender cluster doctor`: is a cluster fit for Contender, and what is to be done where it is not?

Here: one function a check, over what the Kubernetes API says; `checks.py` lists them. Not here: applying anything.
Begin reading in `finding.py`, then `checks.py`.
"""
