"""Kill parties of a dataspace at random moments, and see that nothing of them is left: `make storm N=1000 SEED=1`.

One dataspace in this process, behind a gatekeeper on a unix socket and a TCP port, and as an object of a CapTP node. Parties come and go by the
hundred: raw sockets that end in every way a socket can end (orderly, reset, in the middle of a packet, with garbage), bash scripts over both
transports, clients and CapTP nodes in Python as processes, services that speak on their standard input and output. Processes are ended with SIGKILL,
a random time after their start, so that some die before they have said anything. An observer notes what comes and goes.

It fails if an assertion of a dead party stays, comes or goes twice, or if a session or a process is left over. At most LIVING parties live at a time;
nothing is waited for longer than PATIENCE.
"""
