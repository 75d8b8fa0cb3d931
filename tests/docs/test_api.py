"""docs/reference/api.md names every public name, with its signature."""

from collections import Counter

from tests.docs import api


def test_the_page_has_each_public_name_once_with_its_signature_and_no_other() -> None:
    assert Counter(api.rows()) == Counter(api.entries())


def test_a_signature_has_defaults_stars_and_no_annotations() -> None:
    def example(self: object, a: int, b: str = "x", *, c: object = api, **more: int) -> None:
        """Show every kind of parameter."""

    assert api.written("Thing.do", example) == 'Thing.do(a, b="x", *, c=…, **more)'
