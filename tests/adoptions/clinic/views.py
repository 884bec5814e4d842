"""The view from before."""

from clinic import figures, reminders
from clinic.models import Appointment, Practice
from clinic.serializers import AppointmentSerializer, PracticeSerializer
from clinic.tenancy import current_practice
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.views import APIView


class OverviewView(APIView):
    def get(self, request):
        practice = Practice.objects.get(pk=current_practice())
        today = Appointment.objects.filter(day=timezone.localdate()).select_related("patient")
        return Response(
            {
                "practice": PracticeSerializer(practice).data,
                "today": AppointmentSerializer(today, many=True, context={"request": request}).data,
                "revenue": figures.revenue(),
                "messages": reminders.balance(),
            }
        )
