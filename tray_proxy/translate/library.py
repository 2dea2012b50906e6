"""
Names of Ollama's library, and the open models behind them.

Apps have `llama3.1:8b` or `nomic-embed-text` built in. Where OpenRouter serves the very same weights, told by the
model's name on Hugging Face, such a name finds them. Nothing is put in the place of something else: a size, a version
or a base model that is not served stays unknown.

Source: the tags of Ollama's library; the model cards on Hugging Face.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Family(NamedTuple):
    """
    One name of the library.

    Args:
        latest: The tag that the name alone means.
        tags: The model on Hugging Face by tag. `8b-q`: what the quantized tags of a size mean (`8b-q4_K_M`), where
            the bare tag has moved on to a newer model.
        word: What the long tags carry after the size: `-instruct` in `8b-instruct-q4_K_M`.
    """

    latest: str
    tags: dict[str, str]
    word: str = ""


_LLAMA, _MISTRAL, _QWEN, _GOOGLE, _DEEPSEEK = "meta-llama/", "mistralai/", "Qwen/", "google/", "deepseek-ai/"
_COHERE, _GRANITE, _NOUS, _COGITO = "CohereForAI/", "ibm-granite/", "NousResearch/", "deepcogito/cogito-v1-preview-"

# fmt: off
LIBRARY: dict[str, Family] = {
    # Meta
    "llama2": Family("7b", {
        "7b": f"{_LLAMA}Llama-2-7b-chat-hf", "13b": f"{_LLAMA}Llama-2-13b-chat-hf",
        "70b": f"{_LLAMA}Llama-2-70b-chat-hf"}, "-chat"),
    "llama3": Family("8b", {
        "8b": f"{_LLAMA}Meta-Llama-3-8B-Instruct", "70b": f"{_LLAMA}Meta-Llama-3-70B-Instruct"}, "-instruct"),
    "llama3.1": Family("8b", {
        "8b": f"{_LLAMA}Llama-3.1-8B-Instruct", "70b": f"{_LLAMA}Llama-3.1-70B-Instruct",
        "405b": f"{_LLAMA}Llama-3.1-405B-Instruct"}, "-instruct"),
    "llama3.2": Family("3b", {
        "1b": f"{_LLAMA}Llama-3.2-1B-Instruct", "3b": f"{_LLAMA}Llama-3.2-3B-Instruct"}, "-instruct"),
    "llama3.2-vision": Family("11b", {
        "11b": f"{_LLAMA}Llama-3.2-11B-Vision-Instruct", "90b": f"{_LLAMA}Llama-3.2-90B-Vision-Instruct"}, "-instruct"),
    "llama3.3": Family("70b", {"70b": f"{_LLAMA}Llama-3.3-70B-Instruct"}, "-instruct"),
    "llama4": Family("scout", {
        "scout": f"{_LLAMA}Llama-4-Scout-17B-16E-Instruct", "16x17b": f"{_LLAMA}Llama-4-Scout-17B-16E-Instruct",
        "maverick": f"{_LLAMA}Llama-4-Maverick-17B-128E-Instruct",
        "128x17b": f"{_LLAMA}Llama-4-Maverick-17B-128E-Instruct"}),
    "llama-guard3": Family("8b", {"1b": f"{_LLAMA}Llama-Guard-3-1B", "8b": f"{_LLAMA}Llama-Guard-3-8B"}),
    # Mistral
    "mistral": Family("7b", {
        "7b": f"{_MISTRAL}Mistral-7B-Instruct-v0.3", "7b-instruct": f"{_MISTRAL}Mistral-7B-Instruct-v0.3",
        "7b-instruct-q": f"{_MISTRAL}Mistral-7B-Instruct-v0.1", "v0.1": f"{_MISTRAL}Mistral-7B-Instruct-v0.1",
        "7b-instruct-v0.2": f"{_MISTRAL}Mistral-7B-Instruct-v0.2", "v0.2": f"{_MISTRAL}Mistral-7B-Instruct-v0.2",
        "v0.3": f"{_MISTRAL}Mistral-7B-Instruct-v0.3"}, "-instruct-v0.3"),
    "mistral-nemo": Family("12b", {"12b": f"{_MISTRAL}Mistral-Nemo-Instruct-2407"}, "-instruct-2407"),
    "mistral-small": Family("24b", {
        "22b": f"{_MISTRAL}Mistral-Small-Instruct-2409", "22b-instruct-2409": f"{_MISTRAL}Mistral-Small-Instruct-2409",
        "24b": f"{_MISTRAL}Mistral-Small-24B-Instruct-2501"}, "-instruct-2501"),
    "mistral-small3.1": Family("24b", {"24b": f"{_MISTRAL}Mistral-Small-3.1-24B-Instruct-2503"}, "-instruct-2503"),
    "mistral-small3.2": Family("24b", {"24b": f"{_MISTRAL}Mistral-Small-3.2-24B-Instruct-2506"}, "-instruct-2506"),
    "mistral-large": Family("123b", {
        "123b": f"{_MISTRAL}Mistral-Large-Instruct-2411",
        "123b-instruct-2407": f"{_MISTRAL}Mistral-Large-Instruct-2407"}, "-instruct-2411"),
    "mistral-large-3": Family("675b", {"675b": f"{_MISTRAL}Mistral-Large-3-675B-Instruct-2512"}),
    "ministral-3": Family("8b", {
        "3b": f"{_MISTRAL}Ministral-3-3B-Instruct-2512", "8b": f"{_MISTRAL}Ministral-3-8B-Instruct-2512",
        "14b": f"{_MISTRAL}Ministral-3-14B-Instruct-2512"}, "-instruct-2512"),
    "mixtral": Family("8x7b", {
        "8x7b": f"{_MISTRAL}Mixtral-8x7B-Instruct-v0.1",
        "8x22b": f"{_MISTRAL}Mixtral-8x22B-Instruct-v0.1"}, "-instruct-v0.1"),
    "codestral": Family("22b", {"22b": f"{_MISTRAL}Codestral-22B-v0.1"}, "-v0.1"),
    "mathstral": Family("7b", {"7b": f"{_MISTRAL}Mathstral-7B-v0.1"}, "-v0.1"),
    "devstral": Family("24b", {"24b": f"{_MISTRAL}Devstral-Small-2505"}, "-small-2505"),
    "devstral-2": Family("123b", {"123b": f"{_MISTRAL}Devstral-2-123B-Instruct-2512"}, "-instruct-2512"),
    "devstral-small-2": Family("24b", {"24b": f"{_MISTRAL}Devstral-Small-2-24B-Instruct-2512"}, "-instruct-2512"),
    "magistral": Family("24b", {"24b": f"{_MISTRAL}Magistral-Small-2506"}, "-small-2506"),
    # Alibaba
    "qwen": Family("4b", {
        size: f"{_QWEN}Qwen1.5-{size.upper()}-Chat"
        for size in ("0.5b", "1.8b", "4b", "7b", "14b", "32b", "72b", "110b")}, "-chat-v1.5"),
    "qwen2": Family("7b", {
        size: f"{_QWEN}Qwen2-{size.upper()}-Instruct" for size in ("0.5b", "1.5b", "7b", "72b")}, "-instruct"),
    "qwen2.5": Family("7b", {
        size: f"{_QWEN}Qwen2.5-{size.upper()}-Instruct" for size in ("0.5b", "1.5b", "3b", "7b", "14b", "32b", "72b")
        }, "-instruct"),
    "qwen2.5-coder": Family("7b", {
        size: f"{_QWEN}Qwen2.5-Coder-{size.upper()}-Instruct" for size in ("0.5b", "1.5b", "3b", "7b", "14b", "32b")
        }, "-instruct"),
    "qwen2.5vl": Family("7b", {
        size: f"{_QWEN}Qwen2.5-VL-{size.upper()}-Instruct" for size in ("3b", "7b", "32b", "72b")}),
    "qwen3": Family("8b", {
        "0.6b": f"{_QWEN}Qwen3-0.6B", "1.7b": f"{_QWEN}Qwen3-1.7B", "8b": f"{_QWEN}Qwen3-8B",
        "14b": f"{_QWEN}Qwen3-14B", "32b": f"{_QWEN}Qwen3-32B",
        # The bare tags of these sizes were moved to the thinking models of July 2025.
        "4b": f"{_QWEN}Qwen3-4B-Thinking-2507", "4b-q": f"{_QWEN}Qwen3-4B",
        "4b-thinking": f"{_QWEN}Qwen3-4B-Thinking-2507", "4b-thinking-2507": f"{_QWEN}Qwen3-4B-Thinking-2507",
        "4b-instruct": f"{_QWEN}Qwen3-4B-Instruct-2507", "4b-instruct-2507": f"{_QWEN}Qwen3-4B-Instruct-2507",
        "30b": f"{_QWEN}Qwen3-30B-A3B-Thinking-2507", "30b-a3b": f"{_QWEN}Qwen3-30B-A3B-Thinking-2507",
        "30b-a3b-q": f"{_QWEN}Qwen3-30B-A3B", "30b-thinking": f"{_QWEN}Qwen3-30B-A3B-Thinking-2507",
        "30b-a3b-thinking-2507": f"{_QWEN}Qwen3-30B-A3B-Thinking-2507",
        "30b-instruct": f"{_QWEN}Qwen3-30B-A3B-Instruct-2507",
        "30b-a3b-instruct-2507": f"{_QWEN}Qwen3-30B-A3B-Instruct-2507",
        "235b": f"{_QWEN}Qwen3-235B-A22B-Thinking-2507", "235b-a22b": f"{_QWEN}Qwen3-235B-A22B-Thinking-2507",
        "235b-a22b-q": f"{_QWEN}Qwen3-235B-A22B", "235b-thinking": f"{_QWEN}Qwen3-235B-A22B-Thinking-2507",
        "235b-a22b-thinking-2507": f"{_QWEN}Qwen3-235B-A22B-Thinking-2507",
        "235b-instruct": f"{_QWEN}Qwen3-235B-A22B-Instruct-2507",
        "235b-a22b-instruct-2507": f"{_QWEN}Qwen3-235B-A22B-Instruct-2507"}),
    "qwen3-coder": Family("30b", {
        "30b": f"{_QWEN}Qwen3-Coder-30B-A3B-Instruct", "30b-a3b": f"{_QWEN}Qwen3-Coder-30B-A3B-Instruct",
        "480b": f"{_QWEN}Qwen3-Coder-480B-A35B-Instruct", "480b-a35b": f"{_QWEN}Qwen3-Coder-480B-A35B-Instruct"}),
    "qwen3-vl": Family("", {
        f"{size}-{kind}": f"{_QWEN}Qwen3-VL-{weights}-{kind.title()}"
        for size, weights in (("2b", "2B"), ("4b", "4B"), ("8b", "8B"), ("30b", "30B-A3B"), ("30b-a3b", "30B-A3B"),
                              ("32b", "32B"), ("235b", "235B-A22B"), ("235b-a22b", "235B-A22B"))
        for kind in ("instruct", "thinking")}),
    "qwen3-next": Family("", {
        "80b-instruct": f"{_QWEN}Qwen3-Next-80B-A3B-Instruct",
        "80b-a3b-instruct": f"{_QWEN}Qwen3-Next-80B-A3B-Instruct",
        "80b-thinking": f"{_QWEN}Qwen3-Next-80B-A3B-Thinking",
        "80b-a3b-thinking": f"{_QWEN}Qwen3-Next-80B-A3B-Thinking"}),
    "qwen3-embedding": Family("8b", {
        size: f"{_QWEN}Qwen3-Embedding-{size.upper()}" for size in ("0.6b", "4b", "8b")}),
    "qwen3.5": Family("9b", {
        "9b": f"{_QWEN}Qwen3.5-9B", "27b": f"{_QWEN}Qwen3.5-27B", "35b": f"{_QWEN}Qwen3.5-35B-A3B",
        "35b-a3b": f"{_QWEN}Qwen3.5-35B-A3B", "122b": f"{_QWEN}Qwen3.5-122B-A10B",
        "122b-a10b": f"{_QWEN}Qwen3.5-122B-A10B", "397b": f"{_QWEN}Qwen3.5-397B-A17B"}),
    "qwen3.6": Family("", {"27b": f"{_QWEN}Qwen3.6-27B"}),
    "qwq": Family("32b", {"32b": f"{_QWEN}QwQ-32B", "32b-preview": f"{_QWEN}QwQ-32B-Preview"}),
    "codeqwen": Family("7b", {"7b": f"{_QWEN}CodeQwen1.5-7B-Chat"}, "-chat-v1.5"),
    # Google
    "gemma": Family("7b", {"2b": f"{_GOOGLE}gemma-1.1-2b-it", "7b": f"{_GOOGLE}gemma-1.1-7b-it"}, "-instruct-v1.1"),
    "gemma2": Family("9b", {
        "2b": f"{_GOOGLE}gemma-2-2b-it", "9b": f"{_GOOGLE}gemma-2-9b-it", "27b": f"{_GOOGLE}gemma-2-27b-it"
        }, "-instruct"),
    "gemma3": Family("4b", {
        "270m": f"{_GOOGLE}gemma-3-270m-it", "1b": f"{_GOOGLE}gemma-3-1b-it", "4b": f"{_GOOGLE}gemma-3-4b-it",
        "12b": f"{_GOOGLE}gemma-3-12b-it", "27b": f"{_GOOGLE}gemma-3-27b-it"}, "-it"),
    "gemma3n": Family("e4b", {"e2b": f"{_GOOGLE}gemma-3n-E2B-it", "e4b": f"{_GOOGLE}gemma-3n-E4B-it"}, "-it"),
    "gemma4": Family("e4b", {
        "e2b": f"{_GOOGLE}gemma-4-E2B-it", "e4b": f"{_GOOGLE}gemma-4-E4B-it", "26b": f"{_GOOGLE}gemma-4-26B-A4B-it",
        "31b": f"{_GOOGLE}gemma-4-31B-it"}, "-it"),
    "embeddinggemma": Family("300m", {"300m": f"{_GOOGLE}embeddinggemma-300m"}),
    # Microsoft
    "phi3": Family("mini", {
        "instruct": "microsoft/Phi-3-mini-128k-instruct", "3.8b-instruct": "microsoft/Phi-3-mini-128k-instruct",
        "mini": "microsoft/Phi-3-mini-128k-instruct", "3.8b": "microsoft/Phi-3-mini-128k-instruct",
        "mini-128k": "microsoft/Phi-3-mini-128k-instruct",
        "3.8b-mini-128k-instruct": "microsoft/Phi-3-mini-128k-instruct",
        "mini-4k": "microsoft/Phi-3-mini-4k-instruct", "3.8b-mini-4k-instruct": "microsoft/Phi-3-mini-4k-instruct",
        "medium": "microsoft/Phi-3-medium-128k-instruct", "14b": "microsoft/Phi-3-medium-128k-instruct",
        "medium-128k": "microsoft/Phi-3-medium-128k-instruct", "14b-instruct": "microsoft/Phi-3-medium-128k-instruct",
        "14b-medium-128k-instruct": "microsoft/Phi-3-medium-128k-instruct",
        "medium-4k": "microsoft/Phi-3-medium-4k-instruct"}),
    "phi3.5": Family("3.8b", {"3.8b": "microsoft/Phi-3.5-mini-instruct"}, "-mini-instruct"),
    "phi4": Family("14b", {"14b": "microsoft/phi-4"}),
    "phi4-mini": Family("3.8b", {"3.8b": "microsoft/Phi-4-mini-instruct"}),
    "phi4-reasoning": Family("14b", {
        "14b": "microsoft/Phi-4-reasoning", "plus": "microsoft/Phi-4-reasoning-plus",
        "14b-plus": "microsoft/Phi-4-reasoning-plus"}),
    "phi4-mini-reasoning": Family("3.8b", {"3.8b": "microsoft/Phi-4-mini-reasoning"}),
    "wizardlm2": Family("7b", {"7b": "microsoft/WizardLM-2-7B", "8x22b": "microsoft/WizardLM-2-8x22B"}),
    # DeepSeek
    "deepseek-r1": Family("8b", {
        "1.5b": f"{_DEEPSEEK}DeepSeek-R1-Distill-Qwen-1.5B", "7b": f"{_DEEPSEEK}DeepSeek-R1-Distill-Qwen-7B",
        "8b": f"{_DEEPSEEK}DeepSeek-R1-0528-Qwen3-8B", "8b-0528-qwen3": f"{_DEEPSEEK}DeepSeek-R1-0528-Qwen3-8B",
        "8b-llama-distill": f"{_DEEPSEEK}DeepSeek-R1-Distill-Llama-8B",
        "14b": f"{_DEEPSEEK}DeepSeek-R1-Distill-Qwen-14B", "32b": f"{_DEEPSEEK}DeepSeek-R1-Distill-Qwen-32B",
        "70b": f"{_DEEPSEEK}DeepSeek-R1-Distill-Llama-70B",
        "70b-llama-distill": f"{_DEEPSEEK}DeepSeek-R1-Distill-Llama-70B",
        "671b": f"{_DEEPSEEK}DeepSeek-R1-0528", "671b-0528": f"{_DEEPSEEK}DeepSeek-R1-0528",
        "671b-q": f"{_DEEPSEEK}DeepSeek-R1"}, "-qwen-distill"),
    "deepseek-v2": Family("16b", {
        "16b": f"{_DEEPSEEK}DeepSeek-V2-Lite-Chat", "236b": f"{_DEEPSEEK}DeepSeek-V2-Chat"}),
    "deepseek-v2.5": Family("236b", {"236b": f"{_DEEPSEEK}DeepSeek-V2.5"}),
    "deepseek-v3": Family("671b", {"671b": f"{_DEEPSEEK}DeepSeek-V3"}),
    "deepseek-v3.1": Family("671b", {
        "671b": f"{_DEEPSEEK}DeepSeek-V3.1", "671b-terminus": f"{_DEEPSEEK}DeepSeek-V3.1-Terminus"}),
    "deepseek-coder": Family("1.3b", {
        "1.3b": f"{_DEEPSEEK}deepseek-coder-1.3b-instruct", "6.7b": f"{_DEEPSEEK}deepseek-coder-6.7b-instruct",
        "33b": f"{_DEEPSEEK}deepseek-coder-33b-instruct"}, "-instruct"),
    "deepseek-coder-v2": Family("16b", {
        "16b": f"{_DEEPSEEK}DeepSeek-Coder-V2-Lite-Instruct", "236b": f"{_DEEPSEEK}DeepSeek-Coder-V2-Instruct",
        "16b-lite-instruct": f"{_DEEPSEEK}DeepSeek-Coder-V2-Lite-Instruct"}, "-instruct"),
    # Others who make large models
    "gpt-oss": Family("20b", {"20b": "openai/gpt-oss-20b", "120b": "openai/gpt-oss-120b"}),
    "gpt-oss-safeguard": Family("20b", {
        "20b": "openai/gpt-oss-safeguard-20b", "120b": "openai/gpt-oss-safeguard-120b"}),
    "kimi-k2": Family("1t", {"1t": "moonshotai/Kimi-K2-Instruct-0905"}),
    "kimi-k2-thinking": Family("1t", {"1t": "moonshotai/Kimi-K2-Thinking"}),
    "glm4": Family("9b", {"9b": "zai-org/glm-4-9b-chat"}, "-chat"),
    "glm-4.6": Family("cloud", {"cloud": "zai-org/GLM-4.6"}),
    "glm-4.7": Family("cloud", {"cloud": "zai-org/GLM-4.7"}),
    "glm-4.7-flash": Family("latest", {"latest": "zai-org/GLM-4.7-Flash"}),
    "minimax-m2": Family("cloud", {"cloud": "MiniMaxAI/MiniMax-M2"}),
    "command-r": Family("35b", {"35b": f"{_COHERE}c4ai-command-r-08-2024"}, "-08-2024"),
    "command-r-plus": Family("104b", {"104b": f"{_COHERE}c4ai-command-r-plus-08-2024"}, "-08-2024"),
    "command-r7b": Family("7b", {"7b": f"{_COHERE}c4ai-command-r7b-12-2024"}, "-12-2024"),
    "command-a": Family("111b", {"111b": f"{_COHERE}c4ai-command-a-03-2025"}, "-03-2025"),
    "aya": Family("8b", {"8b": f"{_COHERE}aya-23-8B", "35b": f"{_COHERE}aya-23-35B"}, "-23"),
    "aya-expanse": Family("8b", {"8b": f"{_COHERE}aya-expanse-8b", "32b": f"{_COHERE}aya-expanse-32b"}),
    "nemotron": Family("70b", {"70b": "nvidia/Llama-3.1-Nemotron-70B-Instruct-HF"}, "-instruct"),
    "nemotron-mini": Family("4b", {"4b": "nvidia/Nemotron-Mini-4B-Instruct"}, "-instruct"),
    "nemotron-3-nano": Family("30b", {
        "30b": "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
        "30b-a3b": "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16"}),
    "granite3.1-dense": Family("8b", {
        "2b": f"{_GRANITE}granite-3.1-2b-instruct", "8b": f"{_GRANITE}granite-3.1-8b-instruct"}, "-instruct"),
    "granite3.2": Family("8b", {
        "2b": f"{_GRANITE}granite-3.2-2b-instruct", "8b": f"{_GRANITE}granite-3.2-8b-instruct"}, "-instruct"),
    "granite3.3": Family("8b", {
        "2b": f"{_GRANITE}granite-3.3-2b-instruct", "8b": f"{_GRANITE}granite-3.3-8b-instruct"}),
    "granite4": Family("micro", {
        "micro": f"{_GRANITE}granite-4.0-micro", "micro-h": f"{_GRANITE}granite-4.0-h-micro",
        "tiny-h": f"{_GRANITE}granite-4.0-h-tiny", "small-h": f"{_GRANITE}granite-4.0-h-small"}),
    "olmo2": Family("7b", {
        "7b": "allenai/OLMo-2-1124-7B-Instruct", "13b": "allenai/OLMo-2-1124-13B-Instruct"}, "-1124-instruct"),
    "olmo-3": Family("", {
        "7b-instruct": "allenai/Olmo-3-7B-Instruct", "7b-think": "allenai/Olmo-3-7B-Think",
        "32b-think": "allenai/Olmo-3-32B-Think"}),
    "olmo-3.1": Family("", {
        "32b-instruct": "allenai/Olmo-3.1-32B-Instruct", "32b-think": "allenai/Olmo-3.1-32B-Think"}),
    "tulu3": Family("8b", {"8b": "allenai/Llama-3.1-Tulu-3-8B", "70b": "allenai/Llama-3.1-Tulu-3-70B"}),
    "yi": Family("6b", {
        "6b": "01-ai/Yi-1.5-6B-Chat", "9b": "01-ai/Yi-1.5-9B-Chat", "34b": "01-ai/Yi-1.5-34B-Chat"}, "-chat-v1.5"),
    "yi-coder": Family("9b", {"1.5b": "01-ai/Yi-Coder-1.5B-Chat", "9b": "01-ai/Yi-Coder-9B-Chat"}, "-chat"),
    "solar": Family("10.7b", {"10.7b": "upstage/SOLAR-10.7B-Instruct-v1.0"}, "-instruct-v1"),
    "solar-pro": Family("22b", {"22b": "upstage/solar-pro-preview-instruct"}, "-preview-instruct"),
    "falcon": Family("7b", {"7b": "tiiuae/falcon-7b-instruct", "40b": "tiiuae/falcon-40b-instruct"}, "-instruct"),
    "falcon3": Family("7b", {
        size: f"tiiuae/Falcon3-{size.upper()}-Instruct" for size in ("1b", "3b", "7b", "10b")}, "-instruct"),
    "exaone3.5": Family("7.8b", {
        size: f"LGAI-EXAONE/EXAONE-3.5-{size.upper()}-Instruct" for size in ("2.4b", "7.8b", "32b")}, "-instruct"),
    "exaone-deep": Family("7.8b", {
        size: f"LGAI-EXAONE/EXAONE-Deep-{size.upper()}" for size in ("2.4b", "7.8b", "32b")}),
    "dbrx": Family("132b", {"132b": "databricks/dbrx-instruct"}, "-instruct"),
    "starcoder2": Family("3b", {
        "3b": "bigcode/starcoder2-3b", "7b": "bigcode/starcoder2-7b", "15b": "bigcode/starcoder2-15b",
        "instruct": "bigcode/starcoder2-15b-instruct-v0.1", "15b-instruct": "bigcode/starcoder2-15b-instruct-v0.1"}),
    "smollm2": Family("1.7b", {
        size: f"HuggingFaceTB/SmolLM2-{size.upper()}-Instruct" for size in ("135m", "360m", "1.7b")}, "-instruct"),
    "tinyllama": Family("1.1b", {"1.1b": "TinyLlama/TinyLlama-1.1B-Chat-v1.0"}, "-chat-v1"),
    # Made from others' models
    "hermes3": Family("8b", {
        "3b": f"{_NOUS}Hermes-3-Llama-3.2-3B", "8b": f"{_NOUS}Hermes-3-Llama-3.1-8B",
        "70b": f"{_NOUS}Hermes-3-Llama-3.1-70B", "405b": f"{_NOUS}Hermes-3-Llama-3.1-405B"}, "-llama3.1"),
    "nous-hermes2": Family("10.7b", {
        "10.7b": f"{_NOUS}Nous-Hermes-2-SOLAR-10.7B", "34b": f"{_NOUS}Nous-Hermes-2-Yi-34B"}),
    "nous-hermes2-mixtral": Family("8x7b", {
        "8x7b": f"{_NOUS}Nous-Hermes-2-Mixtral-8x7B-DPO", "dpo": f"{_NOUS}Nous-Hermes-2-Mixtral-8x7B-DPO"}, "-dpo"),
    "openhermes": Family("v2.5", {"v2.5": "teknium/OpenHermes-2.5-Mistral-7B"}),
    "dolphin3": Family("8b", {"8b": "cognitivecomputations/Dolphin3.0-Llama3.1-8B"}, "-llama3.1"),
    "dolphin-llama3": Family("8b", {"8b": "cognitivecomputations/dolphin-2.9-llama3-8b"}, "-v2.9"),
    "dolphin-mistral": Family("7b", {"7b": "cognitivecomputations/dolphin-2.8-mistral-7b-v02"}, "-v2.8"),
    "zephyr": Family("7b", {
        "7b": "HuggingFaceH4/zephyr-7b-beta", "141b": "HuggingFaceH4/zephyr-orpo-141b-A35b-v0.1"}, "-beta"),
    "openchat": Family("7b", {"7b": "openchat/openchat-3.5-0106"}),
    "starling-lm": Family("7b", {"7b": "Nexusflow/Starling-LM-7B-beta"}, "-beta"),
    "athene-v2": Family("72b", {"72b": "Nexusflow/Athene-V2-Chat"}),
    "cogito": Family("8b", {
        "3b": f"{_COGITO}llama-3B", "8b": f"{_COGITO}llama-8B", "14b": f"{_COGITO}qwen-14B",
        "32b": f"{_COGITO}qwen-32B", "70b": f"{_COGITO}llama-70B"}),
    "deepcoder": Family("14b", {
        "1.5b": "agentica-org/DeepCoder-1.5B-Preview", "14b": "agentica-org/DeepCoder-14B-Preview"}, "-preview"),
    "r1-1776": Family("70b", {
        "70b": "perplexity-ai/r1-1776-distill-llama-70b", "671b": "perplexity-ai/r1-1776"}),
    "llava": Family("7b", {
        "7b": "liuhaotian/llava-v1.6-mistral-7b", "13b": "liuhaotian/llava-v1.6-vicuna-13b",
        "34b": "liuhaotian/llava-v1.6-34b"}),
    # Embeddings
    "nomic-embed-text": Family("v1.5", {"v1.5": "nomic-ai/nomic-embed-text-v1.5",
                                        "137m-v1.5": "nomic-ai/nomic-embed-text-v1.5"}),
    "nomic-embed-text-v2-moe": Family("latest", {"latest": "nomic-ai/nomic-embed-text-v2-moe"}),
    "mxbai-embed-large": Family("335m", {"335m": "mixedbread-ai/mxbai-embed-large-v1"}, "-v1"),
    "bge-m3": Family("567m", {"567m": "BAAI/bge-m3"}),
    "bge-large": Family("335m", {"335m": "BAAI/bge-large-en-v1.5"}, "-en-v1.5"),
    "all-minilm": Family("22m", {
        "22m": "sentence-transformers/all-MiniLM-L6-v2", "33m": "sentence-transformers/all-MiniLM-L12-v2",
        "l6-v2": "sentence-transformers/all-MiniLM-L6-v2", "l12-v2": "sentence-transformers/all-MiniLM-L12-v2"}),
    "snowflake-arctic-embed": Family("335m", {
        "22m": "Snowflake/snowflake-arctic-embed-xs", "33m": "Snowflake/snowflake-arctic-embed-s",
        "110m": "Snowflake/snowflake-arctic-embed-m", "137m": "Snowflake/snowflake-arctic-embed-m-long",
        "335m": "Snowflake/snowflake-arctic-embed-l"}),
    "snowflake-arctic-embed2": Family("568m", {"568m": "Snowflake/snowflake-arctic-embed-l-v2.0"}),
    "granite-embedding": Family("30m", {
        "30m": f"{_GRANITE}granite-embedding-30m-english", "278m": f"{_GRANITE}granite-embedding-278m-multilingual"}),
    "paraphrase-multilingual": Family("278m", {
        "278m": "sentence-transformers/paraphrase-multilingual-mpnet-base-v2"}),
}
# fmt: on

# Owners and models that were renamed on Hugging Face; the catalogue may know them by either name.
_RENAMED = (
    ("coherelabs/", "cohereforai/"),
    ("dphn/", "cognitivecomputations/"),
    ("thudm/", "zai-org/"),
    ("meta-llama/meta-llama-3.1-", "meta-llama/llama-3.1-"),
)
_QUANTIZED = re.compile(r"(?:-(?:i?q[2-8](?:_\w+)?|fp16|bf16|f16|fp8|int[48]|qat|mxfp[48]|nvfp4))+$")
# What Ollama's own cloud serves is the same model.
_CLOUD = re.compile(r"-?cloud$")


def weights(name: str, tag: str) -> str | None:
    """Return the Hugging Face name behind a name and a tag ("": the latest) of Ollama's library."""
    family = LIBRARY.get(name)
    if family is None:
        return None
    return _tagged(family, tag or family.latest) or _tagged(family, _CLOUD.sub("", tag) or family.latest)


def _tagged(family: Family, tag: str) -> str | None:
    size = _QUANTIZED.sub("", tag)
    if size != tag and f"{size}-q" in family.tags:
        return family.tags[f"{size}-q"]
    if tag.endswith("-q"):
        return None  # a mark of the table, not a tag
    # `instruct` alone is the latest one, which is made for instructions.
    if size in ("instruct", "chat") and family.word.startswith(f"-{size}"):
        size = family.latest
    return family.tags.get(size) or family.tags.get(size.removesuffix(family.word))


def _one_name(hugging_face_id: str) -> str:
    spelled = hugging_face_id.casefold()
    for renamed, name in _RENAMED:
        if spelled.startswith(renamed):
            return name + spelled.removeprefix(renamed)
    return spelled


class Library:
    """
    Which models stand behind the names of Ollama's library.

    Args:
        models: Ids of the catalogue, each with its name on Hugging Face.
    """

    def __init__(self, models: Iterable[tuple[str, str | None]]) -> None:
        self._served: dict[str, str] = {}
        # The model itself before its variants (`:free`); one that is answered hours later does not serve an app.
        for model_id, name in sorted(models, key=lambda model: ":" in model[0]):
            if name and not model_id.startswith("~") and not model_id.endswith(":batch"):
                self._served.setdefault(_one_name(name), model_id)

    def find(self, name: str) -> str | None:
        """Return the id of the model that a name of the library means; in lower case, without `:latest`."""
        family, _, tag = name.partition(":")
        found = weights(family, tag)
        return None if found is None else self._served.get(_one_name(found))

    def names(self) -> Iterator[tuple[str, str]]:
        """Give each name of the library that finds a model, as Ollama would list it, and the model's id."""
        for name, family in LIBRARY.items():
            for tag in {**family.tags, "latest": ""}:
                if not tag.endswith("-q") and (found := self.find(f"{name}:{tag}".removesuffix(":latest"))):
                    yield f"{name}:{tag}", found
