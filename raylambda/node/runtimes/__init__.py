"""Languages: which runtimes a node has, and how a function version is started with one.

What comes in is a function version, its code tree, and whether there is a jail. What goes out is a ``RuntimePlan``: mounts, process 1's
Python, command, variables; or ``RuntimeUnavailable`` with what the function's caller reads.

::

    catalog.py          the table of languages, and the node's choice among them
    plan.py             RuntimePlan, and what all plans share: places, mounts, variables
    python.py           python3.8 to python3.14: the shipped loop, mostly as a fork of process 1
    nodejs.py           nodejs20.x to nodejs24.x: the shipped client
    provided.py         provided*, and every name that the operator maps to an executable
    interpreters.py     which Pythons and Node.js this node has, each run once before it counts
    python_packages.py  boto3 for every Python, made at set-up
    python_bytecode.py  which files of a tree may have byte code, and what is taken of a compiler's
    bootstrap/          what runs in the jail
      init.py              process 1 of every guest: starts, reaps, kills
      python_runtime.py    the loop of Python functions; python_runtime_api.py, _context.py, _errors.py, _json.py, _logs.py
      python_compiler.py   compiles a code tree, in a jail of its own
      nodejs/              the client of Node.js functions: index.mjs and what it loads

A language more is one file with ``RUNTIMES``, ``NAMES``, ``find_interpreter`` and ``plan``, and one line in ``catalog.py``.

What holds:

* a plan decides nothing about the life of an environment, and the environment knows no language;
* in a jail an interpreter runs from AWS's ``/var/lang``, which tracebacks, wrappers and vendors' scripts show and use; it is
  mounted also where its files really are, because its shared libraries may be looked for there;
* ``bootstrap`` imports the standard library only, runs on every Python from 3.8 on, and is no package: a jail sees just that
  folder. Its path is written in ``sandbox/contract.py``.
"""
