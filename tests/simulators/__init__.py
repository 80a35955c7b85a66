"""What the simulators of SIEMs have in common: a port to answer on, and switches for bad days."""
