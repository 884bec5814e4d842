from django_partstream import ProgressiveView, lazy
from django_partstream.testing import walk


class Six(ProgressiveView):
    def get_parts(self):
        return [
            (name, lazy(lambda request, value=value: value)) for value, name in enumerate("abcdef")
        ]


def test_a_walk_delivers_every_part_once_in_order(serve):
    walked = walk(serve(Six), "/")
    assert walked.parts == {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4, "f": 5}
    assert len(walked.pages) == 3
