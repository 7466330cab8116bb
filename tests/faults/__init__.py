"""What is left of a server's promises when it is killed, its worker is killed, or its disk is full.

``python -m tests.faults [--quick] [--seed N] [everything|worker|disk]`` plays the demo's flow against a server of its
own while the fault strikes at random moments, keeps a ledger of what was acknowledged, and looks for all of it.
"""
