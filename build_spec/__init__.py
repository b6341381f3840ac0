"""The packaged program: what is in it, what is left out and why, and the packages of each system.

Start reading at `build_spec.build`; `formulens.spec` is what PyInstaller follows on all three systems.
"""
