"""The verbs of the command line; each module is loaded when one of its verbs is called."""
