"""The table of scores."""

import os

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model


class ByRoom(GlobalSecondaryIndex):
    class Meta:
        index_name = "by-room"
        projection = AllProjection()

    room = UnicodeAttribute(hash_key=True)
    points = NumberAttribute(range_key=True)


class Score(Model):
    class Meta:
        table_name = os.environ["SCORES_TABLE"]
        region = os.environ.get("AWS_REGION", "eu-west-1")

    player = UnicodeAttribute(hash_key=True)
    room = UnicodeAttribute()
    points = NumberAttribute(default=0)
    by_room = ByRoom()
