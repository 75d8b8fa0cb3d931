import pytest
from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

from decanter.runtime.errors import DeclarationError, SettingError
from decanter.runtime.session import session
from decanter.runtime.store.tables import table


@table(env="SCORES_TABLE")
class Score(Model):
    player = UnicodeAttribute(hash_key=True)


def test_the_tables_name_is_read_when_it_is_used(
    aws_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingError, match="SCORES_TABLE is not set"):
        Score("alice").save()
    for name in ("first-scores", "second-scores"):
        monkeypatch.setenv("SCORES_TABLE", name)
        Score.create_table()
        Score(name).save()
        assert [each.player for each in Score.scan()] == [name]


def test_a_tables_client_uses_the_processs_one_session(
    aws_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORES_TABLE", "scores")
    assert Score._get_connection().connection.session is session()
    assert Score._get_connection() is Score._get_connection()


def test_a_variable_without_a_name_is_refused() -> None:
    with pytest.raises(
        DeclarationError, match="@table of Score: env must name an environment variable"
    ):
        table(env="")(Score)


def test_a_model_that_names_its_table_itself_is_refused() -> None:
    class Named(Model):
        class Meta:
            table_name = "named"

        key = UnicodeAttribute(hash_key=True)

    with pytest.raises(DeclarationError, match="its Meta must not set table_name: @table sets"):
        table(env="NAMED_TABLE")(Named)
