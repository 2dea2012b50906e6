"""What the demo upstream says."""

THOUGHT = "[demo] I read the question, find that no model stands behind me, and say so."
TOLD_BY_TOOL = "[demo] The tool answered: “it is 2”. No model was called and nothing was charged."


def answer(question: str, model: str = "openai/gpt-4o-mini", *, images: int = 0) -> str:
    """The answer to a question; it names the model and how many images came with the question."""
    seen = f" I was given {images} image{'s' if images > 1 else ''}." if images else ""
    return f"[demo] You asked {model}: “{question}”.{seen} No model was called and nothing was charged."
