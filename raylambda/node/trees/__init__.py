"""Code trees of a node: each package is unpacked once, its Python compiled once, and every environment of the node mounts the result.

What comes in is a package with its hash, and the plan of a runtime. What goes out is a ``Hold``: a folder that stays for as long as it
is held.

* ``code_trees``     CodeTrees: unpacked packages, held by those who use them
* ``compiled_tree``  a second tree beside the code: the same files, and byte code
* ``compilation``    Compiler: fills such trees, one at a time on a node, in a jail, in the background
* ``collection``     which trees go when there are too many (pure), and their removal
* ``files``          locks, sizes and removal of trees

::

    root/<sha256>.lock                     shared by who uses the tree, alone for who makes or removes it; its time is the last use
    root/<sha256>/code/                    the package, read-only and readable by everybody (a jail's user is nobody in particular)
    root/<sha256>/boot                     the boot id under which it was written
    root/<sha256>/bytes                    what all of it takes of the disk
    root/<sha256>/cpython-311-3495/        hard links to the files of the code, and byte code of that Python
    root/<sha256>/cpython-311-3495.failed  why there is none, so that it is not tried for ever
    root/compiling.lock                    one compiles at a time

What holds:

* several processes of a node share ``root``; the kernel frees the locks of one that dies, however it dies;
* a tree appears by one rename, so one that exists is whole, unless the machine went down before its files were on the disk: a
  tree of another boot is unpacked again;
* nothing writes into ``code`` once it is there, and no file of it is opened for writing through its other names;
* a tree that is held is never removed; a start whose tree has just gone unpacks it again.
"""
