"""HTTP in: from a signed request to a call of the invoker, or to an operation of the control plane.

The way of a request through the files::

    server          uvicorn, with limits for the head of a request
    answers         the outermost part: a request id for everything, an answer for every failure
    browser_guard   where nothing is signed: no name but our own, and no web page but our own
    routing         which endpoint: on the raw path, because an ARN in one label may hold ``%2F``
    arrival         who and what: the authenticator examines the head, then the body is read, then the principal is known
      auth/           whose request it is, and what they may do
      bodies          reading with a limit
    invoke          Invoke and InvokeAsync; ``calls`` has their rules       -> scheduling, queue
                    (refused_json/: what AWS says of a payload that is no JSON)
    control         the operation table                                     -> services
    own_paths       health, status and logs; ``code_links`` the downloads of ``Code.Location``; ``uploads`` packages; ``page`` what a browser shows
    other_services  none of these paths: another service of AWS is told, in its own protocol, where to send it; ``endpoint_variables`` how
    app             puts the endpoints on their paths; ``front_door`` is all that it stands on; ``openapi`` describes it

What holds everywhere: nothing of a request is believed before its signature is checked; a stranger is refused before his
body is read; whoever is known is still asked for every action on every resource, by one ``authorize``; every answer has
``x-amzn-RequestId``, which for an invocation is the id that the function sees; errors are ``LambdaError`` and become AWS's
answer in one place, anything else becomes a 500 that says nothing about us.

A warm synchronous invocation runs in the event loop from its first byte to its last: no SQL, no thread, no lock; ``answers``,
``routing``, ``arrival``, ``bodies``, ``calls``, ``refused_json``, ``invoke`` and ``auth`` import neither the control plane nor
the store. The control plane runs in threads, one unit of work per request, committed before its answer is sent.
"""
