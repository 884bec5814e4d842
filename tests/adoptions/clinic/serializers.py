from clinic.models import Appointment, Practice
from rest_framework import serializers


class PracticeSerializer(serializers.ModelSerializer):
    class Meta:
        model = Practice
        fields = ["id", "name"]


class AppointmentSerializer(serializers.ModelSerializer):
    patient = serializers.CharField(source="patient.name")
    url = serializers.SerializerMethodField()

    class Meta:
        model = Appointment
        fields = ["id", "patient", "fee", "url"]

    def get_url(self, appointment):
        return self.context["request"].build_absolute_uri(f"/appointments/{appointment.pk}/")
