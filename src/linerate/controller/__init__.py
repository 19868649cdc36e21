"""What runs only on the controller (Python 3.11+, third-party libraries allowed)."""
