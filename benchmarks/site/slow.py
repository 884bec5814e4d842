"""Slow responses: parts that sleep, and parts that ask PostgreSQL."""

import time

from django.db import connections
from django.http import JsonResponse
from django.urls import path

from django_partstream import ProgressiveView, lazy

#: Seconds that each of the sleeping parts takes.
SLEEPS = (0, 0.02, 0.05, 0.1, 0.2, 0.4)
#: Seconds that each of the equal slow parts takes, and their number.
EQUAL, EQUALS = 0.05, 6


def sleeping(request, seconds):
    time.sleep(seconds)
    return seconds


class SlowAtOnce(ProgressiveView):
    chunk_size = concurrency = EQUALS

    def get_parts(self):
        return [(f"part_{n}", lazy(sleeping, EQUAL)) for n in range(EQUALS)]


class SlowOne(ProgressiveView):
    def get_parts(self):
        return [("part", lazy(sleeping, EQUAL))]


# Six queries of a shop over a table of orders, from quick to slow.

DATABASE = "postgres"
ORDERS = 100_000
TABLE = f"""
CREATE UNLOGGED TABLE benchmark_order AS
SELECT number, number * 7919::bigint % 5000 AS customer, number % 5 AS status,
       date '2026-01-01' + number % 365 AS day, (number * 104729::bigint % 100000) / 100.0 AS total
FROM generate_series(1, {ORDERS}) AS number
"""
QUERIES = (
    "SELECT number, total FROM benchmark_order LIMIT 20",
    "SELECT count(*), sum(total) FROM benchmark_order WHERE day = date '2026-03-01'",
    "SELECT status, count(*), sum(total) FROM benchmark_order GROUP BY status ORDER BY status",
    "SELECT customer, sum(total) FROM benchmark_order GROUP BY customer ORDER BY 2 DESC LIMIT 10",
    "SELECT day, sum(sum(total)) OVER (ORDER BY day) FROM benchmark_order GROUP BY day LIMIT 30",
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY total) FROM benchmark_order",
)


def asking(request, query):
    with connections[DATABASE].cursor() as cursor:
        cursor.execute(query)
        return [[str(value) for value in row] for row in cursor.fetchall()]


def with_work(name, function, arguments):
    """
    The addresses of the same parts, ``function(request, argument)`` each.

    A blocking view, an endpoint for each part, a progressive view, and one with ``concurrency``.
    """

    class Walked(ProgressiveView):
        def get_parts(self):
            return [(f"part_{n}", lazy(function, one)) for n, one in enumerate(arguments)]

    class Together(Walked):
        concurrency = 2

    def blocking(request):
        return JsonResponse({"results": [function(request, one) for one in arguments]})

    def endpoint(request, number):
        return JsonResponse({"result": function(request, arguments[number])})

    return [
        path(f"plain/{name}/", blocking),
        path(f"plain/{name}/<int:number>/", endpoint),
        path(f"ours/{name}/", Walked.as_view()),
        path(f"ours/{name}-together/", Together.as_view()),
    ]


urlpatterns = [
    path("ours/slow-at-once/", SlowAtOnce.as_view()),
    path("ours/slow-one/", SlowOne.as_view()),
    *with_work("sleeps", sleeping, SLEEPS),
    *with_work("queries", asking, QUERIES),
]
