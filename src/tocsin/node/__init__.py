"""The node: one organisation's running Tocsin, with every room wired together. The only place that reads the machine's clock."""
