"""What makes a Python of this machine run as the simulated companion's; standard library alone, and no import of ours.

The transport starts it in place of ``python3``; it patches what a program learns of its machine and then runs the very
program that was asked for, under its own name and with its own arguments.
"""
