"""What is measured of a running system, and how it is shown."""
