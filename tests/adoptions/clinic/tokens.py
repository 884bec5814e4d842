"""Signed tokens: who asks, and for which practice."""

import jwt
from django.conf import settings
from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed


def issue(user, practice):
    return jwt.encode(
        {"sub": str(user.pk), "practice": practice.pk}, settings.SECRET_KEY, algorithm="HS256"
    )


def claims_of(request):
    """The claims of the token of *request*, or None without a valid token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer":
        return None
    try:
        return jwt.decode(token, settings.SECRET_KEY, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return None


class TokenAuthentication(BaseAuthentication):
    def authenticate(self, request):
        if "Authorization" not in request.headers:
            return None
        claims = claims_of(request)
        if claims is None:
            raise AuthenticationFailed
        return User.objects.get(pk=claims["sub"]), claims

    def authenticate_header(self, request):
        return "Bearer"
