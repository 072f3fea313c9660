"""An `org.bluez` that exists nowhere but on a private bus, over radios that exist only on the air.

bleak's own BlueZ back-end runs against it unchanged: what it reads, writes and is notified of are
real ATT bytes of simulated sensors. What real bluetoothd does wrong, and what hostile radio
conditions make it say, happens on demand (`faults`). Linux only: it needs a dbus-daemon.

    bus.py        a private dbus-daemon, and the one connection of the emulated daemon
    tree.py       objects, their properties, and the signals of their changes
    errors.py     the errors of BlueZ, as it words them
    faults.py     what can be made to go wrong, per call (pure)
    adapter.py    hci0: power, discovery sessions, connection slots, known devices
    device.py     one remote device: connect, services, disconnect, loss
    attribute.py  characteristics and descriptors: read, write, notify
    daemon.py     the calls, to whom they go, and what a client's end means
    control.py    faults from another process

Behaviour follows bluetoothd 5.66 as observed against the same sensors; what was not observed is
said where it is done. Not here: pairing agents, advertising, monitors, AcquireNotify.

Nothing is imported here: dbus-fast and Bumble are for those who use it.
"""
