"""The window of Formulens, and `formulens recognize`."""

from app.singletons import protect_singletons

protect_singletons()
