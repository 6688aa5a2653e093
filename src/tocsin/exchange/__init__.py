"""Release → envelope → partner → record: keys, sealing, the relay, and the exchange that runs over them.

The relay is never trusted: what travels is sealed for its audience, signed by its sender and chained for its
recipient, and everything is checked before anything is used.
"""
