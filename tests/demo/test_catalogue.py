"""The demo's models, held against OpenRouter's schema."""

import pytest

from tray_proxy.demo import catalogue


def test_every_row_has_what_the_schema_demands(conforms) -> None:
    """A catalogue that OpenRouter could not have sent would hide mistakes in reading the real one."""
    conforms("models", catalogue.list_response(catalogue.models_with_output("all")))


def test_every_name_says_that_it_is_a_demo() -> None:
    """Nobody may take a demo row for a model that answers."""
    names = [model.entry()["name"] for model in catalogue.models_with_output("all")]

    assert [name for name in names if not name.endswith(" (demo)")] == []


def test_text_models_are_listed_by_default_and_embeddings_apart() -> None:
    """OpenRouter leaves embedding models out unless they are asked for."""
    texts = {model.id for model in catalogue.models_with_output(None)}
    vectors = {model.id for model in catalogue.models_with_output("embeddings")}

    assert vectors == {"openai/text-embedding-3-small", "baai/bge-m3"}
    assert texts & vectors == set()
    assert len(catalogue.models_with_output("all")) == len(texts) + len(vectors) == 17


@pytest.mark.parametrize("slug", ["openai/gpt-4o:nitro", "deepseek/deepseek-r1:free:online", "openai/gpt-4o"])
def test_dynamic_variants_may_follow_any_slug(slug: str) -> None:
    """They have no rows of their own and may stack."""
    model = catalogue.find_model(slug)

    assert model is not None
    assert slug.startswith(model.id)


@pytest.mark.parametrize("slug", ["gpt-4o", "openai/gpt-4o:latest", "openai/gpt-4o:free", "", ":nitro"])
def test_a_name_that_only_looks_right_is_unknown(slug: str) -> None:
    """Short names and Ollama's `:latest` are ours to translate, not OpenRouter's to understand."""
    assert catalogue.find_model(slug) is None


def test_two_vendors_share_a_short_name() -> None:
    """So that ambiguity can be met in the demo."""
    short = [model.id for model in catalogue.models_with_output(None) if model.id.endswith("/deepseek-r1")]

    assert short == ["deepseek/deepseek-r1", "perplexity/deepseek-r1"]


def test_an_alias_names_its_target_and_lets_it_answer() -> None:
    """`~vendor/family-latest` is priced like its target."""
    alias = catalogue.find_model("~anthropic/claude-sonnet-latest")

    assert alias is not None
    assert alias.entry()["alias_target"] == {
        "slug": "anthropic/claude-sonnet-4",
        "name": "Anthropic: Claude Sonnet 4 (demo)",
    }
    assert catalogue.serving_model(alias).id == "anthropic/claude-sonnet-4"


def test_a_price_that_varies_costs_nothing() -> None:
    """Routers report "-1"; multiplied it would be a gain."""
    router = catalogue.find_model("openrouter/auto")

    assert router is not None
    assert router.entry()["pricing"] == {"prompt": "-1", "completion": "-1"}
    assert router.cost_usd(1000, 1000) == 0.0


def test_costs_follow_the_price_per_token() -> None:
    """The ledger is tested with these figures."""
    model = catalogue.find_model("openai/gpt-4o")

    assert model is not None
    assert model.cost_usd(1000, 100) == 0.0035
