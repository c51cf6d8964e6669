"""Reading a workflow with models loads no library of any provider."""

import subprocess
import sys

PROGRAM = """
import sys
from binex.adapters.llm.adapter import LlmAdapter
from binex.adapters.base import NodeUse
from binex.models.limits import Limits

adapter = LlmAdapter(Limits())
for agent in ("openai/gpt-4o", "anthropic/claude", "gemini/x", "ollama/llama3.1:8b", "mock/a"):
    use = NodeUse("a", "llm://" + agent, None, ("topic",), {"temperature": 0.2, "api_key": "${env.K}"}, ("output",))
    assert adapter.check(use) == [], adapter.check(use)
heavy = {"pydantic_ai", "openai", "anthropic", "google.genai", "ollama", "genai_prices", "httpx", "httpx2", "mcp"}
print(sorted(heavy & set(sys.modules)))
"""


def test_checking_models_loads_no_library_of_theirs() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
