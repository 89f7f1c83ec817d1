"""Tiny tokenizers with each family's chat template, written from the format and not from the renderer.

Each template does in substance what the family's own tokenizers do: who trims, who folds a system text into a
user turn, who opens with a text of its own.
"""

from __future__ import annotations

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from bluebook.families import Family

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def chatml_with(default: str) -> str:
    opening = (
        "{% if messages[0].role != 'system' %}"
        "{{ '<|im_start|>system\nDEFAULT<|im_end|>\n' }}{% endif %}".replace("DEFAULT", default)
    )
    return opening + CHATML


# The newest answer gets an empty thought, earlier ones none; a thought inside an answer is cut out.
QWEN3 = (
    "{% set ns = namespace(last=0) %}"
    "{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}"
    "{% for m in messages %}{% if m.role == 'assistant' %}"
    "{{ '<|im_start|>assistant\n' }}"
    "{% if loop.index0 > ns.last %}"
    "{{ '<think>\n\n</think>\n\n' + m.content.split('</think>')[-1].lstrip('\n') }}"
    "{% else %}{{ m.content.split('</think>')[-1].lstrip('\n') if '</think>' in m.content else m.content }}"
    "{% endif %}"
    "{{ '<|im_end|>\n' }}"
    "{% else %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% if enable_thinking is defined and not enable_thinking %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{% endif %}"
)
HEADERS = (
    "{% for m in turns %}"
    "{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + m.content | trim + '<|eot_id|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
LLAMA3 = "{{ bos_token }}{% set turns = messages %}" + HEADERS
LLAMA31 = (
    "{{ bos_token }}{% set date_string = date_string or '01 Jan 2031' %}"
    "{% if messages[0].role == 'system' %}"
    "{% set s = messages[0].content | trim %}{% set turns = messages[1:] %}"
    "{% else %}{% set s = '' %}{% set turns = messages %}{% endif %}"
    "{{ '<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n' }}"
    "{{ 'Today Date: ' + date_string + '\n\n' + s + '<|eot_id|>' }}" + HEADERS
)
SPLIT = (
    "{% if messages[0].role == 'system' %}{% set s = messages[0].content %}{% set turns = messages[1:] %}"
    "{% else %}{% set turns = messages %}{% endif %}"
)
LLAMA2 = (
    SPLIT + "{% for m in turns %}{% if m.role == 'user' %}"
    "{% if loop.first and s is defined %}{% set c = '<<SYS>>\n' + s + '\n<</SYS>>\n\n' + m.content %}"
    "{% else %}{% set c = m.content %}{% endif %}"
    "{{ bos_token + '[INST] ' + c.strip() + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)


def instructed(user: str, close: str, answer: str, where: str) -> str:
    return (
        "{{ bos_token }}" + SPLIT + "{% for m in turns %}{% if m.role == 'user' %}{{ '" + user + "' }}"
        "{% if loop."
        + where
        + " and s is defined %}{{ s + '\n\n' }}{% endif %}{{ m.content + '"
        + close
        + "' }}"
        "{% else %}{{ " + answer + " + eos_token }}{% endif %}{% endfor %}"
    )


PHI3 = (
    "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
PHI4 = (
    "{% for m in messages %}"
    "{{ '<|im_start|>' + m.role + '<|im_sep|>' + m.content + '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}"
)


def gemma(opening: str) -> str:
    return (
        "{{ bos_token }}" + opening + "{% for m in turns %}"
        "{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' }}"
        "{% if loop.first and s is defined %}{{ s + '\n\n' }}{% endif %}"
        "{{ m.content | trim + '<end_of_turn>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
    )


NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% set turns = messages %}"
)
# Family -> its tokenizer's template and what the config's model_type is.
TEMPLATES: dict[str, tuple[str, str]] = {
    "qwen": (CHATML, "qwen3"),
    "qwen2": (chatml_with("You are a helpful assistant."), "qwen2"),
    "qwen25": (
        chatml_with("You are Qwen, created by Alibaba Cloud. You are a helpful assistant."),
        "qwen2",
    ),
    "qwen3": (QWEN3, "qwen3"),
    "llama3": (LLAMA3, "llama"),
    "llama31": (LLAMA31, "llama"),
    "llama2": (LLAMA2, "llama"),
    "mistral": (instructed(" [INST] ", " [/INST]", "' ' + m.content", "first"), "mistral"),
    "mistral3": (instructed("[INST] ", "[/INST]", "' ' + m.content | trim", "last"), "mistral"),
    "mistraltekken": (instructed("[INST]", "[/INST]", "m.content", "last"), "mistral"),
    "phi3": (PHI3, "phi3"),
    "phi4mini": (PHI3.replace("\n", ""), "phi3"),
    "phi4": (PHI4, "phi3"),
    "gemma": (gemma(NO_SYSTEM), "gemma2"),
    "gemma3": (gemma(SPLIT), "gemma3_text"),
}


def _finished(tokenizer: Tokenizer, family: Family, template: str | None) -> PreTrainedTokenizerFast:
    marks = [
        token for token in dict.fromkeys([family.begin, family.stop_token, *family.control_tokens]) if token
    ]
    tokenizer.add_special_tokens([AddedToken(mark, normalized=False) for mark in marks])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=family.begin or None,
        eos_token=family.stop_token,
        chat_template=template,
    )


def byte_level(family: Family, template: str | None = None) -> PreTrainedTokenizerFast:
    """One token a byte, merged where a newline follows a newline, so that a merge across turns would show."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    newline = "Ċ"
    vocabulary = {letter: index for index, letter in enumerate([*letters, newline * 2])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[(newline, newline)]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return _finished(tokenizer, family, template)


def sentence_piece(family: Family, template: str | None = None) -> PreTrainedTokenizerFast:
    """Like Llama 2's: a space becomes a letter, and one is put before a text that begins without a marker."""
    letters = ["▁", *map(chr, range(33, 127)), *(f"<0x{byte:02X}>" for byte in range(256)), "<unk>"]
    vocabulary = {letter: index for index, letter in enumerate(letters)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>", byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return _finished(tokenizer, family, template)
