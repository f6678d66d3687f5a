"""What the platform says of itself to the people who run it; what functions write is in ``logs``.

* ``setup``  structlog for our own processes: one line (logfmt) per event on standard error

Secrets never get there: values under secret-like names are blotted out, and so are signatures and passwords inside of texts
(a database URL in an error, say). Libraries are heard through the standard ``logging``, from warnings on, in the same form.
"""
