"""AWS Lambda's programming model on a Ray cluster that you own.

The folders follow an invocation: ``frontdoor`` (HTTP in) > ``scheduling`` (admit, place) > ``environment``
(one execution environment, on a node) > ``runtime`` (the jail and what runs in it). Beside the path stand ``api``
(the control plane), ``queue`` (asynchronous events), ``store`` (SQL and packages), ``telemetry`` (logs) and ``model``,
the vocabulary that all of them share. ``boot.py`` puts the parts together; nothing else does.
"""

__version__ = "0.1.0"
