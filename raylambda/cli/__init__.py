"""The command line: `raylambda up | env | deploy | invoke | list | get | delete | logs | status | completion`.

Each command is a function and the declaration of its arguments, in the file of its subject (``up``, ``env``, ``deploy``,
``invoke``, ``functions``, ``logs``, ``status``, ``completion``). ``app`` puts them together, ``arguments`` has what they
share, ``output`` prints, ``connection`` knows where the platform is, ``profiles``
writes AWS's shared files, ``failures`` says what went wrong. Everything that talks to a platform goes through
``raylambda.sdk.Client``.

Declaring costs next to nothing: what starts slowly (Ray, the client, rich) is imported when a command runs, so `-h` and a TAB
come at once.

Errors are one clear line with a way out, on stderr, and the exit status is not 0: 1 when something failed (a function error
too), 2 when the command line is wrong. What a program may read goes to stdout, all else to stderr. Nothing that a guest
wrote steers a terminal.
"""

from raylambda.cli.app import main

__all__ = ["main"]
