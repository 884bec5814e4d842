"""The service that sends reminders, which is another company's."""


def balance():
    """The messages that are left."""
    return 250
