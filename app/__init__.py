"""The program: window and command line."""
