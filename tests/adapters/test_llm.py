import pytest

from faultmaven_adapters.llm.anthropic import AnthropicProvider
from faultmaven_adapters.llm.extractive import ExtractiveProvider
from faultmaven_adapters.llm.ollama import OllamaProvider
from faultmaven_adapters.llm.openai import OpenAIProvider
from faultmaven_domain.agent import LLMProvider
from tests.contracts.llm_provider import LLMProviderContract
from tests.contracts.llm_vendor import Vendor, VendorContract
from tests.fakes.llm import ScriptedLLM
from tests.standins.anthropic import AnthropicStandIn
from tests.standins.ollama import OllamaStandIn
from tests.standins.openai import OpenAIStandIn


class TestExtractiveProvider(LLMProviderContract):
    @pytest.fixture
    def llm(self) -> LLMProvider:
        return ExtractiveProvider()


class TestScriptedLLM(LLMProviderContract):
    """Others trust the fake to behave as a provider does."""

    @pytest.fixture
    def llm(self) -> LLMProvider:
        return ScriptedLLM()


class TestOpenAIProvider(VendorContract, LLMProviderContract):
    @pytest.fixture
    def vendor(self) -> Vendor:
        return Vendor(
            standin=OpenAIStandIn,
            provider=lambda address, key, client: OpenAIProvider(address, key, client=client),
            path="/v1",
        )


class TestAnthropicProvider(VendorContract, LLMProviderContract):
    @pytest.fixture
    def vendor(self) -> Vendor:
        return Vendor(
            standin=AnthropicStandIn,
            provider=lambda address, key, client: AnthropicProvider(address, key, client=client),
            can_filter=False,
        )


class TestOllamaProvider(VendorContract, LLMProviderContract):
    @pytest.fixture
    def vendor(self) -> Vendor:
        return Vendor(
            standin=OllamaStandIn,
            provider=lambda address, _, client: OllamaProvider(address, client=client),
            asks_for_a_key=False,
            can_refuse=False,
            can_filter=False,
            names_errors=False,
        )
