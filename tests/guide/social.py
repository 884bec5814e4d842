"""
The models that the guide's social dashboard assumes.

Their app is not installed: the fixture ``social_tables`` makes and drops their tables.
"""

from django.contrib.auth.models import User
from django.db import models
from rest_framework import serializers


class Profile(models.Model):
    user = models.OneToOneField(User, models.CASCADE, related_name="profile")

    class Meta:
        app_label = "guide_social"


class Follow(models.Model):
    followed = models.ForeignKey(Profile, models.CASCADE, related_name="followers")
    follower = models.ForeignKey(Profile, models.CASCADE, related_name="following")

    class Meta:
        app_label = "guide_social"


class Post(models.Model):
    author = models.ForeignKey(User, models.CASCADE, related_name="+")
    text = models.CharField(max_length=200)
    created_at = models.DateTimeField()

    class Meta:
        app_label = "guide_social"


class Like(models.Model):
    post = models.ForeignKey(Post, models.CASCADE)

    class Meta:
        app_label = "guide_social"


class Comment(models.Model):
    post = models.ForeignKey(Post, models.CASCADE)

    class Meta:
        app_label = "guide_social"


MODELS = (Profile, Follow, Post, Like, Comment)


class PostSerializer(serializers.ModelSerializer):
    class Meta:
        model = Post
        fields = ("text", "created_at")
