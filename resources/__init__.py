"""What ships beside the code, read by ``importlib.resources``: checkpoints, sample pictures, licences.

Nothing is imported from here but the folder itself: ``importlib.resources.files("resources") / "samples"``.
"""
