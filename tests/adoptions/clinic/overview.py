from clinic import figures, reminders
from clinic.models import Appointment, Practice
from clinic.serializers import AppointmentSerializer, PracticeSerializer
from clinic.tenancy import current_practice
from django.utils import timezone

from django_partstream import ProgressiveView, cached_for, lazy, safe_call, with_timeout


class ProgressiveOverviewView(ProgressiveView):
    chunk_size = 2

    def get_parts(self):
        return [
            ("practice", lazy(self.get_practice)),
            ("today", lazy(self.get_today)),
            ("revenue", lazy(self.get_revenue)),
            ("messages", lazy(self.get_messages)),
        ]

    def get_practice(self, request):
        return PracticeSerializer(Practice.objects.get(pk=current_practice()))

    def get_today(self, request):
        today = Appointment.objects.filter(day=timezone.localdate()).select_related("patient")
        return AppointmentSerializer(today, many=True, context={"request": request})

    @cached_for(300, per_user=False)  # the same for all readers of a practice
    def get_revenue(self, request):
        return figures.revenue()

    @safe_call
    @with_timeout(2)
    def get_messages(self, request):
        return reminders.balance()
