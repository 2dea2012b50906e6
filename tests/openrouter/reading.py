"""An answer read list by list, where a test wants to see them one after the other."""

from tray_proxy.errors import ProxyError


async def chunks_of(answer):
    """Give the chunks as they arrive, those that came together in one list; raises what `pour` does."""
    more, held = True, []
    while more:
        try:
            more = await answer.pour(lambda chunks: bool(held.append(chunks)))
        except ProxyError:
            for chunks in held:
                yield chunks
            raise
        for chunks in held:
            yield chunks
        held.clear()
