"""Practices, their patients and appointments. A query sees the rows of the current practice."""

from clinic.tenancy import current_practice
from django.db import models


class OfPractice(models.Manager):
    def get_queryset(self):
        return super().get_queryset().filter(practice_id=current_practice())


class Practice(models.Model):
    name = models.CharField(max_length=50)


class Patient(models.Model):
    practice = models.ForeignKey(Practice, models.CASCADE)
    name = models.CharField(max_length=50)

    objects = OfPractice()


class Appointment(models.Model):
    practice = models.ForeignKey(Practice, models.CASCADE)
    patient = models.ForeignKey(Patient, models.CASCADE)
    day = models.DateField()
    fee = models.DecimalField(max_digits=8, decimal_places=2)

    objects = OfPractice()
