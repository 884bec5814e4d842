"""Documents, which some readers may see, and their loans."""

from django.conf import settings
from django.db import models


class Documents(models.QuerySet):
    def visible_to(self, user):
        """The documents that *user* may see: all for staff, else public ones and their own."""
        if user.is_staff:
            return self
        return self.filter(models.Q(is_public=True) | models.Q(owner=user))


class Document(models.Model):
    title = models.CharField(max_length=50)
    year = models.IntegerField()
    is_public = models.BooleanField(default=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)

    objects = Documents.as_manager()


class Loan(models.Model):
    document = models.ForeignKey(Document, models.CASCADE)
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    due = models.DateField()
