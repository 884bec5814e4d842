"""The guide, "Real-World Examples": the dashboards of a shop, a social network and a platform."""

from base64 import b64encode
from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Avg, Sum
from django.utils import timezone
from rest_framework.authentication import BasicAuthentication
from rest_framework.permissions import IsAdminUser, IsAuthenticated

from django_partstream import ProgressiveView, cached_for, lazy, safe_call
from django_partstream.testing import walk
from example_schema.models import Customer, Order, Product
from example_schema.serializers import OrderSerializer, ProductSerializer
from tests.guide.loader import names_of
from tests.guide.social import MODELS, Comment, Follow, Like, Post, PostSerializer, Profile


# fmt: off
# 1. E-commerce Admin Dashboard
class EcommerceDashboard(ProgressiveView):
    permission_classes = [IsAuthenticated, IsAdminUser]
    chunk_size = 3

    def get_parts(self):
        return [
            ("overview", {
                "store_name": "My Store",
                "timestamp": timezone.now().isoformat(),
                "admin": self.request.user.username
            }),
            ("today_stats", lazy(self.get_today_stats)),
            ("recent_orders", lazy(self.get_recent_orders)),
            ("inventory_alerts", lazy(self.get_inventory_alerts)),
            ("sales_analytics", lazy(safe_call(self.get_sales_analytics))),
            ("customer_insights", lazy(safe_call(self.get_customer_insights)))
        ]

    def get_today_stats(self, request):
        today = timezone.now().date()
        return {
            "orders_today": Order.objects.filter(created_at__date=today).count(),
            "revenue_today": Order.objects.filter(created_at__date=today)
                                        .aggregate(Sum('total'))['total__sum'] or 0,
            "new_customers": Customer.objects.filter(created_at__date=today).count()
        }

    def get_recent_orders(self, request):
        orders = Order.objects.select_related('customer').order_by('-created_at')[:100]
        return OrderSerializer(orders, many=True).data

    def get_inventory_alerts(self, request):
        products = Product.objects.filter(stock__lt=10)
        return ProductSerializer(products, many=True).data

    def get_sales_analytics(self, request):
        # Complex analytics - might fail
        return {
            "total_revenue": Order.objects.aggregate(Sum('total'))['total__sum'],
            "avg_order_value": Order.objects.aggregate(Avg('total'))['total__avg'],
            "conversion_rate": self.calculate_conversion_rate()
        }

    def get_customer_insights(self, request):
        # Very expensive computation
        return {
            "total_customers": Customer.objects.count(),
            "churn_rate": self.calculate_churn_rate(),
            "lifetime_value": self.calculate_customer_lifetime_value()
        }


# 2. Social Media Dashboard
class SocialDashboard(ProgressiveView):
    def get_parts(self):
        return [
            ("profile", {
                "username": self.request.user.username,
                "followers": self.request.user.profile.followers.count(),
                "following": self.request.user.profile.following.count()
            }),
            ("recent_posts", lazy(self.get_recent_posts)),
            ("engagement", lazy(self.get_engagement_stats)),
            ("analytics", lazy(self.get_analytics))
        ]

    def get_recent_posts(self, request):
        posts = Post.objects.filter(author=request.user).order_by('-created_at')[:20]
        return PostSerializer(posts, many=True).data

    def get_engagement_stats(self, request):
        return {
            "total_likes": Like.objects.filter(post__author=request.user).count(),
            "total_comments": Comment.objects.filter(post__author=request.user).count(),
            "engagement_rate": self.calculate_engagement_rate()
        }

    def get_analytics(self, request):
        return {
            "reach": self.calculate_reach(),
            "impressions": self.calculate_impressions(),
            "best_time_to_post": self.calculate_optimal_posting_time()
        }


# 3. Analytics Platform
class AnalyticsPlatform(ProgressiveView):
    chunk_size = 2

    def get_parts(self):
        return [
            ("meta", {
                "platform": "Analytics Dashboard",
                "user": self.request.user.username,
                "timestamp": timezone.now().isoformat()
            }),
            ("realtime", lazy(self.get_realtime_metrics)),
            ("historical", lazy(self.get_historical_data)),
            ("predictions", lazy(self.get_predictions))
        ]

    @cached_for(30)  # Cache for 30 seconds
    def get_realtime_metrics(self, request):
        return {
            "active_users": self.count_active_users(),
            "requests_per_minute": self.calculate_rpm(),
            "error_rate": self.calculate_error_rate()
        }

    def get_historical_data(self, request):
        return {
            "traffic_trends": self.calculate_traffic_trends(),
            "user_behavior": self.analyze_user_behavior(),
            "conversion_funnel": self.calculate_conversion_funnel()
        }

    def get_predictions(self, request):
        return {
            "traffic_forecast": self.predict_traffic(),
            "user_growth": self.predict_user_growth(),
            "revenue_projection": self.predict_revenue()
        }
# fmt: on


class Shop(EcommerceDashboard):
    """The guide's shop dashboard with the methods that the guide leaves to the reader."""

    def calculate_conversion_rate(self):
        return 0.25

    def calculate_churn_rate(self):
        return 0.5

    def calculate_customer_lifetime_value(self):
        return Decimal("99.90")


class ShopByPassword(Shop):
    authentication_classes = [BasicAuthentication]


class ShopWithoutVisitors(Shop):
    def calculate_conversion_rate(self):
        return Order.objects.count() / 0


class Network(SocialDashboard):
    def calculate_engagement_rate(self):
        return 0.75

    def calculate_reach(self):
        return 12

    def calculate_impressions(self):
        return 34

    def calculate_optimal_posting_time(self):
        return timezone.now().time()


class Platform(AnalyticsPlatform):
    counts = count()

    def count_active_users(self):
        return next(self.counts)

    def calculate_rpm(self):
        return 60

    def calculate_error_rate(self):
        return 0.01

    def calculate_traffic_trends(self):
        return [1, 2, 3]

    def analyze_user_behavior(self):
        return {"clicks": 4}

    def calculate_conversion_funnel(self):
        return [("visits", 100), ("orders", 25)]

    def predict_traffic(self):
        return [4, 5]

    def predict_user_growth(self):
        return 0.1

    def predict_revenue(self):
        return Decimal("1000.50")


@pytest.mark.django_db
class TestEcommerceDashboard:
    def test_an_admin_gets_the_six_parts_of_the_shop_three_at_a_time(self, serve, clock, admin):
        client = serve(Shop)
        client.force_login(admin)
        walked = walk(client, "/")
        assert [names_of(page["results"]) for page in walked.pages] == [
            ["overview", "today_stats", "recent_orders"],
            ["inventory_alerts", "sales_analytics", "customer_insights"],
        ]
        assert walked.parts["overview"] == {
            "store_name": "My Store",
            "timestamp": "2024-01-01T10:00:00+00:00",
            "admin": "admin",
        }
        assert walked.errors == []

    def test_the_parts_of_the_ecommerce_dashboard_have_the_numbers_of_the_shop(
        self, serve, clock, admin, place_order
    ):
        place_order("10.00")
        clock.forward(24 * 3600)
        newest = place_order("20.00")
        Product.objects.create(name="Lamp", sku="L", price=5, stock=9)
        client = serve(Shop)
        client.force_login(admin)
        parts = walk(client, "/").parts
        assert parts["today_stats"] == {
            "orders_today": 1,
            "revenue_today": 20,
            "new_customers": 1,
        }
        assert [order["customer"] for order in parts["recent_orders"]] == [
            "Customer 2",
            "Customer 1",
        ]
        assert parts["recent_orders"][0]["id"] == newest.pk
        assert [product["name"] for product in parts["inventory_alerts"]] == ["Lamp"]
        assert parts["sales_analytics"] == {
            "total_revenue": 30,
            "avg_order_value": 15,
            "conversion_rate": 0.25,
        }
        assert parts["customer_insights"] == {
            "total_customers": 2,
            "churn_rate": 0.5,
            "lifetime_value": 99.9,
        }

    def test_a_day_without_orders_has_no_revenue(self, serve, admin):
        client = serve(Shop)
        client.force_login(admin)
        today = client.get("/").json()["results"][1]["today_stats"]
        assert today == {"orders_today": 0, "revenue_today": 0, "new_customers": 0}

    def test_failed_analytics_fail_only_their_own_part(self, serve, admin, place_order):
        place_order()
        client = serve(ShopWithoutVisitors)
        client.force_login(admin)
        walked = walk(client, "/")
        assert walked.parts["sales_analytics"] is None
        assert walked.parts["customer_insights"]["total_customers"] == 1
        [error] = walked.errors
        assert (error["part"], error["code"]) == ("sales_analytics", "part_failed")

    def test_an_anonymous_user_gets_a_403_from_the_ecommerce_dashboard(self, serve):
        # DRF's default authenticates by session first, which has no challenge: 403, not 401.
        response = serve(Shop).get("/")
        assert response.status_code == 403
        assert list(response.json()) == ["detail"]

    def test_an_anonymous_user_gets_a_401_where_authentication_has_a_challenge(self, serve):
        response = serve(ShopByPassword).get("/")
        assert response.status_code == 401
        assert response["WWW-Authenticate"].startswith("Basic ")

    @pytest.mark.parametrize(
        ("credentials", "status"),
        [
            ("admin:admin's", 200),
            ("ann:ann's", 403),
            ("admin:guessed", 401),
        ],
    )
    def test_the_ecommerce_dashboard_needs_the_password_of_an_admin(
        self, serve, admin, ann, credentials, status
    ):
        client = serve(ShopByPassword)
        header = {"Authorization": f"Basic {b64encode(credentials.encode()).decode()}"}
        assert client.get("/", headers=header).status_code == status
        if status == 200:
            assert len(walk(client, "/", headers=header).parts) == 6

    def test_a_user_without_admin_rights_is_refused(self, serve, ann):
        client = serve(Shop)
        client.force_login(ann)
        assert client.get("/").status_code == 403

    def test_a_cursor_of_an_admin_is_refused_for_other_users(self, serve, admin, ann):
        client = serve(Shop)
        client.force_login(admin)
        address = f"/?cursor={client.get('/').json()['cursor']}"
        client.force_login(ann)
        assert client.get(address).status_code in (400, 403)
        client.logout()
        assert client.get(address).status_code in (400, 403)

    def test_a_user_who_stops_being_an_admin_halfway_is_refused(self, serve, admin):
        client = serve(Shop)
        client.force_login(admin)
        cursor = client.get("/").json()["cursor"]
        User.objects.update(is_staff=False)
        assert client.get(f"/?cursor={cursor}").status_code == 403


@pytest.fixture
def social_tables(transactional_db):
    with connection.schema_editor() as editor:
        for model in MODELS:
            editor.create_model(model)
    yield
    with connection.schema_editor() as editor:
        for model in reversed(MODELS):
            editor.delete_model(model)


@pytest.fixture
def network(social_tables, ann, bob):
    """Bob follows Ann; Ann wrote 21 posts, Bob a single post."""
    profiles = [Profile.objects.create(user=user) for user in (ann, bob)]
    Follow.objects.create(followed=profiles[0], follower=profiles[1])
    began = timezone.now()
    for number in range(21):
        moment = began + timedelta(minutes=number)
        Post.objects.create(author=ann, text=f"Post {number}", created_at=moment)
    bobs = Post.objects.create(author=bob, text="Hello", created_at=began)
    for post in Post.objects.filter(author=ann)[:3]:
        Like.objects.create(post=post)
    Comment.objects.create(post=bobs)


class TestSocialDashboard:
    def test_a_member_gets_the_numbers_of_their_own_posts(self, serve, clock, network, ann):
        client = serve(Network)
        client.force_login(ann)
        walked = walk(client, "/")
        assert walked.names == ["profile", "recent_posts", "engagement", "analytics"]
        assert walked.parts["profile"] == {"username": "ann", "followers": 1, "following": 0}
        assert walked.parts["engagement"] == {
            "total_likes": 3,
            "total_comments": 0,
            "engagement_rate": 0.75,
        }
        assert walked.parts["analytics"] == {
            "reach": 12,
            "impressions": 34,
            "best_time_to_post": "10:00:00",
        }
        assert walked.errors == []

    def test_the_twenty_latest_posts_arrive_newest_first(self, serve, network, ann):
        client = serve(Network)
        client.force_login(ann)
        posts = walk(client, "/").parts["recent_posts"]
        assert [post["text"] for post in posts] == [f"Post {n}" for n in range(20, 0, -1)]

    def test_another_member_gets_other_numbers_and_posts(self, serve, network, bob):
        client = serve(Network)
        client.force_login(bob)
        parts = walk(client, "/").parts
        assert parts["profile"] == {"username": "bob", "followers": 0, "following": 1}
        assert [post["text"] for post in parts["recent_posts"]] == ["Hello"]
        assert parts["engagement"]["total_comments"] == 1


class TestAnalyticsPlatform:
    def test_the_four_parts_of_the_analytics_platform_arrive_two_at_a_time(self, serve, clock):
        walked = walk(serve(Platform), "/")
        assert [names_of(page["results"]) for page in walked.pages] == [
            ["meta", "realtime"],
            ["historical", "predictions"],
        ]
        assert walked.parts["meta"] == {
            "platform": "Analytics Dashboard",
            "user": "",
            "timestamp": "2024-01-01T10:00:00+00:00",
        }
        assert walked.parts["historical"] == {
            "traffic_trends": [1, 2, 3],
            "user_behavior": {"clicks": 4},
            "conversion_funnel": [["visits", 100], ["orders", 25]],
        }
        assert walked.parts["predictions"] == {
            "traffic_forecast": [4, 5],
            "user_growth": 0.1,
            "revenue_projection": 1000.5,
        }
        assert walked.errors == []

    def test_realtime_metrics_are_computed_every_thirty_seconds(self, serve, clock):
        client = serve(Platform)
        first = walk(client, "/").parts["realtime"]
        clock.forward(29)
        assert walk(client, "/").parts["realtime"] == first
        clock.forward(1)
        assert walk(client, "/").parts["realtime"]["active_users"] == first["active_users"] + 1

    @pytest.mark.django_db
    def test_the_meta_part_of_the_analytics_platform_names_the_signed_in_user(self, serve, ann):
        client = serve(Platform)
        client.force_login(ann)
        assert walk(client, "/").parts["meta"]["user"] == "ann"
