"""Pull-request defect screening that runs inside the user's own CI."""

__version__ = "0.1.0"
