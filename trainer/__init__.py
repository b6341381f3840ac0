"""Makes data, trains models, measures them. Depends on ``core_model``, never on ``app``."""
