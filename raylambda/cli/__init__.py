"""The command line: `raylambda up | env | deploy | invoke | list | get | delete | logs | status | completion`.

Each command is one short function in the file of its subject (``platform``, ``functions``, ``logs``, ``status``); ``app`` puts
them together, ``output`` prints, ``packaging`` makes a package of a folder, ``connection`` knows where the platform is.
Everything that talks to a platform goes through ``raylambda.sdk.Client``. Commands import what they need when they run: `raylambda env` must not wait
for Ray.

Errors are one clear line with a way out, on stderr, and the exit status is not 0: 1 when something failed (a function error
too), 2 when the command line is wrong. What a program may read goes to stdout, all else to stderr.
"""

from raylambda.cli.app import main

__all__ = ["main"]
