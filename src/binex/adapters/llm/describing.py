"""What can be told about a model before it is asked anything: its price, and where its key is expected."""

from collections.abc import Mapping

from pydantic import JsonValue

from binex.adapters.base import AgentDescription
from binex.adapters.llm.naming import ModelName
from binex.adapters.llm.port import ModelBackend
from binex.adapters.llm.prices import NO_OWN_PRICES, price_line
from binex.models.settings import OwnPrices


def describe_model(
    name: ModelName, backend: ModelBackend, config: Mapping[str, JsonValue], own: OwnPrices = NO_OWN_PRICES
) -> AgentDescription:
    """What is known of a model as a node uses it; a key of the node's own stands in for the provider's."""
    address = config.get("api_base")
    return AgentDescription(
        price=price_line(name.provider, name.model, own=own),
        key_variables=() if "api_key" in config else backend.key_variables(name.provider),
        address=address if isinstance(address, str) else "",
    )
