"""What is written into a function's log, measured of its invocations, and told about its environments.

What comes in: the guest's output in any pieces, and the steps of the environment. What goes out: ``LogLines`` and
``EnvironmentExited`` for the host's one listener, the numbers and the tail of an ``InvocationResult``, and the story for people.

::

    journal.py         what one environment logs, measures, and tells people, in the order in which it happens
    platform_lines.py  the platform's own lines, as text or as JSON records (pure)
    log_buffer.py      the guest's output as lines; the last 4 KB; what waits to be read
    outbox.py          what a host has to tell its listener

The way of a line, from a function's ``print`` to a terminal::

    sandbox/output          the guest's one pipe, read in bounded bites
    log_buffer              bytes become lines, between those of the platform (journal, platform_lines)
    outbox                  LogLines of all environments of the host
    Host.events             batches, which `host_actor` streams over Ray
    hosts/listener          the one listener of the host, in the platform's process
    logs/writer             appended to the files of the log group
    logs/reader             read from the end, followed
    frontdoor/own_paths     what an account may read, over HTTP
    raylambda logs          cli/logs

What holds: lines of one stream keep their order, and those of an invocation stand between its START and END; what waits is bounded,
and what is dropped is counted and said; each line is told once, an environment's before its exit.
"""
