"""Whose request it is, and what they may do.

* ``credential``     what a request says of its signer, in a header or in the query; nothing of it is believed yet
* ``signature``      whether that is true: the request is signed again and compared. Makes the ``Principal``
* ``keys``           which keys there are, and the secrets that sign
* ``authorization``  whether a principal may do an action to a resource: one ``authorize`` for every endpoint

Authentication has two halves, because a body may be large: ``examine`` refuses what the head alone shows to be wrong (no
signature, unknown key, old date), and gives back ``Confirm``, which takes the hash of the body that arrived and names the
principal. Secrets are compared in constant time. A failure is one of AWS's 403s and says no more than AWS does.

Authorization comes after it and knows nothing of HTTP. Its ``resource`` is an ARN that ``model.addressing`` has made of what
the client named, so another account's function is refused here and nowhere else.
"""
