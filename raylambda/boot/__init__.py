"""Composition roots: settings in; stores, Ray actors and a front door out. Nothing else puts parts together.

* ``up``           what `raylambda up` does, from the checks to the last line that is said
* ``listening``    the front door's socket, and what people should know of its address
* ``ray_cluster``  the connection to Ray, and hosts as its actors: the one place that names the actor's class
* ``platform``     all parts, connected and closed in the reverse order; reads like the picture in the README
* ``repeating``    work for the life of the platform that goes on after a disk or a store failed once
* ``front_door``   the parts that one front door stands on: keys, links, where packages come from
* ``overview``     a row for each function: what it has, does, and has done; pure
* ``status``       what the platform says of itself, and why a function waits or was refused

Everything is opened in the order in which it is needed and closed in the reverse order: the front door stops taking
requests first, Ray ends last. One process has all of it today. A second kind of process (a fleet that serves several front
doors) is one more file here: the parts are given to each other as arguments, and none knows who made the others.
"""


class BootError(Exception):
    """The platform cannot start; the text is one line that says why and what to do."""
