"""What a guest asks its host over HTTP, served from the host's own event loop on a socket that listens inside the jail.

What comes in are bytes of a hostile peer. What goes out are replies to the byte as AWS gives them, and events of the life cycle.

::

    server.py           the server of one environment: connections, credit, bodies; which API a request is for
    runtime_api.py      the Runtime API: its operations and their texts
    http_connection.py  one connection, and the replies on it
    http_request.py     requests out of bytes (no I/O)
    listener.py         accepts connections, one in a turn of the loop

A request's way: the listener accepts, the connection reads, ``http_request`` cuts, the server asks the API how much of the body to keep
and then for the reply. An API more (Extensions, Telemetry) is a ``GuestApi`` under a path of its own.

What holds:

* a peer that breaks the rules loses its connection, and nothing else happens;
* there is no task and no future per request; whatever is kept of a request is bounded, and one body is received at a time;
* requests cost credit that invocations earn, so a guest that asks in a circle is served slowly;
* whether a request is allowed now is decided by the life cycle alone.
"""
