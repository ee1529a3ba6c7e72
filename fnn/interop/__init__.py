"""What comes in from other libraries and goes out to them; each file is loaded when asked for, and needs its library.

Any file can be read by itself.
"""


def __getattr__(name: str):
    """Load the file of a library when somebody first asks for it."""
    raise AttributeError(f"module 'fnn.interop' has no attribute {name!r}")
