"""Pictures of the screen: ordered handlers for the platforms, the overlay on which a region is chosen, and the flow."""

from app.capture.models import CaptureError, Region, Shot
from app.capture.snipper import Snipper

__all__ = ["CaptureError", "Region", "Shot", "Snipper"]
