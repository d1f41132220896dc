"""For tests of plugins and of whole systems: real processes on loopback, and an example company."""
