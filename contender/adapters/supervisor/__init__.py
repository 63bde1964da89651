"""The local supervisor: keeps a task's predictors and transformer running as processes, and leaves nothing behind.

Declarative, like the cluster it stands in for: clients write ``desired.json``, the supervisor makes it true and
writes ``observed.json``. `control` is what a command line needs, `contender.adapters.slots_process` what a release
needs; everything else belongs to the supervisor's own process.
"""
