"""The demonstration: one relay and three nodes as processes of their own, recorded traffic, one exercise.

Nothing in it is special to the demonstration but its cast, its script, and a receiver that plays a
recording: the nodes are started by the same `tocsin up`, speak through a real relay, and are asked
through the same HTTP as the console's.
"""
