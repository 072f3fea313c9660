"""The virtual radio on Bumble: real HCI, L2CAP, ATT and GATT bytes, and no Bluetooth adapter.

    link.py        the ether: who hears whom, how loud, how late
    controller.py  one virtual HCI controller, corrected where Bumble's own departs from the spec
    server.py      sockets; each connection gets a controller of its own
    host.py        a central's host stack on such a controller (used by `firmware_sim.bleak_air`)

Nothing is imported here: Bumble costs 0.7 s and 24 MB, so only those who use the radio pay.
"""
