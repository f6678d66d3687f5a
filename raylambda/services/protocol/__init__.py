"""What the control planes of all services share: from a request to the answer of one operation. It knows no service.

* ``operation``   the table's row, the decorator that registers it, and the ``Context`` that an operation works in
* ``dispatch``    ``answer``: bind, find the resource, have it authorized, call, render
* ``validation``  binds a document to a request model; pydantic's errors become AWS's
* ``wire``        the root of all request and response models: AWS's member names, absent members absent
* ``pages``       pages of a list, and the markers between them

``dispatch.answer`` is the only way to an operation, and its steps have this order for all of them. A request is bound first,
because the name of what it is about may stand in its body. The row's ``resource`` then says what it is about, and
``Context.authorize`` whether the principal may do this to it; only then is the handler called, with this resource. A handler
takes account and region from its resource and from nowhere else, so that it cannot touch what was not authorized.

The caller owns the transaction: it commits after an answer and rolls back after an error. Nothing here starts or waits for
anything.
"""
