"""Fakes that ship: they pass the same conformance tests as the real parts, and users may test with them.

* ``clock``      ``ManualClock``: stands still until it is moved
* ``timers``     ``ManualTimers``: ring when such a clock is moved over their time
* ``codestore``  ``MemoryCodeStore``: packages in a dictionary
* ``hosts``      ``FakeCluster``, ``FakeHost``, ``FakePackages``: hosts in memory, scripted
* ``calls``      ``ScriptedInvoker`` and ``RecordingQueue``: where a front door and a dispatcher send calls and events
* ``scheduling`` ``Scheduling``: the whole path of a call on such hosts, or on others, without HTTP and without a store
* ``sandbox``    ``FakeSandbox``, and runtimes that are scripts: next, respond, crash
* ``platform``   ``running_platform``: `raylambda up` in an empty data directory, ended afterwards
* ``processes``  processes as `/proc` shows them: who descends from whom, and which are gone
"""
