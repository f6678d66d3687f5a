"""What AWS says of a payload that is not JSON: the words and the place of Jackson's parser, which reads payloads there.

* ``structure``  ``json_complaint``: values in arrays and objects, and what is wrong between them
* ``scalars``    numbers and words
* ``text``       strings and names: escapes and UTF-8
* ``cursor``     reads the bytes, and knows the place of an error

It runs only once Python's parser has refused a payload, and finds an error in exactly those, apart from valid ones that are
nested deeper than Python's stack happens to reach. The recorded texts are in lambda-reference.md 19, the others in Jackson's
``UTF8StreamJsonParser`` and ``ParserMinimalBase`` (2.18). Columns are counted in bytes from 1: of a character that is wrong
its own, otherwise that of the byte that would have been read next.
"""
