"""What a deployment package may be. The control plane asks before it accepts one, a node before it unpacks it.

::

    archive.py  zip files: looked at without unpacking (``inspect_zip``), and unpacked so that nothing lands outside (``unpack_zip``)

What comes in is bytes that anybody may have made. What goes out are sizes, a tree of read-only files, or ``BadZip`` and ``ZipTooLarge``
with a text for whoever sent them.

What holds: both ask the same questions, so a package that was accepted can be unpacked; what comes out is counted while it comes,
whatever the directory of the zip says; no name and no link leads out of the tree.
"""
